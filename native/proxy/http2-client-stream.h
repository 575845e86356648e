// A stream of a client's HTTP/2 connection, and its exchange. Lives until the exchange is over; what
// the client still sends is the connection's to drop.
#pragma once

#include "http2/session.h"
#include "proxy/exchange.h"

namespace mesh {

class Http2Server;

class Http2ClientStream final : public Disposable, public ClientStream {
 public:
  Http2ClientStream(Http2Server& server, http2::StreamId stream, const RequestHead& head,
                    http2::End end);
  Exchange& exchange() { return exchange_; }

  Worker& worker() override;
  Destination& destination() override;
  const SocketAddress& client() const override;
  const SocketAddress& original() const override;
  bool speaksHttp2() const override { return true; }
  void respond(const ResponseHead& head, bool last, Origin origin) override;
  size_t sendData(std::string_view data) override;
  void sendEnd(const FieldTable& trailers) override;
  void answer(const Answer& answer) override;
  bool endFailed(const Answer& answer) override;
  void reset(uint32_t code) override;
  void consumed(size_t bytes) override;
  void refuseRest() override;
  void release() override;

 private:
  Http2Server& server_;
  const http2::StreamId stream_;
  const bool grpc_;
  Exchange exchange_;
};

}  // namespace mesh

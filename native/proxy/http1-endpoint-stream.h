// An exchange over HTTP/1.1 on a connection of its own: the request is framed by its content-length
// or chunked, the response decoded. The connection goes back to its pool when both messages
// were complete. An extended CONNECT for WebSocket becomes an upgrade, after which both directions
// are bytes and each ends on its own.
#pragma once

#include <memory>

#include "http1/parser.h"
#include "proxy/body-relay.h"
#include "proxy/endpoint-connection.h"
#include "proxy/endpoint-stream.h"

namespace mesh {

class Worker;

class Http1EndpointStream final : public EndpointStream, public IoHandler {
 public:
  Http1EndpointStream(Worker& worker, EndpointStreamOwner& owner,
                      std::unique_ptr<EndpointConnection> connection);
  ~Http1EndpointStream() override;

  void start(RequestHead& head, bool last) override;
  void send(Buffer& body, bool ended, const FieldTable& trailers) override;
  bool requestSent() const override;
  Next next() override;
  const ResponseHead& head() const override;
  bool headIsAll() const override { return responseBody_.complete(); }
  std::string_view data() const override { return data_; }
  void consumed(size_t bytes) override;
  const FieldTable& trailers() const override;
  StreamFailure failure() const override { return failure_; }
  bool reused() const override { return reused_; }
  const SocketAddress& endpoint() const override { return connection_->address(); }
  EndpointCounters& counters() override { return connection_->counters(); }
  void close() override;

  void onIo(uint32_t fresh) override;

 private:
  enum class Phase : uint8_t { Head, Body, Done, Failed };
  void writeHead(const RequestHead& head, const http1::Framing& framing);
  void startWebsocket(RequestHead& head);
  Next acceptHead(ResponseHead& head);
  Next openTunnel(ResponseHead& head);
  bool write(Buffer& body, std::string_view direct);
  Next nextHead();
  Next nextBody();
  // More bytes from the socket: Data when some came.
  Next readMore(size_t size, std::string_view where);
  Next fail(Reason reason, int error, std::string_view detail);

  Worker& worker_;
  EndpointStreamOwner& owner_;
  std::unique_ptr<EndpointConnection> connection_;
  const bool reused_;
  Method method_ = Method::Other;
  Buffer out_;  // to the endpoint: head and encoded body
  BodyRelay requestBody_;
  bool endEncoded_ = false;
  bool broken_ = false;  // the endpoint takes nothing any more
  BodyRelay responseBody_;
  Buffer decoded_;
  http1::HeadProgress progress_;
  Phase phase_ = Phase::Head;
  bool keepAlive_ = false;
  bool begun_ = false;  // a byte of a response has arrived
  std::string_view data_;
  bool direct_ = false;  // `data_` stands in the connection's buffer
  std::string trailerText_;
  StreamFailure failure_;
  // A tunnel: nothing of the client's goes before the endpoint has agreed.
  enum class Tunnel : uint8_t { None, Asked, Open };
  Tunnel tunnel_ = Tunnel::None;
  std::string websocketKey_;
};

}  // namespace mesh

// An exchange over one stream of an HTTP/2 connection to an endpoint. Data that arrives is held up
// to the stream's window; heads are passed on as they arrive.
#pragma once

#include <string>

#include "proxy/endpoint-stream.h"
#include "proxy/http2-client.h"
#include "proxy/stored-request.h"

namespace mesh {

class Http2EndpointStream final : public EndpointStream {
 public:
  Http2EndpointStream(Worker& worker, EndpointStreamOwner& owner, Http2Client& client);
  ~Http2EndpointStream() override;

  void start(RequestHead& head, bool last) override;
  void send(Buffer& body, bool ended, const FieldTable& trailers) override;
  bool requestSent() const override { return endSent_ || failed_; }
  Next next() override;
  const ResponseHead& head() const override { return *head_; }
  bool headIsAll() const override { return ended_; }
  std::string_view data() const override { return body_.view(); }
  void consumed(size_t bytes) override;
  const FieldTable& trailers() const override;
  StreamFailure failure() const override { return failure_; }
  bool reused() const override { return reused_; }
  const SocketAddress& endpoint() const override { return address_; }
  EndpointCounters& counters() override { return counters_; }
  void close() override;

  // From the connection.
  void onHead(const ResponseHead& head, http2::End end);
  void onData(std::string_view data);
  void onEnd(const FieldTable& trailers);
  void onFailed(StreamFailure failure);
  // The endpoint's SETTINGS have come, which extended CONNECT has to wait for.
  void onSettled();
  void changed() { owner_.onEndpointStream(); }

 private:
  void open(const RequestHead& head, bool last);
  void failToOpen(Reason reason, std::string_view detail, bool unprocessed);

  Worker& worker_;
  EndpointStreamOwner& owner_;
  Http2Client* client_;  // null once the stream is over
  http2::StreamId id_ = 0;
  const SocketAddress address_;
  EndpointCounters& counters_;
  const bool reused_;
  Method method_ = Method::Other;
  std::unique_ptr<StoredRequest> unsettled_;  // the head, until the SETTINGS are known
  bool endSent_ = false;
  const ResponseHead* head_ = nullptr;  // while the owner is told of it
  bool headWaits_ = false;
  bool begun_ = false;
  Buffer body_;
  bool ended_ = false;
  StoredFields trailers_;
  bool failed_ = false;
  StreamFailure failure_;
};

}  // namespace mesh

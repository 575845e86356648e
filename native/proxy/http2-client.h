// An HTTP/2 connection to an endpoint, shared by all exchanges of the worker that go there. Known
// to its target for as long as the endpoint stays; opens no further streams once the endpoint was
// removed or said GOAWAY, and ends when the last stream has. A stream that is not read holds at
// most its window; the others go on.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "http2/session.h"
#include "proxy/ping-keep-alive.h"
#include "proxy/socket-end.h"
#include "proxy/target.h"

namespace mesh {

class Http2EndpointStream;
class Worker;

class Http2Client final : public Disposable,
                          public IoHandler,
                          public TurnEnd,
                          public http2::SessionHandler,
                          public PingKeepAlive::Owner {
 public:
  // Lives until its last stream after `retire`, or until the endpoint ends it; destroys itself.
  static Http2Client& start(Worker& worker, std::shared_ptr<Target> target,
                            std::shared_ptr<EndpointShared> endpoint, EndpointCounters& counters,
                            std::unique_ptr<SocketEnd> socket);

  const SocketAddress& address() const { return endpoint_->address; }
  const std::shared_ptr<EndpointShared>& endpoint() const { return endpoint_; }
  EndpointCounters& counters() { return counters_; }
  http2::Session& session() { return *session_; }
  bool hasRoom() const { return !retired_ && session_->roomForStreams() > 0; }
  // The endpoint's SETTINGS are known.
  bool settled() const { return settled_; }
  // Streams were opened before.
  bool used() const { return used_; }

  // 0 when no stream can be opened after all.
  http2::StreamId open(Http2EndpointStream& stream, const RequestHead& head, http2::End end);
  // `stream` is told to start again once the endpoint's SETTINGS are known, or that it has failed.
  void awaitSettings(Http2EndpointStream& stream) { unsettled_.push_back(&stream); }
  void forget(Http2EndpointStream& stream, http2::StreamId id);
  // What was given to the session goes out at the end of this turn.
  void flushLater();
  void retire();

  void onIo(uint32_t fresh) override;
  void onTurnEnd() override;
  void onRequest(http2::StreamId, const RequestHead&, http2::End) override {}
  void onRequestTooLarge(http2::StreamId, const http2::LargeHead&) override {}
  void onResponse(http2::StreamId stream, const ResponseHead& head, http2::End end) override;
  void onData(http2::StreamId stream, std::string_view data) override;
  void onEnd(http2::StreamId stream, const FieldTable& trailers) override;
  void onReset(http2::StreamId stream, http2::ErrorCode code, bool byPeer) override;
  void onRoom(http2::StreamId stream) override;
  void onDone(http2::StreamId stream) override;
  void onGoaway(http2::ErrorCode code) override;
  void onPeerSettings() override;
  void onPingDue() override { flushLater(); }
  void onPeerSilent() override;

 private:
  Http2Client(Worker& worker, std::shared_ptr<Target> target,
              std::shared_ptr<EndpointShared> endpoint, EndpointCounters& counters,
              std::unique_ptr<SocketEnd> socket);
  Http2EndpointStream* find(http2::StreamId stream);
  void read();
  bool write();
  void onSessionFailed();
  void failAll(Reason reason, int error, std::string_view detail);
  void endWhenDone();
  void end();

  Worker& worker_;
  const std::shared_ptr<Target> target_;
  const std::shared_ptr<EndpointShared> endpoint_;
  EndpointCounters& counters_;
  std::unique_ptr<SocketEnd> socket_;
  std::unique_ptr<http2::Session> session_;
  std::unordered_map<http2::StreamId, Http2EndpointStream*> streams_;
  std::vector<Http2EndpointStream*> unsettled_;
  PingKeepAlive keepAlive_;
  bool settled_ = false;
  bool used_ = false;
  bool retired_ = false;
  bool ended_ = false;
};

}  // namespace mesh

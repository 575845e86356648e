// An HTTP/2 connection of a client (prior knowledge): its streams become exchanges, each on its own. Ends
// when the client goes or no longer answers PINGs, after GOAWAY once the last stream is over, or when idle for too long.
#pragma once

#include <memory>
#include <unordered_map>

#include "http2/session.h"
#include "proxy/connection.h"
#include "proxy/destination.h"
#include "proxy/ping-keep-alive.h"
#include "proxy/socket-end.h"
#include "proxy/worker.h"

namespace mesh {

class Http2ClientStream;

class Http2Server final : public Connection,
                          public IoHandler,
                          public TurnEnd,
                          public http2::SessionHandler,
                          public PingKeepAlive::Owner {
 public:
  // `in` has what was read while the protocol was found out.
  static void start(Worker& worker, DestinationHold destination, const SocketAddress& original,
                    std::unique_ptr<SocketEnd> client, Buffer in);
  ~Http2Server() override;

  // ------------------------------------------------ for exchanges
  Worker& worker() { return worker_; }
  http2::Session& session() { return *session_; }
  Destination& destination() { return *destination_; }
  const SocketAddress& original() const { return original_; }
  const SocketAddress& client() const { return client_->peer(); }
  void forget(http2::StreamId stream);
  void flushLater();
  // GOAWAY: streams under way finish, no others come.
  void shutDown();

  void onIo(uint32_t fresh) override;
  void onTurnEnd() override;
  void onDrain() override { shutDown(); }
  void onDestinationRemoved(const Destination& destination) override;
  void cut(Reason reason) override;

  void onRequest(http2::StreamId stream, const RequestHead& head, http2::End end) override;
  void onRequestTooLarge(http2::StreamId stream, const http2::LargeHead& large) override;
  void onResponse(http2::StreamId, const ResponseHead&, http2::End) override {}
  void onData(http2::StreamId stream, std::string_view data) override;
  void onEnd(http2::StreamId stream, const FieldTable& trailers) override;
  void onReset(http2::StreamId stream, http2::ErrorCode code, bool byPeer) override;
  void onRoom(http2::StreamId stream) override;
  void onDone(http2::StreamId stream) override;
  void onGoaway(http2::ErrorCode) override {}
  void onPeerSettings() override {}
  void onPingDue() override { flushLater(); }
  void onPeerSilent() override;

 private:
  Http2Server(Worker& worker, DestinationHold destination, const SocketAddress& original,
              std::unique_ptr<SocketEnd> client);
  void receive(std::string_view bytes);
  void onSessionFailed();
  // `status`: that was answered, 0: none.
  void report(Reason reason, std::string detail, uint16_t status);
  void read();
  bool write();
  Http2ClientStream* find(http2::StreamId stream);
  void abandonAll(Reason reason);
  void watchIdle();
  void end();

  Worker& worker_;
  DestinationHold destination_;
  const SocketAddress original_;
  std::unique_ptr<SocketEnd> client_;
  std::unique_ptr<http2::Session> session_;
  std::unordered_map<http2::StreamId, std::unique_ptr<Http2ClientStream>> streams_;
  Timer idle_;
  PingKeepAlive keepAlive_;
  bool shuttingDown_ = false;
  bool lastWord_ = false;  // the final GOAWAY has been given
  bool broken_ = false;    // the session has failed: only its last words are left to send
  bool ended_ = false;
};

}  // namespace mesh

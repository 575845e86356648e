// A connection from its accept to the moment it is known where it goes and what it speaks.
//
//   original destination --known--> destination --found--> protocol --opaque--> OpaqueForward
//        |unknown: refused              |unknown: parked      |detect   |--HTTP/1--> HttpConnection
//                                       |until discovered     |         \--HTTP/2--> Http2Server
//                                                             |by who speaks first, and what;
//                                                             |TLS, time-out: opaque
//
// Detection does not hold up servers that speak first: while the client is silent the default target
// is dialled, and when it says something before the client does, the connection is opaque. What a
// destination turned out to be is remembered: the next connection is not dialled early, or not
// looked into at all.
#pragma once

#include <memory>
#include <string>

#include "io/buffer-pool.h"
#include "proxy/connection.h"
#include "proxy/connector.h"
#include "proxy/protocol-detector.h"
#include "proxy/request-route.h"
#include "proxy/socket-end.h"
#include "proxy/worker.h"

namespace mesh {

class AcceptedConnection final : public Connection,
                                 public IoHandler,
                                 public ConnectorOwner,
                                 public DiscoveryWaiter {
 public:
  static void start(Worker& worker, const contract::Listen& listen, UniqueFd fd,
                    const SocketAddress& peer);

  void onIo(uint32_t fresh) override;
  void onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) override;
  void onConnectFailed(const ConnectFailure& failure) override;
  void onDiscovered() override;
  void onDiscoveryFailed(const std::string& detail) override;
  std::string_view awaitedAuthority() const override { return {}; }
  void onDrain() override;
  void onDestinationRemoved(const Destination&) override {}
  void cut(Reason reason) override;

 private:
  using Finding = ProtocolDetector::Finding;
  enum class Phase : uint8_t { Parked, Detecting, Joining, Ended };

  AcceptedConnection(Worker& worker, const contract::Listen& listen,
                     std::unique_ptr<SocketEnd> client);
  SocketAddress learnOriginalDestination() const;
  void resolve();
  void onDestination(std::shared_ptr<Destination> destination);
  void startDetecting();
  void dialEarly();
  void detect();
  void makeRoom();
  void onFound(Finding finding);
  void refuseNameless();
  // What detection came to.
  void decided(const char* result);
  // The connection dialled early goes to its pool: the first request takes it from there.
  void keepEarlyDial();
  void forwardOpaque();
  void serveHttp();
  void serveHttp2();
  // Answers what looks like HTTP, resets anything else.
  void refuse(Reason reason, const std::string& detail);
  // Says nothing to the client (reference §7.6).
  void shut(Reason reason, const std::string& detail);
  std::string refusalDetail() const;
  contract::Failure failureOf(Reason reason, const Answer& answer) const;
  Answer answerOf(Reason reason, const std::string& detail) const;
  Asker asker() { return {.destination = *destination_, .client = client_->peer()}; }
  bool speaksHttp1();
  void onTimeout();
  void end();

  Worker& worker_;
  const Direction direction_;
  const contract::OriginalDestinationSource source_;
  const uint32_t fixedDestination_;
  const SocketAddress fixedOriginal_;
  const uint64_t acceptedNs_;
  Phase phase_ = Phase::Parked;
  std::unique_ptr<SocketEnd> client_;
  SocketAddress original_;
  DestinationHold destination_;
  Buffer in_;
  ProtocolDetector detector_;
  Timer timer_;
  Timer grace_;
  Connector connector_;
  std::unique_ptr<EndpointConnection> early_;
  uint32_t earlyRouteId_ = 0;  // of the TCP route it follows
};

}  // namespace mesh

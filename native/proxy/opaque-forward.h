// Two sockets joined byte for byte, both ways, until both directions have ended: opaque
// connections from their dial on, and HTTP connections after an upgrade or CONNECT.
// Guarantees: no byte lost, duplicated or reordered; FIN is passed on exactly where it stood;
// a reset on one side becomes a reset on the other; one direction alone may be silent for the
// half-close time and no longer.
#pragma once

#include <memory>
#include <string>

#include "proxy/byte-copy.h"
#include "proxy/connection.h"
#include "proxy/connector.h"
#include "proxy/destination.h"
#include "proxy/opaque-route.h"

namespace mesh {

class OpaqueForward final : public Connection,
                            public IoHandler,
                            public ConnectorOwner,
                            public TurnEnd {
 public:
  // Dials the destination's target; `early` has what the client already sent, `serverName` whom it
  // asked for by TLS.
  static void startDialling(Worker& worker, DestinationHold destination,
                            const SocketAddress& original, std::unique_ptr<SocketEnd> client,
                            Buffer early, std::string serverName = {});
  // Both sides are connected; each buffer goes first in its direction. `routeId`: of the TCP route
  // that led here, 0: none.
  static void join(Worker& worker, DestinationHold destination, const SocketAddress& original,
                   std::unique_ptr<SocketEnd> client, Buffer toEndpoint,
                   std::unique_ptr<SocketEnd> endpoint, Buffer toClient,
                   std::string serverName = {}, uint32_t routeId = 0);

  void onIo(uint32_t fresh) override;
  void onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) override;
  void onConnectFailed(const ConnectFailure& failure) override;
  void onTurnEnd() override;
  // An opaque connection cannot be asked to end: it has the drain's grace.
  void onDrain() override {}
  void onDestinationRemoved(const Destination&) override {}
  void onPolicyChanged() override;
  void cut(Reason reason) override;

 private:
  OpaqueForward(Worker& worker, DestinationHold destination, const SocketAddress& original,
                std::unique_ptr<SocketEnd> client, std::string serverName);
  void advance();
  // False when the connection has ended.
  bool pump(ByteCopy& copy, SocketEnd& source, SocketEnd& sink, bool& sinkGone);
  void watchHalfClose();
  void onTimeout();
  void fail(Reason reason, int error, const SocketAddress& endpoint, const std::string& detail);
  void follow(uint32_t routeId, bool byServerName);
  OpaqueRouteUse routeUse() const;
  void end(Reason reason);

  Worker& worker_;
  DestinationHold destination_;
  const SocketAddress original_;
  const std::string serverName_;
  std::unique_ptr<SocketEnd> client_;
  std::unique_ptr<SocketEnd> endpoint_;
  Connector connector_;
  ByteCopy toEndpoint_;
  ByteCopy toClient_;
  // A side that no longer takes bytes; what the other still has to say is read to its end.
  bool endpointGone_ = false;
  bool clientGone_ = false;
  uint32_t routeId_ = 0;  // of the route that it was given to; 0: none
  bool byServerName_ = false;
  Timer halfClose_;
  uint64_t lastMoved_ = 0;
};

}  // namespace mesh

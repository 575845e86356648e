// Where a connection that is not HTTP goes: by the TCP route of its table, or by one of the table's TLS
// routes. Asked once for a connection, or twice: for the dial made before its client has spoken, and
// when it has turned out to be opaque without one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/reason.h"
#include "proxy/destination.h"
#include "proxy/target.h"

namespace mesh {

class Worker;

// A target, or why there is none.
struct OpaqueRoute {
  std::shared_ptr<Target> target;
  Reason refusal = Reason::None;
  std::string detail;
  uint32_t routeId = 0;  // 0: none
  bool byServerName = false;
};

// `serverName`: of a connection whose protocol is TLS; else empty.
OpaqueRoute routeOpaque(Worker& worker, const RouteChoice& choice,
                        std::string_view serverName = {});

// What a connection is counted under: a TCP route and where it was going, or a TLS route and the
// server it asked for.
struct OpaqueRouteUse {
  Direction direction = Direction::None;  // inbound ones are counted by their policy
  uint32_t routeId = 0;                   // 0: it is not counted
  SocketAddress original;
  std::string_view serverName;  // of a TLS route; else empty
};
// It was given to its route, and how it ended (None: by the wish of its peers). Once each.
void countRouteOpen(Worker& worker, const OpaqueRouteUse& use);
void countRouteClose(Worker& worker, const OpaqueRouteUse& use, Reason reason);

}  // namespace mesh

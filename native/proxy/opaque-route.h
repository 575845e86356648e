// Where a connection that is not HTTP goes. Asked once for a connection, or twice: for the dial
// made before its client has spoken, and when it has turned out to be opaque without one.
#pragma once

#include <memory>
#include <string>

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
  uint32_t routeId = 0;  // of the TCP route; 0: none
};

OpaqueRoute routeOpaque(Worker& worker, const RouteChoice& choice);

// A connection was given to a TCP route, and how it ended (None: by the wish of its peers). Once
// each; nothing without a route, and nothing inbound, where the policy counts. `original`: where it
// was going.
void countRouteOpen(Worker& worker, Direction direction, uint32_t routeId,
                    const SocketAddress& original);
void countRouteClose(Worker& worker, Direction direction, uint32_t routeId,
                     const SocketAddress& original, Reason reason);

}  // namespace mesh

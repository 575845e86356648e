// Which target a request goes to, by its authority, among those its destination knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/worker.h"

namespace mesh {

struct AuthorityRoute {
  uint32_t targetId = 0;  // 0: none
  // The control logic has been asked and there is no default: `waiter` will be told.
  bool parked = false;
};

// `canonical` receives the authority as the control logic knows it; empty when there is none.
inline AuthorityRoute routeByAuthority(Worker& worker, Destination& destination,
                                       std::string_view authority, std::string& canonical,
                                       DiscoveryWaiter& waiter) {
  if (!canonicalAuthority(authority, canonical)) {
    canonical.clear();
    return {.targetId = destination.targetId};
  }
  const uint32_t known = findAuthority(destination, canonical);
  if (known != 0) return {.targetId = known};
  if (destination.discoverAuthorities) {
    if (destination.targetId == 0) {
      worker.awaitAuthority(destination, canonical, waiter);
      return {.parked = true};
    }
    worker.askAuthority(destination, canonical);
  }
  return {.targetId = destination.targetId};
}

}  // namespace mesh

// Which target or route table a request goes to, by its authority, among those its destination knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/worker.h"

namespace mesh {

struct AuthorityRoute {
  RouteChoice choice;
  // The control logic has been asked and there is no default: `waiter` will be told.
  bool parked = false;
};

// `canonical` receives the authority as the control logic knows it; empty when there is none.
inline AuthorityRoute routeByAuthority(Worker& worker, Destination& destination,
                                       std::string_view authority, std::string& canonical,
                                       DiscoveryWaiter& waiter) {
  if (!canonicalAuthority(authority, canonical)) {
    canonical.clear();
    return {.choice = defaultChoice(destination)};
  }
  const RouteChoice known = findAuthority(destination, canonical);
  if (known.known()) return {.choice = known};
  if (destination.discoverAuthorities) {
    if (!defaultChoice(destination).known()) {
      worker.awaitAuthority(destination, canonical, waiter);
      return {.parked = true};
    }
    worker.askAuthority(destination, canonical);
  }
  return {.choice = defaultChoice(destination)};
}

}  // namespace mesh

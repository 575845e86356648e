// See registry.h.
#include "proxy/registry.h"

#include <sched.h>

#include "base/clock.h"

namespace mesh {

void Registry::putTarget(const contract::PutTarget& settings) {
  Target& target = targets_[settings.id];
  target.defaultRttNs = settings.ewmaDefaultRttNs;
  target.decayNs = settings.ewmaDecayNs;
  target.forward = settings.forward;
}

void Registry::takeOut(EndpointShared& endpoint) {
  endpoint.removed.store(true);
  // A worker between its check and the end of connect(2) is there for microseconds.
  while (endpoint.dialing.load() != 0) sched_yield();
}

EndpointChange Registry::updateEndpoints(const contract::UpdateEndpoints& update) {
  Target& target = targets_.at(update.targetId);
  EndpointChange change;
  std::unordered_map<SocketAddress, std::shared_ptr<EndpointShared>> before;
  if (update.reset) before.swap(target.endpoints);
  for (const SocketAddress& address : update.remove) {
    const auto found = target.endpoints.find(address);
    if (found == target.endpoints.end()) continue;
    takeOut(*found->second);
    target.endpoints.erase(found);
    change.remove.push_back(address);
  }
  for (const contract::EndpointSpec& spec : update.add) {
    std::shared_ptr<EndpointShared>& endpoint = target.endpoints[spec.address];
    if (const auto kept = before.find(spec.address); kept != before.end()) {
      endpoint = std::move(kept->second);
      before.erase(kept);
    }
    if (endpoint) {
      endpoint->weight.store(spec.weight, std::memory_order_relaxed);
    } else {
      endpoint = std::make_shared<EndpointShared>(spec.address, spec.weight);
      endpoint->load.configure(target.defaultRttNs, target.decayNs, monotonicNs());
    }
    // Present ones go along for their weight and their traits.
    change.add.push_back({.endpoint = endpoint, .traits = spec.traits});
  }
  for (const auto& [address, endpoint] : before) {
    takeOut(*endpoint);
    change.remove.push_back(address);
  }
  return change;
}

void Registry::removeTarget(uint32_t id) {
  for (const auto& [address, endpoint] : targets_.at(id).endpoints) takeOut(*endpoint);
  targets_.erase(id);
}

uint32_t Registry::holderOf(Direction direction, const SocketAddress& address) const {
  const auto found = byAddress_.find({direction, address});
  return found == byAddress_.end() ? 0 : found->second;
}

std::shared_ptr<DestinationUse> Registry::putDestination(const contract::PutDestination& settings) {
  Destination& destination = destinations_[settings.id];
  if (!destination.use) {
    destination.use = std::make_shared<DestinationUse>();
    destination.use->lastUsedMs.store(monotonicNs() / 1'000'000);
  }
  releaseAddress(settings.id, destination);
  destination.direction = settings.direction;
  destination.address = settings.address;
  destination.use->reported.store(false);
  if (settings.address.valid()) {
    byAddress_[{settings.direction, settings.address}] = settings.id;
    askedAddresses_.erase({settings.direction, settings.address});
  }
  // The set is ordered by destination: those of this one stand together.
  auto next = askedAuthorities_.lower_bound({settings.id, std::string()});
  while (next != askedAuthorities_.end() && next->first == settings.id) {
    next = askedAuthorities_.erase(next);
  }
  return destination.use;
}

void Registry::removeDestination(uint32_t id) {
  const auto found = destinations_.find(id);
  releaseAddress(id, found->second);
  destinations_.erase(found);
}

void Registry::releaseAddress(uint32_t id, const Destination& destination) {
  const auto held = byAddress_.find({destination.direction, destination.address});
  if (held != byAddress_.end() && held->second == id) byAddress_.erase(held);
}

bool Registry::asks(const contract::DiscoverDestination& event) {
  // Answered while the event was on its way: the worker has the answer, or is about to.
  if (holderOf(event.direction, event.address) != 0) return false;
  return askedAddresses_.insert({event.direction, event.address}).second;
}

bool Registry::asks(const contract::DiscoverAuthority& event) {
  if (!destinations_.contains(event.destinationId)) return false;
  return askedAuthorities_.emplace(event.destinationId, event.authority).second;
}

void Registry::answered(const contract::FailDiscovery& failure) {
  if (failure.address.valid()) {
    askedAddresses_.erase({failure.direction, failure.address});
  } else {
    askedAuthorities_.erase({failure.destinationId, failure.authority});
  }
}

}  // namespace mesh

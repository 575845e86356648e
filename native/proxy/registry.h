// What the owner's thread knows of the snapshots the workers hold: which ids and addresses exist.
// Commands are checked against it, so that one that would be refused changes nothing anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "balance/endpoint.h"
#include "contract/commands.h"
#include "proxy/destination.h"
#include "proxy/endpoint-addition.h"

namespace mesh {

// What an UpdateEndpoints comes down to: for all workers.
struct EndpointChange {
  std::vector<EndpointAddition> add;
  std::vector<SocketAddress> remove;
};

class Registry {
 public:
  // ------------------------------------------------ targets
  bool hasTarget(uint32_t id) const { return targets_.contains(id); }
  void putTarget(const contract::PutTarget& settings);
  // When this returns no worker dials, or will dial, an address that was removed.
  EndpointChange updateEndpoints(const contract::UpdateEndpoints& update);
  void removeTarget(uint32_t id);

  // ------------------------------------------------ destinations
  bool hasDestination(uint32_t id) const { return destinations_.contains(id); }
  // Another destination that already has this address, or 0.
  uint32_t holderOf(Direction direction, const SocketAddress& address) const;
  std::shared_ptr<DestinationUse> putDestination(const contract::PutDestination& settings);
  void removeDestination(uint32_t id);

  // ------------------------------------------------ route tables
  bool hasRouteTable(uint32_t id) const { return routeTables_.contains(id); }
  void putRouteTable(uint32_t id) { routeTables_.insert(id); }
  void removeRouteTable(uint32_t id) { routeTables_.erase(id); }

  // ------------------------------------------------ discovery
  // Workers ask each for itself; the control logic is asked once. True when this is the first.
  bool asks(const contract::DiscoverDestination& event);
  bool asks(const contract::DiscoverAuthority& event);
  void answered(const contract::FailDiscovery& failure);

 private:
  struct Target {
    uint64_t defaultRttNs = 0;
    uint64_t decayNs = 0;
    bool forward = false;
    std::unordered_map<SocketAddress, std::shared_ptr<EndpointShared>> endpoints;
  };
  struct Destination {
    Direction direction;
    SocketAddress address;
    std::shared_ptr<DestinationUse> use;
  };
  struct AddressKey {
    Direction direction;
    SocketAddress address;
    bool operator==(const AddressKey&) const = default;
  };
  struct AddressKeyHash {
    size_t operator()(const AddressKey& key) const {
      return key.address.hash() * 31 + static_cast<size_t>(key.direction);
    }
  };
  static void takeOut(EndpointShared& endpoint);
  void releaseAddress(uint32_t id, const Destination& destination);

  std::unordered_map<uint32_t, Target> targets_;
  std::unordered_map<uint32_t, Destination> destinations_;
  std::unordered_set<uint32_t> routeTables_;
  std::unordered_map<AddressKey, uint32_t, AddressKeyHash> byAddress_;
  std::unordered_set<AddressKey, AddressKeyHash> askedAddresses_;
  std::set<std::pair<uint32_t, std::string>> askedAuthorities_;
};

}  // namespace mesh

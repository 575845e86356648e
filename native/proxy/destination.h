// Where connections of one original destination go, on one worker. Connections keep it alive;
// a new version of it is written into the same object, so that they follow from their next request on.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "contract/commands.h"
#include "proxy/policy-counters.h"
#include "proxy/transport-counters.h"

namespace mesh {

// What all workers know of a destination's use; for reporting idle ones.
struct DestinationUse {
  std::atomic<uint64_t> lastUsedMs{0};
  std::atomic<uint32_t> connections{0};
  std::atomic<bool> reported{false};
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Where requests go: to one target, or to what the rules of a table say. Both 0: nowhere.
struct RouteChoice {
  uint32_t targetId = 0;
  uint32_t routeTableId = 0;
  bool known() const { return targetId != 0 || routeTableId != 0; }
};

// What connections of a destination have turned out to be; the last one decides.
enum class Learned : uint8_t {
  Nothing,
  ClientFirst,  // its clients speak first: a dial before they do would be idle
  ServerFirst,  // its servers do: there is nothing to wait for
};

struct Destination {
  uint32_t id = 0;
  Direction direction = Direction::None;
  SocketAddress address;
  contract::Protocol protocol = contract::Protocol::Detect;
  uint32_t detectTimeoutMs = 0;
  uint32_t targetId = 0;
  bool discoverAuthorities = false;
  uint32_t idleTimeoutMs = 0;
  uint32_t routeTableId = 0;  // in place of the target
  std::unordered_map<std::string, RouteChoice, TextHash, std::equal_to<>> authorities;
  // Authorities already asked for. Bounded; forgotten when the destination is put anew.
  std::unordered_set<std::string, TextHash, std::equal_to<>> asked;
  bool removed = false;
  Learned learned = Learned::Nothing;
  // Grows with each version, so that what was derived from an older one is known to be stale.
  uint32_t version = 0;
  std::shared_ptr<DestinationUse> use;
  std::shared_ptr<const TransportCounters> counters;
  std::shared_ptr<PolicyCounters> policyCounters;
  Reason refusal = Reason::None;  // not None: its connections end with it
  std::string refusalDetail;
};

// Counts a connection of a destination for as long as it lives.
class DestinationHold {
 public:
  DestinationHold() = default;
  DestinationHold(std::shared_ptr<Destination> destination, uint64_t nowMs);
  DestinationHold(DestinationHold&& other) noexcept = default;
  DestinationHold& operator=(DestinationHold&& other) noexcept;
  ~DestinationHold() { release(); }

  Destination* operator->() const { return destination_.get(); }
  Destination& operator*() const { return *destination_; }
  explicit operator bool() const { return destination_ != nullptr; }

 private:
  void release();
  std::shared_ptr<Destination> destination_;
};

// Written into `out`: host[:port] in lower case. False when it does not fit or is empty.
bool canonicalAuthority(std::string_view authority, std::string& out);
inline RouteChoice defaultChoice(const Destination& destination) {
  return {.targetId = destination.targetId, .routeTableId = destination.routeTableId};
}
// Unknown when there is none. Whether a port is written matters: what it means without one is the
// control logic's to say.
RouteChoice findAuthority(const Destination& destination, std::string_view canonical);

}  // namespace mesh

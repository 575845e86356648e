// One event-loop thread of the data plane: its listeners, its connections, and its copy of the
// snapshots (targets and destinations). Shares nothing with other workers but what is atomic.
// Everything here runs on the worker's thread; the data plane reaches it through the loop's mailbox.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "ebpf/capture.h"
#include "http/head.h"
#include "io/buffer-pool.h"
#include "io/event-loop.h"
#include "proxy/connection.h"
#include "proxy/destination.h"
#include "proxy/endpoint-addition.h"
#include "proxy/event-sink.h"
#include "proxy/in-flight.h"
#include "proxy/listening.h"
#include "proxy/route-counters.h"
#include "proxy/target.h"
#include "route/table.h"

namespace mesh {

// Addresses the proxy itself listens on: connecting to one would be a loop. Shared, copy on write.
using OwnAddresses = std::vector<SocketAddress>;

// Someone waiting for the control logic to answer for a destination or an authority.
class DiscoveryWaiter : public ListNode<DiscoveryWaiter> {
 public:
  // Something was answered: look again.
  virtual void onDiscovered() = 0;
  virtual void onDiscoveryFailed(const std::string& detail) = 0;
  // What a request waits for; empty for connections that wait for their destination.
  virtual std::string_view awaitedAuthority() const = 0;

 protected:
  ~DiscoveryWaiter() = default;
};

class Worker {
 public:
  // What is given is shared by all workers and outlives them.
  static Result<std::unique_ptr<Worker>> create(uint32_t index, const contract::Settings& settings,
                                                EventSink& sink, BufferBudget& budget,
                                                InFlightLimits& inFlight);
  ~Worker();

  // The worker's thread. Returns after `loop().stop()`, with every connection closed.
  void run();

  uint32_t index() const { return index_; }
  EventLoop& loop() { return *loop_; }
  BufferPool& buffers() { return buffers_; }
  Recorder& recorder() { return recorder_; }
  const Recorder& recorder() const { return recorder_; }
  Random& random() { return random_; }
  EventSink& sink() { return sink_; }
  const contract::Settings& settings() const { return settings_; }
  const std::shared_ptr<const Capture>& capture() const { return capture_; }
  bool draining() const { return draining_; }
  InFlightLimit& inFlight(Direction direction) { return inFlight_.of(direction); }
  // Whether the proxy's own answers say why to clients of this direction (reference §7.1).
  bool emitsErrorHeaders(Direction direction) const {
    return settings_.emitErrorHeaders && direction == Direction::Outbound;
  }
  bool isOwnAddress(const SocketAddress& address) const;
  // Where heads are parsed into. Ten kilobytes each, so one per worker and not per connection:
  // valid until the next head is parsed.
  RequestHead& requestHead() { return *requestHead_; }
  ResponseHead& responseHead() { return *responseHead_; }

  // ------------------------------------------------ snapshots
  std::shared_ptr<Target> target(uint32_t id);
  std::shared_ptr<Destination> destination(Direction direction, const SocketAddress& address);
  std::shared_ptr<Destination> destination(uint32_t id);
  // Null when it was removed. Requests keep the one they began with.
  std::shared_ptr<const route::RouteTable> routeTable(uint32_t id) const;
  // Whether its table has the policy of a server.
  bool isPoliced(uint32_t tableId) const;
  // Waits for an answer and asks for it.
  void awaitDestination(Direction direction, const SocketAddress& address, DiscoveryWaiter& waiter);
  void awaitAuthority(Destination& destination, const std::string& authority,
                      DiscoveryWaiter& waiter);
  // Asks without waiting, once.
  void askAuthority(Destination& destination, const std::string& authority);

  // ------------------------------------------------ connections
  void adopt(std::unique_ptr<Connection> connection);
  // Takes it out; it is destroyed at the end of the turn.
  void retire(Connection& connection);
  // Of a rule of a route table. Valid for as long as the worker.
  RouteCounters& routeCounters(const RouteIdentity& rule);
  void countRequestError(Destination& destination, Reason reason);
  void countConnectionError(Direction direction, Reason reason);
  // The same of one whose original destination is known, if it has one.
  void countConnectionError(Direction direction, Reason reason, const SocketAddress& original);
  // An accepted connection, by what its destination is declared to speak.
  void countProtocol(Direction direction, contract::Protocol protocol);
  // `result`: a literal. `tookNs`: from the accept to it.
  void countDetected(Direction direction, const char* result, uint64_t tookNs);
  void countAcceptError(Direction direction, int error);

  // ------------------------------------------------ commands, posted by the data plane
  void putTarget(const contract::PutTarget& settings);
  void updateEndpoints(uint32_t targetId, const std::vector<EndpointAddition>& add,
                       const std::vector<SocketAddress>& remove);
  void removeTarget(uint32_t id);
  void putDestination(const contract::PutDestination& settings,
                      std::shared_ptr<DestinationUse> use);
  void removeDestination(uint32_t id);
  void putRouteTable(std::shared_ptr<const route::RouteTable> table);
  void removeRouteTable(uint32_t id);
  void failDiscovery(const contract::FailDiscovery& failure);
  void openListener(const contract::Listen& settings, UniqueFd fd);
  void closeListener(uint32_t id);
  void resumeListener(uint32_t id);
  void setCapture(std::shared_ptr<const Capture> capture) { capture_ = std::move(capture); }
  void setOwnAddresses(std::shared_ptr<const OwnAddresses> addresses) {
    ownAddresses_ = std::move(addresses);
  }
  // `onEmpty` runs once, when the last connection has ended.
  void drain(uint32_t graceMs, std::function<void()> onEmpty);
  void describe(contract::Picture& picture);

 private:
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
  struct RouteIdentityHash {
    size_t operator()(const RouteIdentity& route) const {
      return std::hash<uint64_t>{}(uint64_t{route.serverId} << 32 | route.routeId) +
             route.serverPort;
    }
  };
  using Waiters = IntrusiveList<DiscoveryWaiter>;

  Worker(uint32_t index, const contract::Settings& settings, EventSink& sink, BufferBudget& budget,
         InFlightLimits& inFlight, std::unique_ptr<EventLoop> loop);
  template <typename Tell>
  static void tellAll(Waiters& waiters, Tell tell);
  // Calls `visit` for each connection; they may end each other meanwhile.
  template <typename Visit>
  void forEachConnection(Visit visit);
  void releaseAddress(const std::shared_ptr<Destination>& destination);
  // Connections of policed tables look whether they are still allowed.
  void tellOfPolicies();
  void sweep();
  void checkDrained();
  void cutAll();

  const uint32_t index_;
  const contract::Settings& settings_;
  EventSink& sink_;
  InFlightLimits& inFlight_;
  std::unique_ptr<EventLoop> loop_;
  BufferPool buffers_;
  Recorder recorder_;
  Random random_;
  std::unique_ptr<RequestHead> requestHead_ = std::make_unique<RequestHead>();
  std::unique_ptr<ResponseHead> responseHead_ = std::make_unique<ResponseHead>();

  std::shared_ptr<const Capture> capture_;
  std::shared_ptr<const OwnAddresses> ownAddresses_;
  std::unordered_map<uint32_t, std::shared_ptr<Target>> targets_;
  std::unordered_map<uint32_t, std::shared_ptr<Destination>> destinations_;
  std::unordered_map<AddressKey, std::shared_ptr<Destination>, AddressKeyHash> byAddress_;
  std::unordered_map<uint32_t, std::shared_ptr<const route::RouteTable>> routeTables_;
  std::unordered_map<RouteIdentity, std::unique_ptr<RouteCounters>, RouteIdentityHash>
      routeCounters_;
  std::unordered_map<AddressKey, Waiters, AddressKeyHash> parked_;
  std::unordered_map<uint32_t, Waiters> parkedForAuthority_;

  std::unordered_map<uint32_t, std::unique_ptr<Listening>> listeners_;
  IntrusiveList<Connection> connections_;
  uint64_t connectionCount_ = 0;

  bool draining_ = false;
  std::function<void()> onEmpty_;
  Timer grace_;
  Timer sweep_;
  SeriesId bufferBytes_;
};

}  // namespace mesh

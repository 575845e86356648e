// See worker.h.
#include "proxy/worker.h"

#include <algorithm>

#include "base/clock.h"

namespace mesh {

namespace {
constexpr uint64_t SWEEP_MS = 1'000;
// Authorities a destination remembers having asked for; beyond it all are forgotten and asked anew.
constexpr size_t MAX_ASKED = 1'024;
// Turns given to objects that end others when the worker stops: connections, then pooled ones.
constexpr int LAST_TURNS = 4;

// As linkerd2-proxy writes them (reference §8.9).
const char* protocolLabel(contract::Protocol protocol) {
  switch (protocol) {
    case contract::Protocol::Detect:
      return "detect";
    case contract::Protocol::Http1:
      return "http/1";
    case contract::Protocol::Http2:
      return "http/2";
    case contract::Protocol::Opaque:
      return "opaq";
    case contract::Protocol::Tls:
      return "tls";
  }
  return "";
}
}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(uint32_t index, const contract::Settings& settings,
                                               EventSink& sink, BufferBudget& budget,
                                               InFlightLimits& inFlight) {
  Result<std::unique_ptr<EventLoop>> loop = EventLoop::create(settings.poller);
  if (!loop) return loop.error();
  return std::unique_ptr<Worker>(
      new Worker(index, settings, sink, budget, inFlight, std::move(loop).value()));
}

Worker::Worker(uint32_t index, const contract::Settings& settings, EventSink& sink,
               BufferBudget& budget, InFlightLimits& inFlight, std::unique_ptr<EventLoop> loop)
    : index_(index),
      settings_(settings),
      sink_(sink),
      inFlight_(inFlight),
      loop_(std::move(loop)),
      buffers_(budget),
      recorder_(settings.metrics,
                [this](const SeriesDefinition& series) {
                  sink_.emit(contract::SeriesDefined{.worker = index_, .series = series});
                }),
      random_(monotonicNs() + index),
      ownAddresses_(std::make_shared<OwnAddresses>()),
      grace_([](void* self) { static_cast<Worker*>(self)->cutAll(); }, this),
      sweep_([](void* self) { static_cast<Worker*>(self)->sweep(); }, this),
      bufferBytes_(recorder_.intern(Family::BufferBytes, LabelSet())) {}

Worker::~Worker() = default;

void Worker::run() {
  loop_->schedule(sweep_, SWEEP_MS);
  loop_->run();
  // What is left ends here, on the worker's thread, while everything it refers to is there.
  onEmpty_ = nullptr;
  listeners_.clear();
  cutAll();
  for (auto& [id, target] : targets_) target->retire();
  for (int turn = 0; turn < LAST_TURNS; ++turn) loop_->turn(0);
  targets_.clear();
  destinations_.clear();
  byAddress_.clear();
}

bool Worker::isOwnAddress(const SocketAddress& address) const {
  return std::find(ownAddresses_->begin(), ownAddresses_->end(), address) != ownAddresses_->end();
}

// ---------------------------------------------------------------- snapshots

std::shared_ptr<Target> Worker::target(uint32_t id) {
  const auto found = targets_.find(id);
  return found == targets_.end() ? nullptr : found->second;
}

std::shared_ptr<Destination> Worker::destination(Direction direction,
                                                 const SocketAddress& address) {
  const auto found = byAddress_.find({direction, address});
  return found == byAddress_.end() ? nullptr : found->second;
}

std::shared_ptr<Destination> Worker::destination(uint32_t id) {
  const auto found = destinations_.find(id);
  return found == destinations_.end() ? nullptr : found->second;
}

std::shared_ptr<const route::RouteTable> Worker::routeTable(uint32_t id) const {
  const auto found = routeTables_.find(id);
  return found == routeTables_.end() ? nullptr : found->second;
}

void Worker::awaitDestination(Direction direction, const SocketAddress& address,
                              DiscoveryWaiter& waiter) {
  Waiters& waiters = parked_[{direction, address}];
  const bool first = waiters.empty();
  waiters.pushBack(waiter);
  if (first) sink_.emit(contract::DiscoverDestination{.direction = direction, .address = address});
}

void Worker::askAuthority(Destination& destination, const std::string& authority) {
  if (destination.asked.size() >= MAX_ASKED) destination.asked.clear();
  if (!destination.asked.insert(authority).second) return;
  sink_.emit(contract::DiscoverAuthority{.destinationId = destination.id, .authority = authority});
}

void Worker::awaitAuthority(Destination& destination, const std::string& authority,
                            DiscoveryWaiter& waiter) {
  parkedForAuthority_[destination.id].pushBack(waiter);
  askAuthority(destination, authority);
}

template <typename Tell>
void Worker::tellAll(Waiters& waiters, Tell tell) {
  // Those told may wait again; only those here now are told.
  Waiters now;
  while (DiscoveryWaiter* waiter = waiters.popFront()) now.pushBack(*waiter);
  while (DiscoveryWaiter* waiter = now.popFront()) tell(*waiter);
}

template <typename Visit>
void Worker::forEachConnection(Visit visit) {
  // Over a copy: a connection that ends is unlinked now and destroyed at the end of the turn.
  std::vector<Connection*> all;
  for (Connection* one = connections_.front(); one != nullptr; one = connections_.next(*one)) {
    all.push_back(one);
  }
  for (Connection* one : all) {
    if (one->linked()) visit(*one);
  }
}

void Worker::putTarget(const contract::PutTarget& settings) {
  std::shared_ptr<Target>& target = targets_[settings.id];
  if (target) {
    target->configure(settings);
  } else {
    target = std::make_shared<Target>(*this, settings);
  }
}

void Worker::updateEndpoints(uint32_t targetId, const std::vector<EndpointAddition>& add,
                             const std::vector<SocketAddress>& remove) {
  const std::shared_ptr<Target> target = this->target(targetId);
  if (!target) return;
  for (const SocketAddress& address : remove) target->removeEndpoint(address);
  for (const EndpointAddition& one : add) target->addEndpoint(one);
}

void Worker::removeTarget(uint32_t id) {
  const auto found = targets_.find(id);
  if (found == targets_.end()) return;
  const std::shared_ptr<Target> target = found->second;
  targets_.erase(found);
  target->retire();
}

void Worker::putDestination(const contract::PutDestination& settings,
                            std::shared_ptr<DestinationUse> use) {
  std::shared_ptr<Destination>& destination = destinations_[settings.id];
  if (!destination) {
    destination = std::make_shared<Destination>();
    LabelSet labels;
    labels.direction = settings.direction;
    labels.peer = Peer::Src;
    labels.targetAddress = settings.address;
    destination->counters = std::make_shared<TransportCounters>(recorder_, labels);
    destination->policyCounters = std::make_shared<PolicyCounters>(recorder_, settings.address);
    destination->use = std::move(use);
  }
  releaseAddress(destination);
  destination->id = settings.id;
  destination->direction = settings.direction;
  destination->address = settings.address;
  destination->protocol = settings.protocol;
  destination->detectTimeoutMs = settings.detectTimeoutMs;
  destination->targetId = settings.targetId;
  destination->discoverAuthorities = settings.discoverAuthorities;
  destination->idleTimeoutMs = settings.idleTimeoutMs;
  destination->authorities.clear();
  const uint32_t formerTable = std::exchange(destination->routeTableId, settings.routeTableId);
  destination->refusal = settings.refusal;
  destination->refusalDetail = settings.refusalDetail;
  for (const contract::AuthorityTarget& one : settings.authorities) {
    destination->authorities.emplace(
        one.authority, RouteChoice{.targetId = one.targetId, .routeTableId = one.routeTableId});
  }
  destination->asked.clear();
  ++destination->version;

  if (settings.address.valid()) {
    const AddressKey key{settings.direction, settings.address};
    byAddress_[key] = destination;
    const auto parked = parked_.find(key);
    if (parked != parked_.end()) {
      tellAll(parked->second, [](DiscoveryWaiter& waiter) { waiter.onDiscovered(); });
    }
    // Told waiters may have changed the map.
    const auto left = parked_.find(key);
    if (left != parked_.end() && left->second.empty()) parked_.erase(left);
  }
  const auto parked = parkedForAuthority_.find(settings.id);
  if (parked != parkedForAuthority_.end()) {
    tellAll(parked->second, [](DiscoveryWaiter& waiter) { waiter.onDiscovered(); });
  }
  if (formerTable != settings.routeTableId && isPoliced(settings.routeTableId)) tellOfPolicies();
}

void Worker::removeDestination(uint32_t id) {
  const auto found = destinations_.find(id);
  if (found == destinations_.end()) return;
  const std::shared_ptr<Destination> destination = found->second;
  destinations_.erase(found);
  releaseAddress(destination);
  destination->removed = true;
  const auto parked = parkedForAuthority_.find(id);
  if (parked != parkedForAuthority_.end()) {
    tellAll(parked->second,
            [](DiscoveryWaiter& waiter) { waiter.onDiscoveryFailed("destination removed"); });
    parkedForAuthority_.erase(id);
  }
  forEachConnection([&](Connection& one) { one.onDestinationRemoved(*destination); });
}

void Worker::putRouteTable(std::shared_ptr<const route::RouteTable> table) {
  const uint32_t id = table->id();
  routeTables_[id] = std::move(table);
  if (isPoliced(id)) tellOfPolicies();
}

bool Worker::isPoliced(uint32_t tableId) const {
  const auto found = routeTables_.find(tableId);
  return found != routeTables_.end() && found->second->server() != nullptr;
}

void Worker::tellOfPolicies() {
  forEachConnection([](Connection& one) { one.onPolicyChanged(); });
}

RouteCounters& Worker::routeCounters(const RouteIdentity& rule) {
  std::unique_ptr<RouteCounters>& known = routeCounters_[rule];
  if (!known) known = std::make_unique<RouteCounters>(recorder_, rule);
  return *known;
}

void Worker::removeRouteTable(uint32_t id) { routeTables_.erase(id); }

void Worker::releaseAddress(const std::shared_ptr<Destination>& destination) {
  const auto held = byAddress_.find({destination->direction, destination->address});
  if (held != byAddress_.end() && held->second == destination) byAddress_.erase(held);
}

void Worker::failDiscovery(const contract::FailDiscovery& failure) {
  const auto tell = [&](DiscoveryWaiter& waiter) { waiter.onDiscoveryFailed(failure.detail); };
  if (failure.address.valid()) {
    const AddressKey key{failure.direction, failure.address};
    const auto parked = parked_.find(key);
    if (parked != parked_.end()) tellAll(parked->second, tell);
    parked_.erase(key);
    return;
  }
  const std::shared_ptr<Destination> destination = this->destination(failure.destinationId);
  if (!destination) return;
  // The next request asks anew. Those that wait for another authority of the destination look
  // again, and wait on.
  destination->asked.erase(failure.authority);
  const auto parked = parkedForAuthority_.find(failure.destinationId);
  if (parked == parkedForAuthority_.end()) return;
  tellAll(parked->second, [&](DiscoveryWaiter& waiter) {
    if (waiter.awaitedAuthority() == failure.authority) {
      waiter.onDiscoveryFailed(failure.detail);
    } else {
      parked->second.pushBack(waiter);
    }
  });
}

// ---------------------------------------------------------------- connections

void Worker::adopt(std::unique_ptr<Connection> connection) {
  connections_.pushBack(*connection.release());
  ++connectionCount_;
}

void Worker::retire(Connection& connection) {
  connection.unlink();
  --connectionCount_;
  loop_->destroyLater(std::unique_ptr<Disposable>(&connection));
  checkDrained();
}

void Worker::checkDrained() {
  if (!draining_ || connectionCount_ != 0 || !onEmpty_) return;
  const std::function<void()> tell = std::move(onEmpty_);
  onEmpty_ = nullptr;
  loop_->cancel(grace_);
  tell();
}

void Worker::cutAll() {
  forEachConnection([](Connection& one) { one.cut(Reason::Draining); });
}

void Worker::countRequestError(Destination& destination, Reason reason) {
  LabelSet labels;
  labels.direction = destination.direction;
  labels.reason = reason;
  recorder_.add(recorder_.intern(Family::RequestErrorsTotal, labels));
  if (destination.direction != Direction::Inbound) return;
  const std::shared_ptr<const route::RouteTable> table = routeTable(destination.routeTableId);
  labels.targetAddress = destination.address;
  labels.serverId = table && table->server() != nullptr ? table->server()->id() : 0;
  recorder_.add(recorder_.intern(Family::HttpServerErrorsTotal, labels));
}

void Worker::countConnectionError(Direction direction, Reason reason) {
  LabelSet labels;
  labels.direction = direction;
  labels.reason = reason;
  recorder_.add(recorder_.intern(Family::ConnectionErrorsTotal, labels));
}

void Worker::countConnectionError(Direction direction, Reason reason,
                                  const SocketAddress& original) {
  countConnectionError(direction, reason);
  if (direction != Direction::Inbound) return;
  LabelSet labels;
  labels.direction = direction;
  labels.reason = reason;
  labels.targetAddress = original;
  recorder_.add(recorder_.intern(Family::TcpServerErrorsTotal, labels));
}

void Worker::countProtocol(Direction direction, contract::Protocol protocol) {
  LabelSet labels;
  labels.direction = direction;
  labels.detected = protocolLabel(protocol);
  recorder_.add(recorder_.intern(Family::TcpProtocolConnectionsTotal, labels));
}

void Worker::countDetected(Direction direction, const char* result, uint64_t tookNs) {
  LabelSet labels;
  labels.direction = direction;
  recorder_.observe(recorder_.intern(Family::DetectDurationUs, labels), Family::DetectDurationUs,
                    tookNs / 1'000);
  labels.detected = result;
  recorder_.add(recorder_.intern(Family::DetectResultsTotal, labels));
}

void Worker::countAcceptError(Direction direction, int error) {
  LabelSet labels;
  labels.direction = direction;
  labels.errnoValue = error;
  recorder_.add(recorder_.intern(Family::AcceptErrorsTotal, labels));
}

// ---------------------------------------------------------------- listeners, life

void Worker::openListener(const contract::Listen& settings, UniqueFd fd) {
  if (draining_) return;
  std::unique_ptr<Listening> listening = Listening::open(*this, settings, std::move(fd));
  if (listening) listeners_[settings.id] = std::move(listening);
}

void Worker::closeListener(uint32_t id) { listeners_.erase(id); }

void Worker::resumeListener(uint32_t id) {
  // It is gone where it could not be watched, or while draining.
  if (const auto found = listeners_.find(id); found != listeners_.end()) found->second->resume();
}

void Worker::drain(uint32_t graceMs, std::function<void()> onEmpty) {
  draining_ = true;
  onEmpty_ = std::move(onEmpty);
  listeners_.clear();
  loop_->schedule(grace_, graceMs);
  forEachConnection([](Connection& one) { one.onDrain(); });
  checkDrained();
}

void Worker::sweep() {
  loop_->schedule(sweep_, SWEEP_MS);
  recorder_.set(bufferBytes_, buffers_.inUseBytes());
  // One worker speaks for all: the use of a destination is known to every worker.
  if (index_ != 0) return;
  const uint64_t now = loop_->nowMs();
  for (auto& [id, destination] : destinations_) {
    DestinationUse& use = *destination->use;
    if (destination->idleTimeoutMs == 0 || use.connections.load(std::memory_order_relaxed) != 0) {
      continue;
    }
    if (now < use.lastUsedMs.load(std::memory_order_relaxed) + destination->idleTimeoutMs) continue;
    if (use.reported.exchange(true, std::memory_order_relaxed)) continue;
    sink_.emit(contract::DestinationIdle{.id = id});
  }
}

void Worker::describe(contract::Picture& picture) {
  picture.connections += connectionCount_;
  picture.bufferBytes += buffers_.inUseBytes();
  const uint64_t now = loop_->nowMs();
  for (auto& [id, target] : targets_) {
    contract::TargetPicture one;
    target->describe(one, now);
    picture.targets.push_back(std::move(one));
  }
}

}  // namespace mesh

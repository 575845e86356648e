// See target.h.
#include "proxy/target.h"

#include <cstring>
#include <string>
#include <utility>

#include "proxy/connector.h"
#include "proxy/http2-client.h"
#include "proxy/worker.h"
#include "route/classify.h"

namespace mesh {

namespace {
Balancer::Settings balancerSettings(const contract::PutTarget& settings) {
  const contract::FailureAccrual& accrual = settings.failureAccrual;
  return {.forward = settings.forward,
          .pool = settings.pool,
          .backoff = settings.backoff,
          .accrual = {.maxConsecutiveFailures = accrual.maxConsecutiveFailures,
                      .minSuccessRatio = accrual.minSuccessRatio,
                      .windowMs = accrual.windowMs,
                      .minRequests = accrual.minRequests,
                      .backoff = accrual.backoff,
                      .mayEjectLast = accrual.mayEjectLast}};
}

contract::EndpointState stateOf(const Endpoint& endpoint) {
  if (endpoint.ejected()) return contract::EndpointState::Ejected;
  return endpoint.inBackoff() ? contract::EndpointState::Backoff : contract::EndpointState::Ready;
}

contract::EjectionRule ruleOf(EjectionCause cause) {
  switch (cause) {
    case EjectionCause::None:
      return contract::EjectionRule::None;
    case EjectionCause::ConsecutiveFailures:
      return contract::EjectionRule::ConsecutiveFailures;
    case EjectionCause::SuccessRatio:
      return contract::EjectionRule::SuccessRatio;
  }
  return contract::EjectionRule::None;
}

const char* nameOf(EjectionCause cause) {
  return cause == EjectionCause::SuccessRatio ? "success ratio" : "consecutive failures";
}

const char* nameOf(Reopening reason) {
  switch (reason) {
    case Reopening::Probe:
      return "probe succeeded";
    case Reopening::Last:
      return "no other endpoint left";
    case Reopening::Settings:
      return "failure accrual switched off";
  }
  return "";
}

LabelSet endpointLabels(Direction direction, uint32_t targetId, const SocketAddress& endpoint) {
  LabelSet labels;
  labels.direction = direction;
  labels.targetAddress = endpoint;
  labels.targetId = targetId;
  labels.endpoint = endpoint;
  return labels;
}

LabelSet withPeer(LabelSet labels, Peer peer) {
  labels.peer = peer;
  return labels;
}
}  // namespace

EndpointCounters::EndpointCounters(Recorder& recorder, Direction direction, uint32_t targetId,
                                   const SocketAddress& endpoint)
    : recorder_(recorder),
      labels_(endpointLabels(direction, targetId, endpoint)),
      transport_(std::make_shared<TransportCounters>(recorder, withPeer(labels_, Peer::Dst))),
      dials_(recorder.intern(Family::DialsTotal, labels_)),
      requests_(recorder.intern(Family::RequestTotal, labels_)) {}

const EndpointCounters::Answer& EndpointCounters::answer(uint16_t status, Reason reason,
                                                         int8_t grpcStatus) {
  for (const Answer& known : answers_) {
    if (known.status == status && known.reason == reason && known.grpcStatus == grpcStatus) {
      return known;
    }
  }
  LabelSet labels = labels_;
  labels.statusCode = status;
  const SeriesId latency = recorder_.intern(Family::ResponseLatencyMs, labels);
  const bool failed = status >= 500 || reason != Reason::None ||
                      (grpcStatus >= 0 && route::isGrpcFailure(static_cast<uint8_t>(grpcStatus)));
  labels.classification = failed ? Classification::Failure : Classification::Success;
  labels.reason = reason;
  labels.grpcStatus = grpcStatus;
  const SeriesId total = recorder_.intern(Family::ResponseTotal, labels);
  return answers_.emplace_back(Answer{.status = status,
                                      .reason = reason,
                                      .grpcStatus = grpcStatus,
                                      .total = total,
                                      .latency = latency});
}

void EndpointCounters::responded(uint16_t status, Reason reason, int8_t grpcStatus) {
  recorder_.add(answer(status, reason, grpcStatus).total);
}

void EndpointCounters::latency(uint16_t status, uint64_t ms) {
  recorder_.observe(answer(status, Reason::None, -1).latency, ms);
}

Target::Target(Worker& worker, const contract::PutTarget& settings)
    : worker_(worker),
      settings_(settings),
      balancer_(worker.loop(), worker.random(), balancerSettings(settings), this) {}

// What the balancer lets go of now is no news.
Target::~Target() { retired_ = true; }

void Target::configure(const contract::PutTarget& settings) {
  settings_ = settings;
  balancer_.configure(balancerSettings(settings));
}

void Target::addEndpoint(const EndpointAddition& addition) {
  // First: adding may wake who waits for an endpoint.
  setTraits(addition.endpoint->address, addition.traits);
  balancer_.add(addition.endpoint);
}

void Target::removeEndpoint(const SocketAddress& address) {
  balancer_.remove(address);
  setTraits(address, nullptr);
  // Retiring takes a connection out of the table: walk over a copy.
  if (const auto found = http2_.find(address); found != http2_.end()) {
    const std::vector<Http2Client*> clients = found->second;
    for (Http2Client* client : clients) client->retire();
  }
  // Going on with another endpoint may link and unlink connectors: walk over a copy. The objects
  // live at least until the end of this turn.
  std::vector<Connector*> affected;
  for (Connector* one = dialing.front(); one != nullptr; one = dialing.next(*one)) {
    if (one->endpointAddress() == address) affected.push_back(one);
  }
  for (Connector* one : affected) {
    if (one->dialsTo(address)) one->onEndpointRemoved();
  }
}

void Target::retire() {
  retired_ = true;
  std::vector<SocketAddress> addresses;
  balancer_.forEach([&](Endpoint& endpoint) { addresses.push_back(endpoint.address()); });
  for (const SocketAddress& address : addresses) removeEndpoint(address);
}

// ---------------------------------------------------------------- what sets endpoints apart

void Target::setTraits(const SocketAddress& endpoint,
                       std::shared_ptr<const contract::EndpointTraits> traits) {
  const auto apart = [](const contract::EndpointTraits* one) -> size_t {
    return one != nullptr && (one->takesOrigProto || !one->authorityOverride.empty()) ? 1 : 0;
  };
  writtenApart_ -= apart(traitsOf(endpoint));
  writtenApart_ += apart(traits.get());
  if (traits) {
    traits_[endpoint] = std::move(traits);
  } else {
    traits_.erase(endpoint);
  }
}

const contract::EndpointTraits* Target::traitsOf(const SocketAddress& endpoint) const {
  if (traits_.empty()) return nullptr;
  const auto found = traits_.find(endpoint);
  return found == traits_.end() ? nullptr : found->second.get();
}

bool Target::takesOrigProto(const SocketAddress& endpoint) const {
  const contract::EndpointTraits* traits = traitsOf(endpoint);
  return traits != nullptr && traits->takesOrigProto;
}

std::string_view Target::authorityOf(const SocketAddress& endpoint) const {
  const contract::EndpointTraits* traits = traitsOf(endpoint);
  return traits == nullptr ? std::string_view() : traits->authorityOverride;
}

const contract::Http2KeepAlive& Target::http2KeepAliveOf(const SocketAddress& endpoint) const {
  const contract::EndpointTraits* traits = traitsOf(endpoint);
  return traits != nullptr && traits->http2KeepAlive ? *traits->http2KeepAlive
                                                     : settings_.http2KeepAlive;
}

// ---------------------------------------------------------------- HTTP/2 connections

void Target::addHttp2(Http2Client& client) { http2_[client.address()].push_back(&client); }

void Target::removeHttp2(Http2Client& client) {
  const auto found = http2_.find(client.address());
  if (found == http2_.end()) return;
  std::erase(found->second, &client);
  for (Http2Client* other : found->second) {
    if (other->endpoint() == client.endpoint()) return;
  }
  if (found->second.empty()) http2_.erase(found);
  // Absent when it is the removal of the endpoint that ends the connection.
  if (Endpoint* endpoint = find(*client.endpoint())) balancer_.disconnected(*endpoint);
}

Http2Client* Target::http2WithRoom(const EndpointShared& endpoint) {
  const auto found = http2_.find(endpoint.address);
  if (found == http2_.end()) return nullptr;
  for (Http2Client* client : found->second) {
    if (client->endpoint().get() == &endpoint && client->hasRoom()) return client;
  }
  return nullptr;
}

EndpointCounters& Target::countersOf(const SocketAddress& endpoint, Direction direction) {
  auto& known = counters_[static_cast<size_t>(direction)][endpoint];
  if (!known) {
    known =
        std::make_unique<EndpointCounters>(worker_.recorder(), direction, settings_.id, endpoint);
  }
  return *known;
}

SeriesId Target::replaySeries(Direction direction) {
  LabelSet labels;
  labels.direction = direction;
  labels.targetId = settings_.id;
  return worker_.recorder().intern(Family::RequestReplaysTotal, labels);
}

Endpoint* Target::find(const EndpointShared& endpoint) {
  Endpoint* known = balancer_.find(endpoint.address);
  return known != nullptr && known->shared.get() == &endpoint ? known : nullptr;
}

// ---------------------------------------------------------------- answers

void Target::observe(const std::shared_ptr<EndpointShared>& endpoint,
                     const ResponseOutcome& outcome, uint32_t probe) {
  if (probe == 0 && !balancer_.accrues()) return;
  if (Endpoint* known = find(*endpoint)) balancer_.observe(*known, verdictOf(outcome), probe);
}

void Target::releaseProbe(const std::shared_ptr<EndpointShared>& endpoint, uint32_t probe) {
  if (Endpoint* known = find(*endpoint)) balancer_.releaseProbe(*known, probe);
}

void Target::onEjected(const Endpoint& endpoint, bool again) {
  const contract::LogLevel level = again ? contract::LogLevel::Debug : contract::LogLevel::Info;
  if (retired_ || !worker_.sink().wants(level)) return;
  const uint64_t now = worker_.loop().nowMs();
  worker_.sink().log(
      level, worker_.index(), again ? "Endpoint stays ejected" : "Endpoint ejected",
      {{"target", settings_.authority},
       {"endpoint", endpoint.address().toString()},
       {"rule", nameOf(endpoint.ejectedFor)},
       {"for_ms", std::to_string(endpoint.retryAtMs > now ? endpoint.retryAtMs - now : 0)}});
}

void Target::onReopened(const Endpoint& endpoint, Reopening reason) {
  if (retired_) return;
  if (reason == Reopening::Probe) available();
  if (!worker_.sink().wants(contract::LogLevel::Info)) return;
  worker_.sink().log(contract::LogLevel::Info, worker_.index(), "Endpoint reopened",
                     {{"target", settings_.authority},
                      {"endpoint", endpoint.address().toString()},
                      {"reason", nameOf(reason)}});
}

// ---------------------------------------------------------------- availability

bool Target::ready(uint64_t nowMs) {
  if (retired_ || balancer_.empty()) return false;
  if (balancer_.pickable() || unavailableSinceMs_ == 0) return true;
  return nowMs - unavailableSinceMs_ <= settings_.failFastTimeoutMs;
}

uint64_t Target::unavailable(uint64_t nowMs) {
  if (unavailableSinceMs_ == 0) unavailableSinceMs_ = nowMs;
  return unavailableSinceMs_ + settings_.failFastTimeoutMs;
}

void Target::failFast() {
  if (failingFast_) return;
  failingFast_ = true;
  logAvailability("Unavailable; entering fail-fast");
}

void Target::available() {
  unavailableSinceMs_ = 0;
  if (!failingFast_) return;
  failingFast_ = false;
  logAvailability("Available; exited fail-fast");
}

void Target::logAvailability(const char* message) {
  if (!worker_.sink().wants(contract::LogLevel::Info)) return;
  // Enough to see what is going on, however many endpoints there are.
  constexpr size_t SHOWN = 10;
  std::string states;
  size_t shown = 0;
  balancer_.forEach([&](Endpoint& endpoint) {
    if (++shown > SHOWN) return;
    if (!states.empty()) states.append(", ");
    states.append(endpoint.address().toString());
    if (endpoint.ejected()) {
      states.append(" ejected (").append(nameOf(endpoint.ejectedFor)).append(")");
    } else if (endpoint.inBackoff()) {
      states.append(" in back-off");
      if (endpoint.lastError != 0) {
        states.append(" (").append(std::strerror(endpoint.lastError)).append(")");
      }
    } else {
      states.append(" ready");
    }
  });
  if (shown > SHOWN) states.append(" and ").append(std::to_string(shown - SHOWN)).append(" more");
  worker_.sink().log(contract::LogLevel::Info, worker_.index(), message,
                     {{"target", settings_.authority},
                      {"endpoints", std::move(states)},
                      {"waiting", std::to_string(balancer_.waiting())}});
}

void Target::describe(contract::TargetPicture& picture, uint64_t nowMs) {
  picture.id = settings_.id;
  picture.waiting = static_cast<uint32_t>(balancer_.waiting());
  balancer_.forEach([&](Endpoint& endpoint) {
    contract::EndpointPicture one;
    one.address = endpoint.address();
    one.state = stateOf(endpoint);
    one.ejectedBy = ruleOf(endpoint.ejectedFor);
    one.inFlight = endpoint.shared->load.inFlight();
    one.idleConnections = static_cast<uint32_t>(endpoint.pool.size());
    one.ewmaMs = endpoint.shared->load.estimateNs(worker_.loop().nowNs()) / 1e6;
    one.lastErrno = endpoint.lastError;
    one.nextAttemptMs = endpoint.inBackoff() && endpoint.retryAtMs > nowMs
                            ? static_cast<uint32_t>(endpoint.retryAtMs - nowMs)
                            : 0;
    one.weight = endpoint.shared->weight.load(std::memory_order_relaxed);
    picture.endpoints.push_back(one);
  });
}

}  // namespace mesh

// See target.h.
#include "proxy/target.h"

#include "proxy/connector.h"
#include "proxy/http2-client.h"
#include "proxy/worker.h"

namespace mesh {

namespace {
Balancer::Settings balancerSettings(const contract::PutTarget& settings) {
  return {.forward = settings.forward, .pool = settings.pool, .backoff = settings.backoff};
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

const EndpointCounters::Answer& EndpointCounters::answer(uint16_t status, Reason reason) {
  for (const Answer& known : answers_) {
    if (known.status == status && known.reason == reason) return known;
  }
  LabelSet labels = labels_;
  labels.statusCode = status;
  const SeriesId latency = recorder_.intern(Family::ResponseLatencyMs, labels);
  labels.classification =
      status >= 500 || reason != Reason::None ? Classification::Failure : Classification::Success;
  labels.reason = reason;
  const SeriesId total = recorder_.intern(Family::ResponseTotal, labels);
  return answers_.emplace_back(
      Answer{.status = status, .reason = reason, .total = total, .latency = latency});
}

void EndpointCounters::responded(uint16_t status, Reason reason) {
  recorder_.add(answer(status, reason).total);
}

void EndpointCounters::latency(uint16_t status, uint64_t ms) {
  recorder_.observe(answer(status, Reason::None).latency, ms);
}

Target::Target(Worker& worker, const contract::PutTarget& settings)
    : worker_(worker),
      settings_(settings),
      balancer_(worker.loop(), worker.random(), balancerSettings(settings)) {}

Target::~Target() = default;

void Target::configure(const contract::PutTarget& settings) {
  settings_ = settings;
  balancer_.configure(balancerSettings(settings));
}

void Target::addEndpoint(std::shared_ptr<EndpointShared> endpoint) {
  balancer_.add(std::move(endpoint));
}

void Target::removeEndpoint(const SocketAddress& address) {
  balancer_.remove(address);
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

void Target::addHttp2(Http2Client& client) { http2_[client.address()].push_back(&client); }

void Target::removeHttp2(Http2Client& client) {
  const auto found = http2_.find(client.address());
  if (found == http2_.end()) return;
  std::erase(found->second, &client);
  if (found->second.empty()) http2_.erase(found);
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

void Target::describe(contract::TargetPicture& picture, uint64_t nowMs) {
  picture.id = settings_.id;
  picture.waiting = static_cast<uint32_t>(balancer_.waiting());
  balancer_.forEach([&](Endpoint& endpoint) {
    contract::EndpointPicture one;
    one.address = endpoint.address();
    one.state =
        endpoint.inBackoff() ? contract::EndpointState::Backoff : contract::EndpointState::Ready;
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

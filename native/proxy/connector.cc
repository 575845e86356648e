// See connector.h.
#include "proxy/connector.h"

#include <cerrno>
#include <cstring>

#include "proxy/worker.h"

namespace mesh {

namespace {
Reason reasonOfErrno(int error) {
  if (error == ECONNREFUSED) return Reason::ConnectRefused;
  if (error == ETIMEDOUT) return Reason::ConnectTimeout;
  if (error == EMFILE || error == ENFILE) return Reason::OutOfDescriptors;
  return Reason::ConnectFailed;
}
}  // namespace

Connector::Connector(Worker& worker, ConnectorOwner& owner)
    : worker_(worker),
      owner_(owner),
      timer_([](void* self) { static_cast<Connector*>(self)->onTimeout(); }, this) {}

Connector::~Connector() { cancel(); }

void Connector::start(std::shared_ptr<Target> target, Direction direction, Reuse reuse) {
  MESH_CHECK(phase_ == Phase::Idle);
  target_ = std::move(target);
  direction_ = direction;
  reuse_ = reuse;
  address_ = SocketAddress();
  lastError_ = 0;
  attempt();
}

void Connector::cancel() {
  if (phase_ == Phase::Waiting) stopWaiting();
  if (phase_ == Phase::Dialling) dropDial();
  phase_ = Phase::Idle;
  target_.reset();
}

void Connector::attempt() {
  // A loop, not a recursion: every endpoint may fail at once, and there may be thousands.
  for (;;) {
    phase_ = Phase::Idle;
    if (target_->retired()) {
      fail(Reason::NoRoute, "target removed");
      return;
    }
    Balancer& balancer = target_->balancer();
    const Endpoint* avoid = address_.valid() ? balancer.find(address_) : nullptr;
    Endpoint* endpoint = balancer.pick(avoid);
    if (endpoint == nullptr) {
      if (balancer.empty()) {
        fail(Reason::NoEndpoints, "");
      } else {
        await();
      }
      return;
    }
    if (reuse_ == Reuse::Allowed && reusePooled(*endpoint)) return;
    const int error = dial(*endpoint);
    if (error == 0 || !goOnAfter(error)) return;
  }
}

bool Connector::reusePooled(Endpoint& endpoint) {
  while (PooledConnection* pooled = endpoint.pool.take()) {
    std::unique_ptr<EndpointConnection> connection(static_cast<EndpointConnection*>(pooled));
    if (!connection->alive()) {
      EndpointConnection::end(std::move(connection));
      continue;
    }
    target_->balancer().dialCancelled(endpoint);
    target_->unavailableSinceMs = 0;
    target_.reset();
    LoadToken load(endpoint.shared, worker_.loop().nowNs());
    owner_.onConnected(std::move(connection), std::move(load));
    return true;
  }
  return false;
}

SocketAddress Connector::sourceFor(const SocketAddress& endpoint) const {
  const SocketAddress& wanted = target_->settings().source;
  if (wanted.valid()) {
    return wanted.family() == endpoint.family() ? wanted : SocketAddress();
  }
  // IPv6 has one loopback address only, so inbound dials cannot be told apart by a reserved
  // source; they are bound to the application's own address and their port is recorded.
  if (direction_ == Direction::Inbound && endpoint.family() == AF_INET6 &&
      worker_.capture() != nullptr) {
    return endpoint.withPort(0);
  }
  return {};
}

int Connector::dial(Endpoint& endpoint) {
  phase_ = Phase::Dialling;
  endpoint_ = endpoint.shared;
  address_ = endpoint.address();
  load_ = LoadToken(endpoint_, worker_.loop().nowNs());
  target_->dialing.pushBack(*this);

  const SocketAddress source = sourceFor(address_);
  Result<UniqueFd> opened = openTcp(address_, source, worker_.settings().tcp);
  if (!opened) return opened.error().code;
  socket_ = std::make_unique<SocketEnd>(worker_.loop(), std::move(opened).value(), address_);
  if (worker_.capture()) {
    socket_->exempt(worker_.capture(), source.valid() && source.family() == AF_INET6);
  }

  endpoint_->dialing.fetch_add(1);
  const bool removed = endpoint_->removed.load();
  Status<> started =
      removed ? Status<>(SysError{ECANCELED}) : startConnect(socket_->fd(), address_);
  endpoint_->dialing.fetch_sub(1);
  if (removed) return ECANCELED;
  target_->countersOf(address_, direction_).dialled();
  if (!started) return started.error().code;
  Status<> watched = socket_->watch(*this);
  if (!watched) return watched.error().code;
  worker_.loop().schedule(timer_, target_->settings().connectTimeoutMs);
  return 0;
}

Endpoint* Connector::dialledEndpoint() {
  Endpoint* endpoint = target_->balancer().find(address_);
  return endpoint != nullptr && endpoint->shared == endpoint_ ? endpoint : nullptr;
}

void Connector::onIo(uint32_t) {
  if (phase_ != Phase::Dialling || !socket_->writable()) return;
  const Status<> status = finishConnect(socket_->fd());
  if (status) {
    dialSucceeded();
  } else if (goOnAfter(status.error().code)) {
    attempt();
  }
}

void Connector::dialSucceeded() {
  worker_.loop().cancel(timer_);
  ListNode<Connector>::unlink();
  if (Endpoint* endpoint = dialledEndpoint()) target_->balancer().dialSucceeded(*endpoint);
  target_->unavailableSinceMs = 0;
  EndpointCounters& counters = target_->countersOf(address_, direction_);
  socket_->count(counters.transport());
  auto connection = std::make_unique<EndpointConnection>(
      worker_.loop(), std::move(target_), std::move(endpoint_), counters, std::move(socket_));
  phase_ = Phase::Idle;
  owner_.onConnected(std::move(connection), std::move(load_));
}

bool Connector::goOnAfter(int error) {
  const bool removed = error == ECANCELED;
  // Says nothing about the endpoint.
  const bool ours = error == EMFILE || error == ENFILE;
  if (!removed) {
    lastError_ = error;
    if (worker_.sink().wants(contract::LogLevel::Debug)) {
      worker_.sink().log(contract::LogLevel::Debug, worker_.index(), "Failed to connect",
                         {{"endpoint", address_.toString()}, {"error", std::strerror(error)}});
    }
    // First tells the balancer, which then has nothing to call off.
    if (!ours) {
      if (Endpoint* endpoint = dialledEndpoint()) target_->balancer().dialFailed(*endpoint, error);
      endpoint_.reset();
    }
  }
  dropDial();
  if (!target_->settings().forward && !ours) return true;
  fail(removed ? Reason::EndpointRemoved : reasonOfErrno(error), "");
  return false;
}

void Connector::onEndpointRemoved() {
  if (goOnAfter(ECANCELED)) attempt();
}

void Connector::dropDial() {
  worker_.loop().cancel(timer_);
  ListNode<Connector>::unlink();
  load_.abandon();
  // A probe that is called off must not keep its endpoint waiting for an outcome.
  if (endpoint_) {
    if (Endpoint* endpoint = dialledEndpoint()) target_->balancer().dialCancelled(*endpoint);
  }
  // It may have been established a moment ago: an endpoint that accepted it must not take its end
  // for that of a complete, empty stream.
  if (socket_) socket_->abort();
  socket_.reset();
  endpoint_.reset();
}

void Connector::await() {
  const uint64_t now = worker_.loop().nowMs();
  if (target_->unavailableSinceMs == 0) target_->unavailableSinceMs = now;
  const uint64_t deadline = target_->unavailableSinceMs + target_->settings().failFastTimeoutMs;
  if (deadline <= now) {
    fail(Reason::FailFast, "");
    return;
  }
  if (target_->balancer().waiting() >= target_->settings().queueCapacity) {
    fail(Reason::QueueFull, "");
    return;
  }
  phase_ = Phase::Waiting;
  target_->balancer().wait(*this);
  worker_.loop().schedule(timer_, deadline - now);
}

void Connector::stopWaiting() {
  worker_.loop().cancel(timer_);
  target_->balancer().stopWaiting(*this);
}

void Connector::onEndpointReady() {
  if (phase_ != Phase::Waiting) return;
  stopWaiting();
  attempt();
}

void Connector::onTimeout() {
  if (phase_ == Phase::Waiting) {
    stopWaiting();
    fail(Reason::FailFast, "");
  } else if (phase_ == Phase::Dialling) {
    if (goOnAfter(ETIMEDOUT)) attempt();
  }
}

void Connector::fail(Reason reason, std::string detail) {
  phase_ = Phase::Idle;
  ListNode<Connector>::unlink();
  ConnectFailure failure{
      .reason = reason, .error = lastError_, .endpoint = address_, .detail = std::move(detail)};
  target_.reset();
  owner_.onConnectFailed(failure);
}

}  // namespace mesh

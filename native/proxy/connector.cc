// See connector.h.
#include "proxy/connector.h"

#include <cerrno>
#include <cstring>

#include "proxy/worker.h"

namespace mesh {

namespace {
constexpr std::string_view LOOPBACK_REFUSED =
    "Outbound proxy cannot initiate connections on the loopback interface";

Reason reasonOfErrno(int error) {
  if (error == ECONNREFUSED) return Reason::ConnectRefused;
  if (error == ETIMEDOUT) return Reason::ConnectTimeout;
  if (error == EMFILE || error == ENFILE) return Reason::OutOfDescriptors;
  return Reason::ConnectFailed;
}
}  // namespace

void ConnectorOwner::onHttp2(Http2Client&, LoadToken) {
  // Only for those who asked for it.
  MESH_CHECK(false);
}

Connector::Connector(Worker& worker, ConnectorOwner& owner)
    : worker_(worker),
      owner_(owner),
      timer_([](void* self) { static_cast<Connector*>(self)->onTimeout(); }, this) {}

Connector::~Connector() { cancel(); }

void Connector::start(std::shared_ptr<Target> target, Direction direction, Reuse reuse,
                      const SocketAddress& avoid, OverHttp2 over) {
  MESH_CHECK(phase_ == Phase::Idle);
  target_ = std::move(target);
  direction_ = direction;
  reuse_ = reuse;
  avoid_ = avoid;
  over_ = over;
  address_ = SocketAddress();
  lastError_ = 0;
  lastDetail_ = {};
  attempt();
}

void Connector::cancel() {
  if (phase_ == Phase::Waiting) stopWaiting();
  if (phase_ == Phase::Following) ListNode<Connector>::unlink();
  const bool dialled = phase_ == Phase::Dialling;
  if (dialled) dropDial();
  phase_ = Phase::Idle;
  const std::shared_ptr<Target> target = std::move(target_);
  // Those who counted on this dial make their own.
  if (dialled) wakeFollowers(*target, address_);
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
    const SocketAddress& failed = address_.valid() ? address_ : avoid_;
    Endpoint* endpoint = balancer.pick(failed.valid() ? balancer.find(failed) : nullptr);
    if (endpoint == nullptr) {
      if (balancer.empty()) {
        fail(Reason::NoEndpoints, "");
      } else {
        await();
      }
      return;
    }
    shared_ = reuse_ == Reuse::Shared ||
              (over_ == OverHttp2::WhereTaken && target_->takesOrigProto(endpoint->address()));
    if (shared_ && shareHttp2(*endpoint)) return;
    if (!shared_ && reuse_ == Reuse::Allowed && reusePooled(*endpoint)) return;
    const int error = dial(*endpoint);
    if (error == 0 || !goOnAfter(error)) return;
  }
}

bool Connector::reusePooled(Endpoint& endpoint) {
  const uint32_t probe = endpoint.pickedAsProbe();
  while (PooledConnection* pooled = endpoint.pool.take(worker_.loop().nowMs())) {
    std::unique_ptr<EndpointConnection> connection(static_cast<EndpointConnection*>(pooled));
    if (!connection->alive()) {
      endpoint.pool.learnClosed(*connection, worker_.loop().nowMs());
      EndpointConnection::end(std::move(connection));
      continue;
    }
    target_->balancer().dialCancelled(endpoint);
    // Of an ejected endpoint only the answer tells.
    if (!endpoint.ejected()) target_->available();
    LoadToken load(std::move(target_), endpoint.shared, probe, worker_.loop().nowNs());
    owner_.onConnected(std::move(connection), std::move(load));
    return true;
  }
  return false;
}

bool Connector::shareHttp2(Endpoint& endpoint) {
  const uint32_t probe = endpoint.pickedAsProbe();
  if (Http2Client* client = target_->http2WithRoom(*endpoint.shared)) {
    target_->balancer().dialCancelled(endpoint);
    if (!endpoint.ejected()) target_->available();
    owner_.onHttp2(*client,
                   LoadToken(std::move(target_), endpoint.shared, probe, worker_.loop().nowNs()));
    return true;
  }
  for (Connector* one = target_->dialing.front(); one != nullptr;
       one = target_->dialing.next(*one)) {
    if (!one->sharesDialTo(endpoint.address())) continue;
    // It picks again when that dial has come to its end.
    target_->balancer().releaseProbe(endpoint, probe);
    phase_ = Phase::Following;
    address_ = endpoint.address();
    target_->following.pushBack(*this);
    return true;
  }
  return false;
}

void Connector::wakeFollowers(Target& target, const SocketAddress& address) {
  std::vector<Connector*> followers;
  for (Connector* one = target.following.front(); one != nullptr;
       one = target.following.next(*one)) {
    if (one->address_ == address) followers.push_back(one);
  }
  for (Connector* one : followers) {
    // An earlier one may have ended this one.
    if (one->phase_ != Phase::Following) continue;
    one->ListNode<Connector>::unlink();
    // The address is no failure of its own to avoid.
    one->address_ = SocketAddress();
    one->attempt();
  }
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
  load_ = LoadToken(target_, endpoint_, endpoint.pickedAsProbe(), worker_.loop().nowNs());
  target_->dialing.pushBack(*this);

  lastDetail_ = {};
  if (target_->settings().refuseLoopback && address_.isLoopback()) {
    lastDetail_ = LOOPBACK_REFUSED;
    return ECONNREFUSED;
  }
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
  if (Endpoint* endpoint = dialledEndpoint()) {
    target_->balancer().dialSucceeded(*endpoint);
    if (!endpoint->ejected()) target_->available();
  }
  EndpointCounters& counters = target_->countersOf(address_, direction_);
  socket_->count(counters.transport());
  if (shared_) {
    const std::shared_ptr<Target> target = std::move(target_);
    phase_ = Phase::Idle;
    Http2Client& client =
        Http2Client::start(worker_, target, std::move(endpoint_), counters, std::move(socket_));
    const SocketAddress address = address_;
    owner_.onHttp2(client, std::move(load_));
    wakeFollowers(*target, address);
    return;
  }
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
    Endpoint* endpoint = dialledEndpoint();
    // Loud once, when it is news.
    const bool known = ours || endpoint == nullptr || endpoint->lastError != 0;
    const contract::LogLevel level = known ? contract::LogLevel::Debug : contract::LogLevel::Warn;
    if (worker_.sink().wants(level)) {
      const std::string text(lastDetail_.empty() ? std::strerror(error) : lastDetail_);
      worker_.sink().log(level, worker_.index(), "Failed to connect",
                         {{"endpoint", address_.toString()}, {"error", text}});
    }
    // First tells the balancer, which then has nothing to call off.
    if (!ours) {
      if (endpoint != nullptr) target_->balancer().dialFailed(*endpoint, error);
      endpoint_.reset();
    }
  }
  dropDial();
  // This connector must be neither dialling nor gone when others look for a dial to follow.
  phase_ = Phase::Idle;
  const std::shared_ptr<Target> target = target_;
  if (shared_) wakeFollowers(*target, address_);
  if (!target_->settings().forward && !ours) return true;
  fail(removed ? Reason::EndpointRemoved : reasonOfErrno(error), std::string(lastDetail_));
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
  const uint64_t deadline = target_->unavailable(now);
  if (deadline <= now) {
    target_->failFast();
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
    target_->failFast();
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

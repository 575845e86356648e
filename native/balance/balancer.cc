// Waiters are woken at the end of the turn, from a clean stack: whoever reports a dial or removes
// an endpoint finds its own state undisturbed when the call returns.
#include "balance/balancer.h"

#include <algorithm>
#include <utility>

namespace mesh {

Balancer::Waiter::~Waiter() {
  if (balancer_ != nullptr) balancer_->stopWaiting(*this);
}

namespace {
AccrualSettings accrualOf(const Balancer::Settings& settings) {
  return settings.forward ? AccrualSettings() : settings.accrual;
}
}  // namespace

Balancer::Balancer(EventLoop& loop, Random& random, Settings settings, EjectionListener* listener)
    : loop_(loop),
      random_(random),
      settings_(settings),
      idle_(loop, settings.pool.idleTimeoutMs),
      set_(listener),
      waking_(*this),
      retry_([](void* context) { static_cast<Balancer*>(context)->onRetryTime(); }, this) {
  set_.configureAccrual(accrualOf(settings), loop.nowMs());
}

Balancer::~Balancer() {
  while (Waiter* waiter = waiters_.popFront()) waiter->balancer_ = nullptr;
  waiting_ = 0;
  while (!endpoints_.empty()) remove(endpoints_.begin()->second->address());
}

Endpoint& Balancer::add(std::shared_ptr<EndpointShared> shared) {
  if (Endpoint* known = find(shared->address)) {
    if (known->shared == shared) {
      set_.reweigh(*known);
      settle();
      return *known;
    }
    remove(shared->address);
  }
  const SocketAddress address = shared->address;
  auto endpoint = std::make_unique<Endpoint>(std::move(shared), settings_.pool.maxIdle, idle_,
                                             settings_.backoff);
  Endpoint& added = *endpoint;
  endpoints_.emplace(address, std::move(endpoint));
  set_.add(added);
  settle();
  return added;
}

void Balancer::remove(const SocketAddress& address) {
  const auto found = endpoints_.find(address);
  if (found == endpoints_.end()) return;
  std::unique_ptr<Endpoint> endpoint = std::move(found->second);
  endpoints_.erase(found);
  set_.remove(*endpoint);
  // Also what is given back to it in the rest of this turn is evicted.
  endpoint->pool.setMaxIdle(0);
  loop_.destroyLater(std::move(endpoint));
  if (endpoints_.empty() && waiting_ > 0) lastRemoved_ = true;
  settle();
}

Endpoint* Balancer::find(const SocketAddress& address) {
  const auto found = endpoints_.find(address);
  return found == endpoints_.end() ? nullptr : found->second.get();
}

void Balancer::configure(Settings settings) {
  settings_ = settings;
  idle_.configure(settings.pool.idleTimeoutMs);
  const AccrualSettings accrual = accrualOf(settings);
  forEach([&](Endpoint& endpoint) { endpoint.ejection.configure(accrual.backoff); });
  set_.configureAccrual(accrual, loop_.nowMs());
  const uint64_t latestRetryMs = loop_.nowMs() + settings.backoff.maxMs;
  const uint64_t latestProbeMs = std::max(latestRetryMs, loop_.nowMs() + accrual.backoff.maxMs);
  forEach([&](Endpoint& endpoint) {
    endpoint.pool.setMaxIdle(settings.pool.maxIdle);
    endpoint.backoff.configure(settings.backoff);
    if (settings.forward) {
      set_.succeed(endpoint);
    } else {
      // What is out for both reasons is out until the later time.
      set_.retryNoLaterThan(endpoint, endpoint.ejected() ? latestProbeMs : latestRetryMs);
    }
  });
  settle();
}

Endpoint* Balancer::pick(const Endpoint* avoid) { return set_.pick(loop_.nowNs(), avoid, random_); }

void Balancer::dialSucceeded(Endpoint& endpoint) {
  set_.succeed(endpoint);
  settle();
}

void Balancer::dialFailed(Endpoint& endpoint, int error) {
  if (settings_.forward) {
    endpoint.lastError = error;
    return;
  }
  set_.fail(endpoint, error, loop_.nowMs(), random_);
  settle();
}

void Balancer::dialCancelled(Endpoint& endpoint) {
  set_.release(endpoint);
  settle();
}

void Balancer::disconnected(Endpoint& endpoint) {
  if (settings_.forward) return;
  set_.disconnect(endpoint, loop_.nowMs(), random_);
  settle();
}

void Balancer::observe(Endpoint& endpoint, Verdict verdict, uint32_t probe) {
  set_.observe(endpoint, verdict, probe, loop_.nowMs(), random_);
  settle();
}

void Balancer::releaseProbe(Endpoint& endpoint, uint32_t probe) {
  set_.releaseProbe(endpoint, probe);
  settle();
}

bool Balancer::pickable() {
  set_.admitDue(loop_.nowMs());
  return set_.pickable();
}

bool Balancer::pickableBeside(const SocketAddress& address) {
  set_.admitDue(loop_.nowMs());
  const Endpoint* one = find(address);
  return one == nullptr ? set_.pickable() : set_.pickableBeside(*one);
}

void Balancer::wait(Waiter& waiter) {
  MESH_CHECK(!waiter.linked());
  waiter.balancer_ = this;
  const bool again = &waiter == beingWoken_;
  if (again && !empty()) {
    waiters_.pushFront(waiter);
  } else {
    waiters_.pushBack(waiter);
  }
  waitsAgain_ = waitsAgain_ || again;
  ++waiting_;
  settle();
}

void Balancer::stopWaiting(Waiter& waiter) {
  if (waiter.balancer_ != this) return;
  waiter.unlink();
  waiter.balancer_ = nullptr;
  --waiting_;
}

bool Balancer::causeToWake() const { return waiting_ > 0 && (set_.pickable() || lastRemoved_); }

void Balancer::settle() {
  if (causeToWake() && beingWoken_ == nullptr) loop_.atTurnEnd(waking_);
  timeRetry();
}

void Balancer::timeRetry() {
  const std::optional<uint64_t> retryAt = set_.nextRetryMs();
  if (waiting_ == 0 || !retryAt) {
    loop_.cancel(retry_);
    return;
  }
  if (retry_.armed() && retry_.deadlineMs() == *retryAt) return;
  const uint64_t now = loop_.nowMs();
  loop_.schedule(retry_, *retryAt > now ? *retryAt - now : 0);
}

void Balancer::onRetryTime() {
  set_.admitDue(loop_.nowMs());
  settle();
}

bool Balancer::wakeFirst() {
  Waiter* first = waiters_.popFront();
  first->balancer_ = nullptr;
  --waiting_;
  beingWoken_ = first;
  waitsAgain_ = false;
  first->onEndpointReady();
  beingWoken_ = nullptr;
  return waitsAgain_;
}

void Balancer::wake() {
  if (lastRemoved_) {
    // Everyone hears of it once; who then waits for endpoints to come lines up at the back.
    for (size_t calls = waiting_; calls > 0 && waiting_ > 0 && empty(); --calls) wakeFirst();
    lastRemoved_ = false;
  }
  // Who waits again has found nothing, then nothing is pickable any more; or has tried an endpoint
  // that failed at once, then that one is not pickable any more. The count bounds all else.
  size_t again = endpoints_.size();
  while (waiting_ > 0 && set_.pickable()) {
    if (wakeFirst() && again-- == 0) break;
  }
  timeRetry();
}

}  // namespace mesh

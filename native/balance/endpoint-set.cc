// Phases and choice; the picture and the rules are in the header.
#include "balance/endpoint-set.h"

#include <algorithm>

#include "base/check.h"

namespace mesh {

namespace {

uint32_t weightOf(const EndpointShared& shared) {
  return std::clamp<uint32_t>(shared.weight.load(std::memory_order_relaxed), 1,
                              ReadySet::MAX_WEIGHT);
}

}  // namespace

using Phase = Endpoint::Phase;

void EndpointSet::add(Endpoint& endpoint) {
  pickable_.reserve(++size_);
  endpoint.weight = weightOf(*endpoint.shared);
  endpoint.ejection.configure(accrual_.backoff);
  endpoint.phase = Phase::Gone;
  enter(endpoint, Phase::Ready);
}

void EndpointSet::remove(Endpoint& endpoint) {
  forget(endpoint);
  --size_;
  keepOneIn();
}

void EndpointSet::reweigh(Endpoint& endpoint) {
  const uint32_t weight = weightOf(*endpoint.shared);
  if (pickable_.contains(endpoint)) {
    pickable_.setWeight(endpoint, weight);
    return;
  }
  endpoint.weight = weight;
  // Removed and announced again before the removal came through here.
  if (endpoint.phase == Phase::Gone && !endpoint.shared->removed.load()) {
    enter(endpoint, Phase::Ready);
  }
}

// ---------------------------------------------------------------- connections

void EndpointSet::fail(Endpoint& endpoint, int error, uint64_t nowMs, Random& random) {
  endpoint.lastError = error;
  if (endpoint.phase == Phase::Gone) return;
  endpoint.disconnected = true;
  if (endpoint.phase == Phase::BackOff) return;
  const uint64_t untilMs = nowMs + endpoint.backoff.nextMs(random);
  if (endpoint.ejected()) {
    // A probe that did not even get a connection.
    endpoint.retryAtMs = untilMs;
    shut(endpoint, true, nowMs, random);
  } else {
    backOff(endpoint, untilMs);
  }
  keepOneIn();
}

void EndpointSet::succeed(Endpoint& endpoint) {
  if (endpoint.phase == Phase::Gone) return;
  endpoint.lastError = 0;
  endpoint.disconnected = false;
  endpoint.backoff.reset();
  if (endpoint.phase != Phase::Ready && !endpoint.ejected()) enter(endpoint, Phase::Ready);
}

void EndpointSet::disconnect(Endpoint& endpoint, uint64_t nowMs, Random& random) {
  if (endpoint.phase == Phase::Gone || endpoint.disconnected) return;
  endpoint.disconnected = true;
  endpoint.backoff.reset();
  const uint64_t restUntilMs = nowMs + endpoint.backoff.nextMs(random);
  const uint64_t untilMs =
      endpoint.ejected() ? std::max(endpoint.retryAtMs, restUntilMs) : restUntilMs;
  if (endpoint.phase == Phase::Probing) {
    // The probe of an ejected endpoint is about to say what became of it.
    endpoint.retryAtMs = untilMs;
    return;
  }
  backOff(endpoint, untilMs);
  keepOneIn();
}

void EndpointSet::release(Endpoint& endpoint) {
  if (endpoint.phase == Phase::Probing && !endpoint.ejected()) enter(endpoint, Phase::Due);
}

void EndpointSet::retryNoLaterThan(Endpoint& endpoint, uint64_t latestMs) {
  if (endpoint.phase != Phase::BackOff || endpoint.retryAtMs <= latestMs) return;
  backOff(endpoint, latestMs);
}

// ---------------------------------------------------------------- answers

void EndpointSet::observe(Endpoint& endpoint, Verdict verdict, uint32_t probe, uint64_t nowMs,
                          Random& random) {
  if (endpoint.phase == Phase::Gone) return;
  const bool isProbe = endpoint.phase == Phase::Probing && probe == endpoint.probe;
  if (endpoint.ejected()) {
    if (!isProbe) return;
    if (verdict == Verdict::Success) {
      endpoint.disconnected = false;
      reopen(endpoint, Reopening::Probe);
    } else {
      shut(endpoint, true, nowMs, random);
    }
    return;
  }
  // Its ejection was ended while the probe was under way; an answer has needed a connection.
  if (isProbe) enter(endpoint, Phase::Ready);
  if (!accrual_.active()) return;
  const EjectionCause cause = endpoint.accrual.record(accrual_, verdict, nowMs);
  if (cause == EjectionCause::None) return;
  const uint32_t others = ready_ - (endpoint.phase == Phase::Ready ? 1 : 0);
  if (others == 0 && !accrual_.mayEjectLast) return;
  endpoint.ejectedFor = cause;
  ejected_.pushBack(endpoint);
  if (endpoint.phase == Phase::Ready) endpoint.retryAtMs = 0;
  shut(endpoint, false, nowMs, random);
}

void EndpointSet::releaseProbe(Endpoint& endpoint, uint32_t probe) {
  if (endpoint.phase != Phase::Probing || probe != endpoint.probe) return;
  // Without a connection the next probe is a dial, whose time may not have come.
  enter(endpoint, endpoint.disconnected ? Phase::BackOff : Phase::Due);
}

void EndpointSet::configureAccrual(const AccrualSettings& settings, uint64_t nowMs) {
  accrual_ = settings;
  if (!settings.active()) {
    while (Endpoint* first = ejected_.front()) reopen(*first, Reopening::Settings);
    return;
  }
  for (Endpoint* one = ejected_.front(); one != nullptr; one = ejected_.next(*one)) {
    if (!one->disconnected) retryNoLaterThan(*one, nowMs + settings.backoff.maxMs);
  }
  keepOneIn();
}

void EndpointSet::shut(Endpoint& endpoint, bool again, uint64_t nowMs, Random& random) {
  backOff(endpoint, std::max(endpoint.retryAtMs, nowMs + endpoint.ejection.nextMs(random)));
  if (listener_ != nullptr) listener_->onEjected(endpoint, again);
}

void EndpointSet::reopen(Endpoint& endpoint, Reopening reason) {
  static_cast<ListNode<ByEjection>&>(endpoint).unlink();
  endpoint.ejectedFor = EjectionCause::None;
  endpoint.accrual.reset();
  if (reason != Reopening::Last) endpoint.ejection.reset();
  if (!endpoint.disconnected) {
    enter(endpoint, Phase::Ready);
  } else if (endpoint.phase != Phase::Probing) {
    // The next request finds out; the back-off was perhaps the ejection's.
    enter(endpoint, Phase::Due);
  }
  if (listener_ != nullptr) listener_->onReopened(endpoint, reason);
}

void EndpointSet::keepOneIn() {
  if (accrual_.mayEjectLast) return;
  while (ready_ == 0 && !ejected_.empty()) reopen(*ejected_.front(), Reopening::Last);
}

// ---------------------------------------------------------------- phases

void EndpointSet::enter(Endpoint& endpoint, Phase phase) {
  if (endpoint.phase == Phase::Ready) --ready_;
  if (pickable_.contains(endpoint)) {
    pickable_.erase(endpoint);
  } else if (endpoint.phase == Phase::BackOff) {
    waitingForTime_.erase(&endpoint);
  }
  endpoint.phase = phase;
  if (phase == Phase::Ready) ++ready_;
  if (phase == Phase::Ready || phase == Phase::Due) {
    pickable_.insert(endpoint);
  } else if (phase == Phase::BackOff) {
    waitingForTime_.insert(&endpoint);
  }
}

void EndpointSet::backOff(Endpoint& endpoint, uint64_t untilMs) {
  if (endpoint.phase == Phase::BackOff) waitingForTime_.erase(&endpoint);
  endpoint.retryAtMs = untilMs;
  if (endpoint.phase == Phase::BackOff) {
    waitingForTime_.insert(&endpoint);
  } else {
    enter(endpoint, Phase::BackOff);
  }
}

void EndpointSet::forget(Endpoint& endpoint) {
  enter(endpoint, Phase::Gone);
  static_cast<ListNode<ByEjection>&>(endpoint).unlink();
  endpoint.ejectedFor = EjectionCause::None;
}

void EndpointSet::admitDue(uint64_t nowMs) {
  while (!waitingForTime_.empty()) {
    Endpoint& next = **waitingForTime_.begin();
    if (next.retryAtMs > nowMs) return;
    enter(next, Phase::Due);
  }
}

std::optional<uint64_t> EndpointSet::nextRetryMs() const {
  if (waitingForTime_.empty()) return std::nullopt;
  return (*waitingForTime_.begin())->retryAtMs;
}

// ---------------------------------------------------------------- choice

Endpoint* EndpointSet::pick(uint64_t nowNs, const Endpoint* avoid, Random& random) {
  admitDue(nowNs / 1'000'000);
  while (!pickable_.empty()) {
    Endpoint& chosen = choose(nowNs, avoid, random);
    if (chosen.shared->removed.load(std::memory_order_acquire)) {
      // The control logic has been told that nobody dials it any more; the worker's own notice
      // is still on its way. Each endpoint costs one such round at most.
      forget(chosen);
      keepOneIn();
      continue;
    }
    if (chosen.phase == Phase::Due) {
      enter(chosen, Phase::Probing);
      if (++chosen.probe == 0) ++chosen.probe;
    }
    return &chosen;
  }
  return nullptr;
}

Endpoint& EndpointSet::choose(uint64_t nowNs, const Endpoint* avoid, Random& random) const {
  ReadySet::Without without;
  if (avoid != nullptr && pickable_.size() > 1 && pickable_.contains(*avoid)) {
    without.insert(avoid->slot);
  }
  const bool even = pickable_.evenWeights();
  const uint32_t first =
      even ? pickable_.drawEvenly(random, without) : pickable_.drawByWeight(random, without);
  if (pickable_.size() - without.size() == 1) return pickable_.at(first);

  uint32_t second = first;
  double handicap = 1.0;
  if (!even) second = pickable_.drawByWeight(random, without);
  if (second == first) {
    without.insert(first);
    second = even ? pickable_.drawEvenly(random, without) : pickable_.drawByWeight(random, without);
    if (!even) handicap = 2.0;
  }
  const double meanWeight = pickable_.meanWeight();
  Endpoint& champion = pickable_.at(first);
  Endpoint& challenger = pickable_.at(second);
  const bool better =
      challenger.cost(nowNs, meanWeight) * handicap < champion.cost(nowNs, meanWeight);
  return better ? challenger : champion;
}

}  // namespace mesh

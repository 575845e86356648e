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

void EndpointSet::add(Endpoint& endpoint) {
  pickable_.reserve(++size_);
  endpoint.weight = weightOf(*endpoint.shared);
  makePickable(endpoint, Endpoint::Phase::Ready);
}

void EndpointSet::remove(Endpoint& endpoint) {
  detach(endpoint);
  endpoint.phase = Endpoint::Phase::Gone;
  --size_;
}

void EndpointSet::reweigh(Endpoint& endpoint) {
  const uint32_t weight = weightOf(*endpoint.shared);
  if (pickable_.contains(endpoint)) {
    pickable_.setWeight(endpoint, weight);
    return;
  }
  endpoint.weight = weight;
  // Removed and announced again before the removal came through here.
  if (endpoint.phase == Endpoint::Phase::Gone && !endpoint.shared->removed.load()) {
    makePickable(endpoint, Endpoint::Phase::Ready);
  }
}

void EndpointSet::fail(Endpoint& endpoint, int error, uint64_t nowMs, Random& random) {
  endpoint.lastError = error;
  if (endpoint.phase == Endpoint::Phase::Gone || endpoint.phase == Endpoint::Phase::BackOff) {
    return;
  }
  detach(endpoint);
  endpoint.phase = Endpoint::Phase::BackOff;
  endpoint.retryAtMs = nowMs + endpoint.backoff.nextMs(random);
  waitingForTime_.insert(&endpoint);
}

void EndpointSet::succeed(Endpoint& endpoint) {
  if (endpoint.phase == Endpoint::Phase::Gone) return;
  endpoint.lastError = 0;
  endpoint.backoff.reset();
  if (endpoint.phase == Endpoint::Phase::Ready) return;
  detach(endpoint);
  makePickable(endpoint, Endpoint::Phase::Ready);
}

void EndpointSet::release(Endpoint& endpoint) {
  if (endpoint.phase == Endpoint::Phase::Probing) {
    makePickable(endpoint, Endpoint::Phase::Due);
  }
}

void EndpointSet::retryNoLaterThan(Endpoint& endpoint, uint64_t latestMs) {
  if (endpoint.phase != Endpoint::Phase::BackOff || endpoint.retryAtMs <= latestMs) return;
  waitingForTime_.erase(&endpoint);
  endpoint.retryAtMs = latestMs;
  waitingForTime_.insert(&endpoint);
}

void EndpointSet::admitDue(uint64_t nowMs) {
  while (!waitingForTime_.empty()) {
    Endpoint& next = **waitingForTime_.begin();
    if (next.retryAtMs > nowMs) return;
    waitingForTime_.erase(waitingForTime_.begin());
    makePickable(next, Endpoint::Phase::Due);
  }
}

std::optional<uint64_t> EndpointSet::nextRetryMs() const {
  if (waitingForTime_.empty()) return std::nullopt;
  return (*waitingForTime_.begin())->retryAtMs;
}

void EndpointSet::detach(Endpoint& endpoint) {
  if (pickable_.contains(endpoint)) {
    pickable_.erase(endpoint);
  } else if (endpoint.phase == Endpoint::Phase::BackOff) {
    waitingForTime_.erase(&endpoint);
  }
}

void EndpointSet::makePickable(Endpoint& endpoint, Endpoint::Phase phase) {
  endpoint.phase = phase;
  pickable_.insert(endpoint);
}

Endpoint* EndpointSet::pick(uint64_t nowNs, const Endpoint* avoid, Random& random) {
  admitDue(nowNs / 1'000'000);
  while (!pickable_.empty()) {
    Endpoint& chosen = choose(nowNs, avoid, random);
    if (chosen.shared->removed.load(std::memory_order_acquire)) {
      // The control logic has been told that nobody dials it any more; the worker's own notice
      // is still on its way. Each endpoint costs one such round at most.
      detach(chosen);
      chosen.phase = Endpoint::Phase::Gone;
      continue;
    }
    if (chosen.phase == Endpoint::Phase::Due) {
      detach(chosen);
      chosen.phase = Endpoint::Phase::Probing;
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

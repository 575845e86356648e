// See rate-limit.h.
#include "authz/rate-limit.h"

#include <utility>

namespace mesh::authz {

namespace {
constexpr uint64_t FULL_AFTER_MS = 1'000;

std::string_view nameOf(RateLimitScope scope) {
  switch (scope) {
    case RateLimitScope::Total:
      return "total";
    case RateLimitScope::Identity:
      return "per-identity";
    case RateLimitScope::Override:
      return "override";
  }
  return "";
}
}  // namespace

std::string LimitMet::toString() const {
  std::string text(nameOf(scope));
  return text.append(" rate limit exceeded: ").append(std::to_string(perSecond)).append("rps");
}

RateLimiter::RateLimiter(RateLimitSpec spec)
    : spec_(std::move(spec)), overrides_(spec_.overrides.size()) {
  for (size_t index = 0; index < spec_.overrides.size(); ++index) {
    for (const std::string& identity : spec_.overrides[index].identities) {
      overrideOf_.emplace(identity, index);
    }
  }
}

std::optional<LimitMet> RateLimiter::take(std::string_view identity, uint64_t nowMs) {
  const auto met = [](RateLimitScope scope, uint32_t perSecond) {
    return LimitMet{.scope = scope, .perSecond = perSecond};
  };
  if (spec_.totalPerSecond != 0 && !total_.take(spec_.totalPerSecond, nowMs)) {
    return met(RateLimitScope::Total, spec_.totalPerSecond);
  }
  if (!identity.empty()) {
    if (const auto found = overrideOf_.find(identity); found != overrideOf_.end()) {
      const uint32_t perSecond = spec_.overrides[found->second].perSecond;
      if (perSecond == 0 || overrides_[found->second].take(perSecond, nowMs)) return std::nullopt;
      return met(RateLimitScope::Override, perSecond);
    }
  }
  const uint32_t perSecond = spec_.identityPerSecond;
  if (perSecond == 0) return std::nullopt;
  const bool taken = identity.empty() ? nameless_.take(perSecond, nowMs)
                                      : bucketOf(identity, nowMs)->take(perSecond, nowMs);
  if (taken) return std::nullopt;
  return met(RateLimitScope::Identity, perSecond);
}

std::shared_ptr<TokenBucket> RateLimiter::bucketOf(std::string_view identity, uint64_t nowMs) {
  Buckets dropped;  // after the mutex: it may be long
  const std::lock_guard<std::mutex> lock(mutex_);
  if (nowMs >= sinceMs_ + FULL_AFTER_MS) {
    dropped = std::exchange(older_, std::exchange(recent_, {}));
    sinceMs_ = nowMs;
  }
  if (const auto known = recent_.find(identity); known != recent_.end()) return known->second;
  // Its node moves over, with whatever is in the bucket.
  if (const auto known = older_.find(identity); known != older_.end()) {
    return recent_.insert(older_.extract(known)).position->second;
  }
  if (recent_.size() + older_.size() >= MAX_IDENTITIES) return shared_;
  return recent_.emplace(identity, std::make_shared<TokenBucket>()).first->second;
}

}  // namespace mesh::authz

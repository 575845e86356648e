// See token-bucket.h.
#include "authz/token-bucket.h"

#include <algorithm>

namespace mesh::authz {

namespace {
constexpr uint64_t NS_PER_MS = 1'000'000;
constexpr uint64_t NS_PER_SECOND = 1'000'000'000;
}  // namespace

bool TokenBucket::take(uint32_t perSecond, uint64_t nowMs) {
  // Beyond a token per nanosecond there is nothing to limit.
  const uint64_t perToken = std::max<uint64_t>(NS_PER_SECOND / perSecond, 1);
  const uint64_t now = nowMs * NS_PER_MS;
  const uint64_t latest = now + perToken * perSecond;
  uint64_t fullAt = fullAtNs_.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t then = std::max(fullAt, now) + perToken;
    if (then > latest) return false;
    // Nothing else is read because of it: the order of other memory does not matter.
    if (fullAtNs_.compare_exchange_weak(fullAt, then, std::memory_order_relaxed)) return true;
  }
}

bool TokenBucket::full(uint64_t nowMs) const {
  return fullAtNs_.load(std::memory_order_relaxed) <= nowMs * NS_PER_MS;
}

}  // namespace mesh::authz

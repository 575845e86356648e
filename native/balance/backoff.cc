// The arithmetic of the back-off, in 64 bits so that no combination of settings overflows.
#include "balance/backoff.h"

#include <algorithm>

namespace mesh {

uint32_t Backoff::nextMs(Random& random) {
  // A minimum of zero would let a waiter redial at the speed of the loop.
  const uint64_t max = std::max<uint64_t>(settings_.maxMs, 1);
  const uint64_t min = std::clamp<uint64_t>(settings_.minMs, 1, max);
  // 2^32 times any minimum is above every possible cap.
  const uint64_t base = attempt_ < 32 ? std::min(min << attempt_, max) : max;
  if (attempt_ < 32) ++attempt_;
  const double extra = static_cast<double>(base) * settings_.jitter * random.unit();
  return static_cast<uint32_t>(std::min(base + static_cast<uint64_t>(extra), max));
}

}  // namespace mesh

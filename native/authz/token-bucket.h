// A token bucket that holds one second's worth and is filled evenly. Safe for any thread, never
// waits: one number that is replaced whole.
#pragma once

#include <atomic>
#include <cstdint>

namespace mesh::authz {

class TokenBucket {
 public:
  // One token, of a bucket that is given `perSecond` (not 0) of them; `nowMs` is monotonic. False
  // when there is none, which costs nothing. New buckets are full.
  bool take(uint32_t perSecond, uint64_t nowMs);
  // Whether it is as good as new.
  bool full(uint64_t nowMs) const;

 private:
  // When the bucket will be full again, in nanoseconds (the "theoretical arrival time" of the generic
  // cell rate algorithm, ITU-T I.371): each token taken moves it on by the time that makes one.
  std::atomic<uint64_t> fullAtNs_{0};
};

}  // namespace mesh::authz

// For how long an endpoint keeps a connection on which nothing happens, as far as it can be told from
// its behaviour: the shortest idle age at which it closed one, or what it announced. A request that is
// sent on a connection older than that is lost to the race with its end.
//
// Ages below MIN_AGE_MS teach nothing: that is a restart, not a time-out. A wrong lesson does not
// last: the first connection that is still open well past the age seen refutes it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace mesh {

class IdleLimit {
 public:
  static constexpr uint64_t MIN_AGE_MS = 250;

  // The endpoint closed a connection that had idled for `ageMs`.
  void closed(uint64_t ageMs) {
    if (ageMs < MIN_AGE_MS) return;
    if (seenMs_ == 0 || ageMs < seenMs_) seenMs_ = ageMs;
  }
  // It did not close one that had idled for `ageMs`.
  void survived(uint64_t ageMs) {
    if (seenMs_ != 0 && ageMs > seenMs_ + marginMs(seenMs_)) seenMs_ = 0;
  }
  void announced(uint64_t ms) {
    if (ms > 0) announcedMs_ = ms;
  }
  // Whether a connection that has idled for `ageMs` is worth a request.
  bool allows(uint64_t ageMs) const {
    return allowedBy(seenMs_, ageMs) && allowedBy(announcedMs_, ageMs);
  }

 private:
  // For the request's way to the endpoint, and for clocks that are read once a turn.
  static uint64_t marginMs(uint64_t ms) { return std::clamp<uint64_t>(ms / 8, 50, 1'000); }
  static bool allowedBy(uint64_t limitMs, uint64_t ageMs) {
    return limitMs == 0 || ageMs + marginMs(limitMs) <= limitMs;
  }

  uint64_t seenMs_ = 0;       // 0: none
  uint64_t announcedMs_ = 0;  // 0: never
};

}  // namespace mesh

// Exponential back-off (reference §5, rule 7): min × 2^n capped at max, plus a uniform extra in
// [0, base × jitter], the sum never above max.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace mesh {

struct BackoffSettings {
  uint32_t minMs = 100;
  uint32_t maxMs = 60'000;
  double jitter = 0.1;
};

class Backoff {
 public:
  explicit Backoff(BackoffSettings settings) : settings_(settings) {}
  // The next wait, at least 1 ms. Its base doubles with each call until `reset` or the cap.
  uint32_t nextMs(Random& random);
  void reset() { attempt_ = 0; }
  // The sequence goes on from where it is, with the new bounds.
  void configure(BackoffSettings settings) { settings_ = settings; }

 private:
  BackoffSettings settings_;
  uint32_t attempt_ = 0;
};

}  // namespace mesh

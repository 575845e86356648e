// Peak-sensitive moving average of latency, times requests under way: the load of an endpoint as
// power-of-two-choices compares it (reference §4.12). A slower sample replaces the estimate at
// once; faster ones decay in with e^(-dt/decay), and so does silence, as if it were samples of
// zero: an endpoint that was slow once is tried again. Shared by workers with relaxed atomics: a
// lost update costs accuracy for one sample, never correctness.
#pragma once

#include <atomic>
#include <cstdint>

namespace mesh {

class PeakEwma {
 public:
  // `defaultRttNs` is the estimate before the first sample; a later call leaves an estimate that
  // was measured as it is and changes the decay only.
  void configure(uint64_t defaultRttNs, uint64_t decayNs, uint64_t nowNs);
  void started() { inFlight_.fetch_add(1, std::memory_order_relaxed); }
  // The measured part of the exchange is over. Call once for each `started`.
  void finished(uint64_t latencyNs, uint64_t nowNs);
  // As above, without a sample (the exchange failed before it told anything).
  void abandoned() { inFlight_.fetch_sub(1, std::memory_order_relaxed); }

  // estimate × (in flight + 1), in nanoseconds.
  double load(uint64_t nowNs) const { return estimateNs(nowNs) * (inFlight() + 1.0); }
  // Never below 1 ms: what is faster than that is equally good.
  double estimateNs(uint64_t nowNs) const;
  uint32_t inFlight() const { return inFlight_.load(std::memory_order_relaxed); }

 private:
  // What of the stored estimate is left at `nowNs`: e^(-dt/decay).
  double remainder(uint64_t nowNs) const;

  static_assert(std::atomic<double>::is_always_lock_free);
  std::atomic<double> estimateNs_{30e6};
  std::atomic<uint64_t> updatedNs_{0};
  std::atomic<uint64_t> decayNs_{10'000'000'000ULL};
  std::atomic<uint32_t> inFlight_{0};
  std::atomic<bool> measured_{false};
};

}  // namespace mesh

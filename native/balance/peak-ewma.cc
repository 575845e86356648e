// The estimate's arithmetic. Workers read their clocks once a turn, so `nowNs` of one may be
// behind what another stored: time that would run backwards counts as no time.
#include "balance/peak-ewma.h"

#include <algorithm>
#include <cmath>

namespace mesh {

namespace {
constexpr double FLOOR_NS = 1e6;
}

void PeakEwma::configure(uint64_t defaultRttNs, uint64_t decayNs, uint64_t nowNs) {
  decayNs_.store(std::max<uint64_t>(decayNs, 1), std::memory_order_relaxed);
  if (measured_.load(std::memory_order_relaxed)) return;
  estimateNs_.store(static_cast<double>(defaultRttNs), std::memory_order_relaxed);
  updatedNs_.store(nowNs, std::memory_order_relaxed);
}

double PeakEwma::remainder(uint64_t nowNs) const {
  const uint64_t updated = updatedNs_.load(std::memory_order_relaxed);
  if (nowNs <= updated) return 1.0;
  const auto decay = static_cast<double>(decayNs_.load(std::memory_order_relaxed));
  return std::exp(-static_cast<double>(nowNs - updated) / decay);
}

void PeakEwma::finished(uint64_t latencyNs, uint64_t nowNs) {
  inFlight_.fetch_sub(1, std::memory_order_relaxed);
  const auto sample = static_cast<double>(latencyNs);
  const double left = remainder(nowNs);
  const double decayed = estimateNs_.load(std::memory_order_relaxed) * left;
  const double estimate = sample > decayed ? sample : decayed + sample * (1.0 - left);
  estimateNs_.store(estimate, std::memory_order_relaxed);
  if (updatedNs_.load(std::memory_order_relaxed) < nowNs) {
    updatedNs_.store(nowNs, std::memory_order_relaxed);
  }
  if (!measured_.load(std::memory_order_relaxed)) {
    measured_.store(true, std::memory_order_relaxed);
  }
}

double PeakEwma::estimateNs(uint64_t nowNs) const {
  const double decayed = estimateNs_.load(std::memory_order_relaxed) * remainder(nowNs);
  return std::max(decayed, FLOOR_NS);
}

}  // namespace mesh

// Picks one of a rule's backends. What is ready is asked of the caller; nothing is remembered from
// request to request, and nothing allocates.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "route/spec.h"

namespace mesh::route {

class BackendPicker {
 public:
  explicit BackendPicker(Distribution spec);

  // `ready(const Backend&)` says whether a backend can take a request. Null when none can.
  template <typename Ready>
  const Backend* pick(Random& random, Ready ready) const;

  const std::vector<Backend>& backends() const { return backends_; }

 private:
  template <typename Ready>
  const Backend* pickByWeight(Random& random, Ready ready) const;

  DistributionKind kind_;
  std::vector<Backend> backends_;
  uint64_t weight_ = 0;  // of all
};

template <typename Ready>
const Backend* BackendPicker::pick(Random& random, Ready ready) const {
  switch (kind_) {
    case DistributionKind::Empty:
      return nullptr;
    case DistributionKind::RandomAvailable:
      return pickByWeight(random, ready);
    case DistributionKind::FirstAvailable:
      for (const Backend& backend : backends_) {
        if (ready(backend)) return &backend;
      }
      return nullptr;
  }
  return nullptr;
}

template <typename Ready>
const Backend* BackendPicker::pickByWeight(Random& random, Ready ready) const {
  const auto below = [&](uint64_t bound) {
    return static_cast<uint64_t>(random.unit() * static_cast<double>(bound));
  };
  if (weight_ == 0) return nullptr;
  uint64_t drawn = below(weight_);
  for (const Backend& backend : backends_) {
    if (drawn < backend.weight) {
      if (ready(backend)) return &backend;
      break;
    }
    drawn -= backend.weight;
  }
  // Drawing on without those that were not ready comes to drawing among those that are: each takes
  // the place of the one before it with its share of the weight so far.
  const Backend* chosen = nullptr;
  uint64_t readyWeight = 0;
  for (const Backend& backend : backends_) {
    if (backend.weight == 0 || !ready(backend)) continue;
    readyWeight += backend.weight;
    if (below(readyWeight) < backend.weight) chosen = &backend;
  }
  return chosen;
}

}  // namespace mesh::route

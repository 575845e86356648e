// The endpoints that may be picked, and random draws from them, evenly or by weight. Every
// operation is O(log n) at most, even draws are O(1); draws never allocate. Owns nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "balance/endpoint.h"
#include "base/random.h"

namespace mesh {

class ReadySet {
 public:
  static constexpr uint32_t MAX_WEIGHT = 10'000;

  // Slots a draw must not return, at most two, all different.
  class Without {
   public:
    void insert(uint32_t slot);
    bool contains(uint32_t slot) const;
    const uint32_t* begin() const { return slots_.data(); }
    const uint32_t* end() const { return slots_.data() + size_; }
    uint32_t size() const { return size_; }

   private:
    std::array<uint32_t, 2> slots_{};  // ascending
    uint32_t size_ = 0;
  };

  // Makes room for `count` elements, so that `insert` does not allocate up to there.
  void reserve(size_t count);
  // The endpoint's `weight` must be in 1..MAX_WEIGHT; its `slot` is set.
  void insert(Endpoint& endpoint);
  void erase(Endpoint& endpoint);
  void setWeight(Endpoint& endpoint, uint32_t weight);
  bool contains(const Endpoint& endpoint) const {
    return endpoint.slot < endpoints_.size() && endpoints_[endpoint.slot] == &endpoint;
  }

  bool empty() const { return endpoints_.empty(); }
  uint32_t size() const { return static_cast<uint32_t>(endpoints_.size()); }
  Endpoint& at(uint32_t slot) const { return *endpoints_[slot]; }
  bool evenWeights() const;
  double meanWeight() const {
    return static_cast<double>(totalWeight_) / static_cast<double>(endpoints_.size());
  }

  // Slots. Something must be left to draw.
  uint32_t drawEvenly(Random& random, const Without& without) const;
  uint32_t drawByWeight(Random& random, const Without& without) const;

  // Work done by draws so far, in elements and tree levels visited: how tests see what a draw
  // costs without a clock.
  uint64_t steps() const { return steps_; }

 private:
  // Sum of the weights in [0, slot).
  uint32_t weightBefore(uint32_t slot) const;
  void changeWeight(uint32_t slot, uint32_t difference);

  std::vector<Endpoint*> endpoints_;
  // Binary indexed tree over the weights: element i holds the sum of the lowbit(i + 1) weights
  // that end at slot i. Differences wrap, sums do not: 429,496 endpoints of the largest weight fit.
  std::vector<uint32_t> sums_;
  uint64_t totalWeight_ = 0;
  uint64_t totalSquares_ = 0;
  mutable uint64_t steps_ = 0;
};

}  // namespace mesh

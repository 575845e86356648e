// A dense array for even draws and a binary indexed tree over the same slots for weighted ones.
// Erasing moves the last element into the hole, so both stay dense.
#include "balance/ready-set.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/check.h"

namespace mesh {

namespace {
constexpr uint32_t lowBit(uint32_t value) { return value & (~value + 1); }
}  // namespace

void ReadySet::Without::insert(uint32_t slot) {
  MESH_CHECK(size_ < slots_.size() && !contains(slot));
  slots_[size_++] = slot;
  if (size_ == 2 && slots_[0] > slots_[1]) std::swap(slots_[0], slots_[1]);
}

bool ReadySet::Without::contains(uint32_t slot) const {
  return std::find(begin(), end(), slot) != end();
}

void ReadySet::reserve(size_t count) {
  if (endpoints_.capacity() >= count && sums_.capacity() >= count) return;
  const size_t room = std::max(count, endpoints_.capacity() * 2);
  endpoints_.reserve(room);
  sums_.reserve(room);
}

void ReadySet::insert(Endpoint& endpoint) {
  MESH_CHECK(endpoint.weight >= 1 && endpoint.weight <= MAX_WEIGHT && !contains(endpoint));
  totalWeight_ += endpoint.weight;
  MESH_CHECK(totalWeight_ <= std::numeric_limits<uint32_t>::max());
  totalSquares_ += uint64_t{endpoint.weight} * endpoint.weight;
  endpoint.slot = size();
  endpoints_.push_back(&endpoint);
  const uint32_t position = size();
  uint32_t sum = endpoint.weight;
  for (uint32_t child = position - 1; child > position - lowBit(position); child -= lowBit(child)) {
    sum += sums_[child - 1];
  }
  sums_.push_back(sum);
}

void ReadySet::erase(Endpoint& endpoint) {
  MESH_CHECK(contains(endpoint));
  totalWeight_ -= endpoint.weight;
  totalSquares_ -= uint64_t{endpoint.weight} * endpoint.weight;
  Endpoint& last = *endpoints_.back();
  if (&last != &endpoint) {
    changeWeight(endpoint.slot, last.weight - endpoint.weight);
    last.slot = endpoint.slot;
    endpoints_[last.slot] = &last;
  }
  // Only the last element of the tree covers the last slot.
  endpoints_.pop_back();
  sums_.pop_back();
}

void ReadySet::setWeight(Endpoint& endpoint, uint32_t weight) {
  MESH_CHECK(contains(endpoint) && weight >= 1 && weight <= MAX_WEIGHT);
  totalWeight_ += uint64_t{weight} - endpoint.weight;
  MESH_CHECK(totalWeight_ <= std::numeric_limits<uint32_t>::max());
  totalSquares_ += uint64_t{weight} * weight - uint64_t{endpoint.weight} * endpoint.weight;
  changeWeight(endpoint.slot, weight - endpoint.weight);
  endpoint.weight = weight;
}

// By the Cauchy-Schwarz inequality n × Σw² ≥ (Σw)², with equality when all weights are equal and
// only then. Up to 400,000 endpoints neither side can reach 2^64, whatever the weights.
bool ReadySet::evenWeights() const {
  return totalSquares_ * endpoints_.size() == totalWeight_ * totalWeight_;
}

void ReadySet::changeWeight(uint32_t slot, uint32_t difference) {
  for (uint32_t position = slot + 1; position <= size(); position += lowBit(position)) {
    sums_[position - 1] += difference;
  }
}

uint32_t ReadySet::weightBefore(uint32_t slot) const {
  uint32_t sum = 0;
  for (uint32_t position = slot; position > 0; position -= lowBit(position)) {
    sum += sums_[position - 1];
    ++steps_;
  }
  return sum;
}

uint32_t ReadySet::drawEvenly(Random& random, const Without& without) const {
  MESH_CHECK(without.size() < size());
  ++steps_;
  uint32_t slot = random.below(size() - without.size());
  // In ascending order, each excluded slot at or below moves the draw up by one.
  for (const uint32_t excluded : without) {
    if (slot >= excluded) ++slot;
  }
  return slot;
}

uint32_t ReadySet::drawByWeight(Random& random, const Without& without) const {
  MESH_CHECK(without.size() < size());
  auto bound = static_cast<uint32_t>(totalWeight_);
  for (const uint32_t excluded : without) bound -= endpoints_[excluded]->weight;
  uint32_t point = random.below(bound);
  for (const uint32_t excluded : without) {
    if (point >= weightBefore(excluded)) point += endpoints_[excluded]->weight;
  }
  // Down the tree: the number of leading weights whose sum is at most `point`.
  uint32_t position = 0;
  for (uint32_t stride = std::bit_floor(size()); stride > 0; stride >>= 1) {
    ++steps_;
    if (position + stride <= size() && sums_[position + stride - 1] <= point) {
      position += stride;
      point -= sums_[position - 1];
    }
  }
  return position;
}

}  // namespace mesh

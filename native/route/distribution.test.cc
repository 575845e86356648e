// Which backend is picked, by order and by weight.
#include "route/distribution.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

namespace mesh::route {
namespace {

// Ids from 1 on.
BackendPicker picker(DistributionKind kind, const std::vector<uint32_t>& weights) {
  Distribution spec{.kind = kind, .backends = {}};
  for (const uint32_t weight : weights) {
    spec.backends.push_back(
        {.id = static_cast<uint32_t>(spec.backends.size() + 1), .weight = weight});
  }
  return BackendPicker(std::move(spec));
}

uint32_t pick(const BackendPicker& from, Random& random, const std::set<uint32_t>& ready) {
  const Backend* backend =
      from.pick(random, [&](const Backend& one) { return ready.contains(one.id); });
  return backend == nullptr ? 0 : backend->id;
}

TEST_CASE("none: no backend, whatever is ready") {
  Random random(1);
  CHECK(pick(picker(DistributionKind::Empty, {1, 1}), random, {1, 2}) == 0);
}

TEST_CASE("first available: in order") {
  Random random(1);
  const BackendPicker all = picker(DistributionKind::FirstAvailable, {0, 0, 0});
  CHECK(pick(all, random, {1, 2, 3}) == 1);
  CHECK(pick(all, random, {3, 2}) == 2);
  CHECK(pick(all, random, {}) == 0);
  CHECK(pick(picker(DistributionKind::FirstAvailable, {}), random, {1}) == 0);
}

TEST_CASE("random: one alone is taken whatever its weight") {
  Random random(1);
  CHECK(pick(picker(DistributionKind::RandomAvailable, {0}), random, {1}) == 1);
  CHECK(pick(picker(DistributionKind::RandomAvailable, {0}), random, {}) == 0);
  CHECK(pick(picker(DistributionKind::RandomAvailable, {}), random, {}) == 0);
}

TEST_CASE("random: by weight among those that are ready, never those of weight 0") {
  struct Row {
    std::vector<uint32_t> weights;
    std::set<uint32_t> ready;
    std::vector<double> shares;
  };
  const Row rows[] = {
      {{1, 3}, {1, 2}, {0.25, 0.75}},
      {{1, 2, 1, 0}, {1, 2, 3, 4}, {0.25, 0.5, 0.25, 0}},
      {{1, 2, 1, 0}, {1, 3, 4}, {0.5, 0, 0.5, 0}},
      {{1, 2, 1, 0}, {2}, {0, 1, 0, 0}},
      {{1, 2, 1, 0}, {4}, {0, 0, 0, 0}},
      {{0, 0}, {1, 2}, {0, 0}},
      {{5, 1, 2, 2}, {2, 3, 4}, {0, 0.2, 0.4, 0.4}},
      {{UINT32_MAX, UINT32_MAX, UINT32_MAX}, {2, 3}, {0, 0.5, 0.5}},
  };
  constexpr int DRAWS = 40'000;
  for (const Row& row : rows) {
    Random random(7);
    const BackendPicker from = picker(DistributionKind::RandomAvailable, row.weights);
    std::map<uint32_t, int> counts;
    for (int i = 0; i < DRAWS; ++i) ++counts[pick(from, random, row.ready)];
    double sum = 0;
    for (size_t i = 0; i < row.shares.size(); ++i) {
      const double share = static_cast<double>(counts[static_cast<uint32_t>(i + 1)]) / DRAWS;
      CAPTURE(i);
      // Four standard deviations are at most 4 × 0.5 / sqrt(40000) = 0.01.
      CHECK(std::abs(share - row.shares[i]) <= 0.01);
      if (row.shares[i] == 0) CHECK(share == 0);
      sum += row.shares[i];
    }
    CHECK((counts[0] == 0) == (sum > 0));
  }
}

}  // namespace
}  // namespace mesh::route

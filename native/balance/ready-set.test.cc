// Draws compared, one by one, with draws made the slow and obvious way from the same random source.
#include "balance/ready-set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace mesh {
namespace {

struct Fixture {
  std::unique_ptr<EventLoop> loop = EventLoop::create(PollerKind::Libuv).value();
  IdleQueue idle{*loop, 60'000};
  std::vector<std::unique_ptr<Endpoint>> endpoints;
  ReadySet set;

  Endpoint& make(uint32_t weight) {
    const auto address =
        SocketAddress::v4(0x0A000000 + static_cast<uint32_t>(endpoints.size()), 80);
    auto shared = std::make_shared<EndpointShared>(address, weight);
    endpoints.push_back(std::make_unique<Endpoint>(shared, 10, idle, BackoffSettings{}));
    endpoints.back()->weight = weight;
    return *endpoints.back();
  }
};

uint32_t slowDraw(const ReadySet& set, Random& random, const ReadySet::Without& without) {
  uint32_t total = 0;
  for (uint32_t slot = 0; slot < set.size(); ++slot) {
    if (!without.contains(slot)) total += set.at(slot).weight;
  }
  uint32_t point = random.below(total);
  for (uint32_t slot = 0;; ++slot) {
    if (without.contains(slot)) continue;
    if (point < set.at(slot).weight) return slot;
    point -= set.at(slot).weight;
  }
}

uint32_t slowEvenDraw(const ReadySet& set, Random& random, const ReadySet::Without& without) {
  std::vector<uint32_t> left;
  for (uint32_t slot = 0; slot < set.size(); ++slot) {
    if (!without.contains(slot)) left.push_back(slot);
  }
  return left[random.below(static_cast<uint32_t>(left.size()))];
}

TEST_CASE_FIXTURE(Fixture,
                  "after any sequence of changes each draw is the one that weights demand") {
  Random script(11);
  std::vector<Endpoint*> inside;
  std::vector<Endpoint*> outside;
  for (int i = 0; i < 70; ++i) outside.push_back(&make(1 + script.below(5)));
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t dice = script.below(100);
    if (dice < 36 && !outside.empty()) {
      const uint32_t which = script.below(static_cast<uint32_t>(outside.size()));
      set.insert(*outside[which]);
      inside.push_back(outside[which]);
      outside.erase(outside.begin() + which);
    } else if (dice < 70 && !inside.empty()) {
      const uint32_t which = script.below(static_cast<uint32_t>(inside.size()));
      set.erase(*inside[which]);
      outside.push_back(inside[which]);
      inside.erase(inside.begin() + which);
    } else if (!inside.empty()) {
      const uint32_t which = script.below(static_cast<uint32_t>(inside.size()));
      set.setWeight(*inside[which], dice < 75 ? ReadySet::MAX_WEIGHT : 1 + script.below(5));
    }

    REQUIRE(set.size() == inside.size());
    for (const Endpoint* one : inside) REQUIRE(set.contains(*one));
    for (const Endpoint* one : outside) REQUIRE(!set.contains(*one));
    if (inside.empty()) continue;
    const bool even = std::all_of(inside.begin(), inside.end(), [&](const Endpoint* one) {
      return one->weight == inside.front()->weight;
    });
    REQUIRE(set.evenWeights() == even);

    ReadySet::Without without;
    while (without.size() < std::min<uint32_t>(2, set.size() - 1) && script.below(2) == 0) {
      const uint32_t slot = script.below(set.size());
      if (!without.contains(slot)) without.insert(slot);
    }
    const uint64_t seed = script.next();
    Random fast(seed), slow(seed);
    REQUIRE(set.drawByWeight(fast, without) == slowDraw(set, slow, without));
    REQUIRE(set.drawEvenly(fast, without) == slowEvenDraw(set, slow, without));
  }
}

TEST_CASE_FIXTURE(Fixture, "the largest weights of a hundred thousand endpoints do not overflow") {
  for (int i = 0; i < 100'000; ++i) set.insert(make(ReadySet::MAX_WEIGHT));
  CHECK(set.evenWeights());
  CHECK(set.meanWeight() == ReadySet::MAX_WEIGHT);
  set.setWeight(set.at(50'000), 1);
  CHECK(!set.evenWeights());
  Random random(12);
  uint32_t upperHalf = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (set.drawByWeight(random, {}) >= 50'000) ++upperHalf;
  }
  CHECK(upperHalf > 4'700);
  CHECK(upperHalf < 5'300);
}

}  // namespace
}  // namespace mesh

// Slots are given out up to the bound and come back, also when requests change hands.
#include "proxy/in-flight.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace mesh;

TEST_CASE("there are as many slots as the bound says, and each comes back once") {
  InFlightLimit limit(2);
  InFlightSlot one;
  InFlightSlot two;
  InFlightSlot three;
  CHECK(one.take(limit));
  CHECK(two.take(limit));
  CHECK_FALSE(three.take(limit));
  CHECK(one.take(limit));
  one.release();
  one.release();
  CHECK(three.take(limit));
  CHECK_FALSE(one.take(limit));
}

TEST_CASE("a slot that changes hands is held once") {
  InFlightLimit limit(1);
  {
    InFlightSlot first;
    REQUIRE(first.take(limit));
    InFlightSlot second(std::move(first));
    InFlightSlot third;
    third = std::move(second);
    CHECK_FALSE(InFlightSlot().take(limit));
  }
  CHECK(InFlightSlot().take(limit));
}

TEST_CASE("without a bound there is always a slot") {
  InFlightLimit limit(0);
  std::vector<InFlightSlot> slots(1'000);
  for (InFlightSlot& slot : slots) CHECK(slot.take(limit));
}

TEST_CASE("each direction has a bound of its own") {
  InFlightLimits limits(1, 2);
  CHECK(&limits.of(Direction::Outbound) == &limits.outbound);
  CHECK(&limits.of(Direction::Inbound) == &limits.inbound);
}

TEST_CASE("threads together hold no more than the bound") {
  InFlightLimit limit(100);
  std::atomic<uint32_t> held{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        std::vector<InFlightSlot> slots(60);
        uint32_t mine = 0;
        for (InFlightSlot& slot : slots) {
          if (!slot.take(limit)) continue;
          ++mine;
          if (held.fetch_add(1) >= 100) exceeded = true;
        }
        held.fetch_sub(mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(exceeded.load());
  std::vector<InFlightSlot> all(100);
  for (InFlightSlot& slot : all) CHECK(slot.take(limit));
}

// Back-off: rule 7 of the reconnect semantics, and settings at the edges of their types.
#include "balance/backoff.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace mesh {
namespace {

TEST_CASE("waits double from the minimum to the maximum and stay there") {
  Random random(1);
  Backoff backoff({.minMs = 100, .maxMs = 1'000, .jitter = 0});
  for (const uint32_t expected : {100, 200, 400, 800, 1'000, 1'000, 1'000}) {
    CHECK(backoff.nextMs(random) == expected);
  }
}

TEST_CASE(
    "jitter adds up to its share of the base, differently each time, never above the maximum") {
  Random random(2);
  uint32_t least = std::numeric_limits<uint32_t>::max();
  uint32_t most = 0;
  for (int i = 0; i < 1'000; ++i) {
    Backoff backoff({.minMs = 1'000, .maxMs = 2'100, .jitter = 0.5});
    const uint32_t first = backoff.nextMs(random);
    REQUIRE(first >= 1'000);
    REQUIRE(first <= 1'500);
    least = std::min(least, first);
    most = std::max(most, first);
    const uint32_t second = backoff.nextMs(random);
    REQUIRE(second >= 2'000);
    REQUIRE(second <= 2'100);
  }
  CHECK(least < 1'050);
  CHECK(most > 1'450);
}

TEST_CASE("after a reset the sequence starts again from the minimum") {
  Random random(3);
  Backoff backoff({.minMs = 10, .maxMs = 1'000, .jitter = 0});
  backoff.nextMs(random);
  backoff.nextMs(random);
  backoff.reset();
  CHECK(backoff.nextMs(random) == 10);
}

TEST_CASE("new settings hold from the next wait on and do not restart the sequence") {
  Random random(4);
  Backoff backoff({.minMs = 10, .maxMs = 1'000, .jitter = 0});
  backoff.nextMs(random);
  backoff.nextMs(random);
  backoff.configure({.minMs = 100, .maxMs = 300, .jitter = 0});
  CHECK(backoff.nextMs(random) == 300);
}

TEST_CASE("extreme settings neither overflow nor make a wait of zero") {
  constexpr uint32_t LARGEST = std::numeric_limits<uint32_t>::max();
  Random random(5);
  Backoff endless({.minMs = LARGEST, .maxMs = LARGEST, .jitter = 1});
  Backoff nothing({.minMs = 0, .maxMs = 0, .jitter = 1});
  Backoff crossed({.minMs = 500, .maxMs = 20, .jitter = 0});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(endless.nextMs(random) == LARGEST);
    REQUIRE(nothing.nextMs(random) == 1);
    REQUIRE(crossed.nextMs(random) == 20);
  }
}

}  // namespace
}  // namespace mesh

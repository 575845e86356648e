// The order in which limits are asked, and whose bucket a request takes from.
#include "authz/rate-limit.h"

#include <doctest/doctest.h>

#include <thread>

namespace mesh::authz {
namespace {

constexpr uint64_t START_MS = 5'000'000;

// How many requests of a client go on at one moment, of `most`.
uint32_t passing(RateLimiter& limiter, std::string_view identity, uint32_t most = 1'000,
                 uint64_t nowMs = START_MS) {
  uint32_t passed = 0;
  while (passed < most && !limiter.take(identity, nowMs)) ++passed;
  return passed;
}

TEST_CASE("without a limit every request goes on") {
  RateLimiter limiter(RateLimitSpec{});
  CHECK(passing(limiter, "") == 1'000);
  CHECK(passing(limiter, "a.mesh") == 1'000);
}

TEST_CASE("the total counts all clients together") {
  RateLimiter limiter({.totalPerSecond = 10});
  CHECK(passing(limiter, "a.mesh", 4) == 4);
  CHECK(passing(limiter, "", 4) == 4);
  CHECK(passing(limiter, "b.mesh") == 2);
  const auto met = limiter.take("c.mesh", START_MS);
  REQUIRE(met);
  CHECK(met->scope == RateLimitScope::Total);
  CHECK(met->toString() == "total rate limit exceeded: 10rps");
}

TEST_CASE("each identity has a bucket, and those without share one") {
  RateLimiter limiter({.identityPerSecond = 3});
  CHECK(passing(limiter, "a.mesh") == 3);
  CHECK(passing(limiter, "b.mesh") == 3);
  CHECK(passing(limiter, "") == 3);
  CHECK(passing(limiter, "") == 0);
  const auto met = limiter.take("a.mesh", START_MS);
  REQUIRE(met);
  CHECK(met->scope == RateLimitScope::Identity);
  CHECK(met->toString() == "per-identity rate limit exceeded: 3rps");
}

TEST_CASE("an override holds in place of the client's own limit, for all that it names together") {
  RateLimiter limiter({.identityPerSecond = 2,
                       .overrides = {{.perSecond = 5, .identities = {"a.mesh", "b.mesh"}},
                                     {.perSecond = 0, .identities = {"free.mesh"}}}});
  CHECK(passing(limiter, "a.mesh", 4) == 4);
  CHECK(passing(limiter, "b.mesh") == 1);
  const auto met = limiter.take("a.mesh", START_MS);
  REQUIRE(met);
  CHECK(met->scope == RateLimitScope::Override);
  CHECK(met->toString() == "override rate limit exceeded: 5rps");
  CHECK(passing(limiter, "free.mesh") == 1'000);
  CHECK(passing(limiter, "c.mesh") == 2);
}

TEST_CASE("the total is asked before an override, and a request it let go has been counted") {
  RateLimiter limiter(
      {.totalPerSecond = 3, .overrides = {{.perSecond = 1, .identities = {"a.mesh"}}}});
  CHECK_FALSE(limiter.take("a.mesh", START_MS));
  CHECK(limiter.take("a.mesh", START_MS)->scope == RateLimitScope::Override);
  CHECK_FALSE(limiter.take("", START_MS));
  CHECK(limiter.take("", START_MS)->scope == RateLimitScope::Total);
}

TEST_CASE("a bucket in use is kept over seconds") {
  RateLimiter limiter({.identityPerSecond = 10});
  // Ten at the start and one more every tenth of a second: never more, whatever is forgotten meanwhile.
  CHECK(passing(limiter, "a.mesh") == 10);
  for (uint64_t ms = 100; ms <= 5'000; ms += 100) {
    CAPTURE(ms);
    REQUIRE(passing(limiter, "a.mesh", 1'000, START_MS + ms) == 1);
  }
}

TEST_CASE("more identities than there is room for share a bucket until others are silent") {
  RateLimiter limiter({.identityPerSecond = 1});
  for (size_t i = 0; i < RateLimiter::MAX_IDENTITIES; ++i) {
    REQUIRE_FALSE(limiter.take("client-" + std::to_string(i), START_MS));
  }
  CHECK_FALSE(limiter.take("late-1", START_MS));
  CHECK(limiter.take("late-2", START_MS)->scope == RateLimitScope::Identity);
  // Those that have a bucket keep it.
  CHECK(limiter.take("client-0", START_MS));
  CHECK_FALSE(limiter.take("client-0", START_MS + 1'000));
  CHECK_FALSE(limiter.take("late-1", START_MS + 2'100));
  CHECK_FALSE(limiter.take("late-2", START_MS + 2'100));
}

TEST_CASE("threads that ask together are let through no more often") {
  RateLimiter limiter({.totalPerSecond = 6'000, .identityPerSecond = 2'000});
  std::atomic<uint32_t> passed{0};
  std::vector<std::thread> threads;
  for (const char* identity : {"a.mesh", "a.mesh", "b.mesh", ""}) {
    threads.emplace_back([&passed, &limiter, identity] {
      for (int i = 0; i < 2'000; ++i) {
        if (!limiter.take(identity, START_MS)) passed.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // What one client is refused is taken from the total all the same.
  CHECK(passed.load() <= 6'000);
  CHECK(passed.load() >= 4'000);
}

}  // namespace
}  // namespace mesh::authz

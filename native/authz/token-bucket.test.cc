// What a bucket lets through, at once and over time, and when several threads take from it.
#include "authz/token-bucket.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace mesh::authz {
namespace {

constexpr uint64_t START_MS = 5'000'000;

uint32_t takeAll(TokenBucket& bucket, uint32_t perSecond, uint64_t nowMs) {
  uint32_t taken = 0;
  while (bucket.take(perSecond, nowMs)) ++taken;
  return taken;
}

TEST_CASE("a new bucket holds one second's worth") {
  for (const uint32_t perSecond : {1u, 3u, 7u, 10u, 999u, 10'000u}) {
    CAPTURE(perSecond);
    TokenBucket bucket;
    CHECK(takeAll(bucket, perSecond, START_MS) == perSecond);
  }
}

TEST_CASE("a bucket is filled evenly and holds no more than a second's worth") {
  TokenBucket bucket;
  REQUIRE(takeAll(bucket, 10, START_MS) == 10);
  CHECK(takeAll(bucket, 10, START_MS + 99) == 0);
  CHECK(takeAll(bucket, 10, START_MS + 100) == 1);
  CHECK(takeAll(bucket, 10, START_MS + 350) == 2);
  CHECK(takeAll(bucket, 10, START_MS + 60'000) == 10);
}

TEST_CASE("a refusal costs nothing") {
  TokenBucket bucket;
  REQUIRE(takeAll(bucket, 1, START_MS) == 1);
  for (int i = 0; i < 1000; ++i) REQUIRE_FALSE(bucket.take(1, START_MS + 999));
  CHECK(bucket.take(1, START_MS + 1'000));
}

TEST_CASE("over a long time the rate is kept") {
  TokenBucket bucket;
  uint32_t taken = 0;
  for (uint64_t ms = 0; ms < 10'000; ++ms) taken += takeAll(bucket, 30, START_MS + ms);
  // The second that it held, and ten of filling.
  CHECK(taken >= 329);
  CHECK(taken <= 330);
}

TEST_CASE("the largest rate is no limit") {
  TokenBucket bucket;
  for (int i = 0; i < 100'000; ++i) REQUIRE(bucket.take(UINT32_MAX, START_MS));
}

TEST_CASE("a bucket is full until a token is taken, and again when it was given back") {
  TokenBucket bucket;
  CHECK(bucket.full(START_MS));
  REQUIRE(bucket.take(2, START_MS));
  CHECK_FALSE(bucket.full(START_MS + 499));
  CHECK(bucket.full(START_MS + 500));
}

TEST_CASE("threads that take together get no more than there is") {
  constexpr uint32_t PER_SECOND = 20'000;
  TokenBucket bucket;
  std::atomic<uint32_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { taken.fetch_add(takeAll(bucket, PER_SECOND, START_MS)); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(taken.load() == PER_SECOND);
}

}  // namespace
}  // namespace mesh::authz

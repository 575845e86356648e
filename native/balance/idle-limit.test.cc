// What an endpoint teaches about idle connections, and what refutes it.
#include "balance/idle-limit.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

TEST_CASE("an endpoint that has closed nothing and said nothing is trusted") {
  const IdleLimit limit;
  CHECK(limit.allows(0));
  CHECK(limit.allows(1'000'000'000));
}

TEST_CASE("connections are used up to a margin before the shortest age at which one was closed") {
  IdleLimit limit;
  limit.closed(4'000);
  CHECK(limit.allows(3'500));
  CHECK_FALSE(limit.allows(3'501));
  limit.closed(2'000);
  CHECK(limit.allows(1'750));
  CHECK_FALSE(limit.allows(1'751));
  limit.closed(60'000);
  CHECK_FALSE(limit.allows(1'751));
}

TEST_CASE("the margin is neither tiny nor huge") {
  IdleLimit quick;
  quick.closed(300);
  CHECK(quick.allows(250));
  CHECK_FALSE(quick.allows(251));
  IdleLimit slow;
  slow.closed(75'000);
  CHECK(slow.allows(74'000));
  CHECK_FALSE(slow.allows(74'001));
}

TEST_CASE("connections closed right after their use teach nothing") {
  IdleLimit limit;
  limit.closed(IdleLimit::MIN_AGE_MS - 1);
  CHECK(limit.allows(100'000));
}

TEST_CASE("a connection that stays open well past the age seen refutes it") {
  IdleLimit limit;
  limit.closed(800);
  limit.survived(900);
  CHECK_FALSE(limit.allows(850));
  limit.survived(901);
  CHECK(limit.allows(100'000));
}

TEST_CASE("the last announcement holds, and only another one lifts it") {
  IdleLimit limit;
  limit.announced(5'000);
  limit.survived(60'000);
  CHECK(limit.allows(4'375));
  CHECK_FALSE(limit.allows(4'376));
  limit.announced(0);
  CHECK_FALSE(limit.allows(4'376));
  limit.announced(75'000);
  CHECK(limit.allows(74'000));
}

TEST_CASE("of what was announced and what was seen the shorter holds") {
  IdleLimit limit;
  limit.announced(75'000);
  limit.closed(2'000);
  CHECK_FALSE(limit.allows(1'751));
  limit.announced(1'000);
  CHECK(limit.allows(875));
  CHECK_FALSE(limit.allows(876));
}

}  // namespace
}  // namespace mesh

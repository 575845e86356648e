// The buckets: what they hold, what refills them, and that they never hold more.
#include "http2/abuse-limits.h"

#include <doctest/doctest.h>

#include <string>

using namespace mesh::http2;

namespace {

size_t allowed(AbuseLimits& limits, Abuse abuse) {
  size_t count = 0;
  while (count < 100'000 && limits.allow(abuse)) ++count;
  return count;
}

}  // namespace

TEST_CASE("every kind has a burst, then a rate by the second, and a name") {
  for (size_t i = 0; i < ABUSE_KINDS; ++i) {
    const auto abuse = static_cast<Abuse>(i);
    CAPTURE(i);
    AbuseLimits limits(100);
    limits.setTime(5'000'000'000);
    const size_t burst = allowed(limits, abuse);
    CHECK(burst >= 50);
    CHECK(burst <= 4'000);
    CHECK_FALSE(limits.allow(abuse));
    limits.setTime(5'000'001'000);
    const size_t perSecond = allowed(limits, abuse);
    CHECK(perSecond >= 5);
    CHECK(perSecond < burst);
    // However long it takes.
    limits.setTime(50'000'000'000);
    CHECK(allowed(limits, abuse) == burst);
    CHECK(std::string(abuseName(abuse)).find("flood") != std::string::npos);
  }
}

TEST_CASE("one kind does not use up another") {
  AbuseLimits limits(100);
  const size_t pings = allowed(limits, Abuse::Ping);
  CHECK(pings > 0);
  CHECK(limits.allow(Abuse::Settings));
}

TEST_CASE("all streams that may be open may be cancelled at once") {
  AbuseLimits few(10);
  AbuseLimits many(3'000);
  CHECK(allowed(few, Abuse::Reset) == 500);
  CHECK(allowed(many, Abuse::Reset) == 3'000);
}

TEST_CASE("useful work pays, up to the burst") {
  AbuseLimits limits(100);
  allowed(limits, Abuse::Ping);
  allowed(limits, Abuse::WindowUpdate);
  allowed(limits, Abuse::Reset);
  allowed(limits, Abuse::Settings);
  limits.onUsefulFrame();
  CHECK(allowed(limits, Abuse::Ping) == 4);
  CHECK(allowed(limits, Abuse::WindowUpdate) == 0);
  limits.onDataSent();
  CHECK(allowed(limits, Abuse::WindowUpdate) == 4);
  CHECK(allowed(limits, Abuse::Ping) == 4);
  limits.onStreamDone();
  CHECK(allowed(limits, Abuse::Reset) == 1);
  CHECK(allowed(limits, Abuse::Settings) == 0);
  for (int i = 0; i < 10'000; ++i) limits.onUsefulFrame();
  CHECK(allowed(limits, Abuse::Ping) == 200);
}

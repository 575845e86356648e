// The time-outs of a request as points in time: no timer, no loop.
#include "proxy/stream-clock.h"

#include <doctest/doctest.h>

using namespace mesh;

TEST_CASE("without time-outs nothing is ever over") {
  StreamClock clock;
  clock.begin({}, 1000);
  clock.requestSent(0, 1000);
  CHECK(clock.nextMs() == 0);
  CHECK(!clock.expired(1'000'000));
}

TEST_CASE("the whole request is timed from its arrival, over all tries") {
  StreamClock clock;
  clock.begin({.requestMs = 100, .responseMs = 0, .idleMs = 0}, 1000);
  clock.requestSent(0, 1020);
  clock.again();
  clock.requestSent(0, 1080);
  CHECK(clock.nextMs() == 1100);
  CHECK(!clock.expired(1099));
  CHECK(clock.expired(1100) == Reason::RequestTimeout);
}

TEST_CASE("the head that the client gets is timed from the request's arrival, over all tries") {
  StreamClock clock;
  clock.begin({.headMs = 100}, 1000);
  CHECK(clock.nextMs() == 1100);
  clock.requestSent(500, 1020);
  clock.headersCame();
  clock.again();
  CHECK(clock.nextMs() == 1100);
  CHECK(!clock.expired(1099));
  CHECK(clock.expired(1100) == Reason::RouteTimeout);
  clock.answered();
  CHECK(!clock.expired(9999));
}

TEST_CASE("heads are timed from the end of the request, for each try anew") {
  StreamClock clock;
  clock.begin({}, 1000);
  clock.requestSent(50, 1000);
  CHECK(clock.expired(1050) == Reason::ResponseHeadersTimeout);
  clock.again();
  CHECK(!clock.expired(1050));
  clock.requestSent(50, 1060);
  CHECK(clock.nextMs() == 1110);
  clock.headersCame();
  CHECK(!clock.expired(9999));
}

TEST_CASE("the response is timed to its end") {
  StreamClock clock;
  clock.begin({.requestMs = 0, .responseMs = 200, .idleMs = 0}, 1000);
  CHECK(clock.nextMs() == 0);
  clock.requestSent(0, 1500);
  clock.headersCame();
  CHECK(clock.nextMs() == 1700);
  CHECK(clock.expired(1700) == Reason::ResponseTimeout);
}

TEST_CASE("idleness is counted from the last byte either way") {
  StreamClock clock;
  clock.begin({.requestMs = 0, .responseMs = 0, .idleMs = 30}, 1000);
  CHECK(clock.nextMs() == 1030);
  clock.moved(1025);
  CHECK(!clock.expired(1030));
  CHECK(clock.expired(1055) == Reason::StreamIdleTimeout);
}

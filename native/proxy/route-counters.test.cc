// Which series the rules and backends of route tables have, and when they are announced.
#include "proxy/route-counters.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "metrics/testing.h"

namespace mesh {
namespace {

struct Fixture {
  std::vector<SeriesDefinition> announced;
  Recorder recorder{{.latencyBoundsMs = {1},
                     .durationBoundsMs = {1},
                     .routeDurationBoundsMs = {10, 100},
                     .backendDurationBoundsMs = {20},
                     .frameBoundsBytes = {1000}},
                    [this](const SeriesDefinition& series) { announced.push_back(series); }};

  size_t seriesOf(Family family) const {
    return static_cast<size_t>(
        std::count_if(announced.begin(), announced.end(),
                      [&](const SeriesDefinition& one) { return one.family == family; }));
  }
  std::vector<uint64_t> values(Family family, const LabelSet& labels) {
    return testing::valuesOf(recorder, announced, family, labels);
  }
  static LabelSet labels(uint32_t backend = 0) {
    LabelSet labels;
    labels.direction = Direction::Outbound;
    labels.routeId = 7;
    labels.backendId = backend;
    return labels;
  }
};
using Values = std::vector<uint64_t>;

TEST_CASE_FIXTURE(Fixture, "a rule has no series before something is counted") {
  RouteCounters route(recorder, {.routeId = 7});
  CHECK(announced.empty());
  route.retried();
  route.retried();
  route.retrySucceeded();
  route.retryOverflowed();
  route.retryLimitExceeded();
  CHECK(announced.size() == 4);
  CHECK(values(Family::RouteRetryRequestsTotal, labels()) == Values{2});
  CHECK(values(Family::RouteRetrySuccessesTotal, labels()) == Values{1});
  CHECK(values(Family::RouteRetryOverflowTotal, labels()) == Values{1});
  CHECK(values(Family::RouteRetryLimitExceededTotal, labels()) == Values{1});
}

TEST_CASE_FIXTURE(Fixture, "each outcome has one series, however often it comes") {
  RouteCounters route(recorder, {.routeId = 7});
  const RouteOutcome outcomes[] = {{.status = 200},
                                   {.status = 503},
                                   {.status = 503, .reason = Reason::FailFast},
                                   {.status = 200, .grpcStatus = 0},
                                   {.status = 200, .grpcStatus = 14}};
  for (int times = 0; times < 3; ++times) {
    for (const RouteOutcome& outcome : outcomes) route.requests.ended(outcome, 5);
  }
  CHECK(seriesOf(Family::RouteRequestStatusesTotal) == std::size(outcomes));
  for (const RouteOutcome& outcome : outcomes) {
    LabelSet expected = labels();
    expected.statusCode = outcome.status;
    expected.grpcStatus = outcome.grpcStatus;
    expected.reason = outcome.reason;
    CHECK(values(Family::RouteRequestStatusesTotal, expected) == Values{3});
  }
  // How long they took is not told apart.
  CHECK(seriesOf(Family::RouteRequestDurationMs) == 1);
}

TEST_CASE_FIXTURE(Fixture, "durations and pieces are in the buckets of their families") {
  RouteCounters route(recorder, {.routeId = 7});
  route.requests.ended({.status = 200}, 50);
  route.requests.frame(10);
  route.requests.frame(5'000);
  route.backend(3).responses.ended({.status = 200}, 50);
  route.backend(3).responses.frame(10);
  // Of each bucket, +Inf last but one, and the sum.
  CHECK(values(Family::RouteRequestDurationMs, labels()) == Values{0, 1, 0, 50});
  CHECK(values(Family::RouteRequestFrameBytes, labels()) == Values{1, 1, 5'010});
  CHECK(values(Family::BackendResponseDurationMs, labels(3)) == Values{0, 1, 50});
  CHECK(values(Family::BackendResponseFrameBytes, labels(3)) == Values{1, 0, 10});
}

TEST_CASE_FIXTURE(Fixture, "backends count apart and keep their counters") {
  RouteCounters route(recorder, {.routeId = 7});
  BackendCounters& first = route.backend(1);
  first.requested();
  route.backend(2).requested();
  CHECK(&route.backend(1) == &first);
  route.backend(1).requested();
  CHECK(seriesOf(Family::BackendRequestsTotal) == 2);
  CHECK(values(Family::BackendRequestsTotal, labels(1)) == Values{2});
  CHECK(values(Family::BackendRequestsTotal, labels(2)) == Values{1});
}

TEST_CASE_FIXTURE(Fixture, "a rule of a server has the families of servers, and no backends") {
  RouteCounters route(recorder, {.routeId = 7, .serverId = 9, .serverPort = 80});
  route.requests.ended({.status = 200}, 50);
  route.requests.frame(10);
  for (const uint32_t backend : {1u, 2u}) {
    route.backend(backend).requested();
    route.backend(backend).responses.ended({.status = 200}, 50);
    route.backend(backend).responses.frame(5'000);
  }
  LabelSet expected = labels();
  expected.direction = Direction::Inbound;
  expected.serverId = 9;
  expected.serverPort = 80;
  CHECK(values(Family::ServerRequestsTotal, expected) == Values{2});
  // With the bounds that linkerd has for requests here, and for responses there.
  CHECK(values(Family::ServerRequestDurationMs, expected) == Values{0, 1, 50});
  CHECK(values(Family::ServerResponseDurationMs, expected) == Values{0, 2, 0, 100});
  CHECK(values(Family::ServerRequestFrameBytes, expected) == Values{1, 0, 10});
  CHECK(values(Family::ServerResponseFrameBytes, expected) == Values{0, 2, 10'000});
  expected.statusCode = 200;
  CHECK(values(Family::ServerStatusesTotal, expected) == Values{1});
  CHECK(announced.size() == 6);
}

}  // namespace
}  // namespace mesh

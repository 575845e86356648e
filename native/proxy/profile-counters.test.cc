// Which series a rule of a ServiceProfile has.
#include "proxy/profile-counters.h"

#include <doctest/doctest.h>

#include <vector>

#include "metrics/testing.h"

using namespace mesh;

namespace {
struct Fixture {
  std::vector<SeriesDefinition> announced;
  Recorder recorder{{.latencyBoundsMs = {10, 100}},
                    [this](const SeriesDefinition& series) { announced.push_back(series); }};
  ProfileCounters counters{recorder, 7};

  std::vector<uint64_t> values(Family family, const LabelSet& labels) {
    return testing::valuesOf(recorder, announced, family, labels);
  }
  static LabelSet labels() {
    LabelSet labels;
    labels.direction = Direction::Outbound;
    labels.routeId = 7;
    return labels;
  }
};
using Values = std::vector<uint64_t>;
}  // namespace

TEST_CASE_FIXTURE(Fixture, "requests and tries are counted apart, and so are their responses") {
  CHECK(announced.empty());
  counters.requested();
  counters.tried();
  counters.tried();
  CHECK(values(Family::ProfileRequestTotal, labels()) == Values{1});
  CHECK(values(Family::ProfileActualRequestTotal, labels()) == Values{2});
  const ProfileOutcome failed{.status = 503, .failure = true};
  const ProfileOutcome fine{.status = 200, .grpcStatus = 0};
  counters.tryResponded(failed);
  counters.tryResponded(fine);
  counters.responded(fine);
  LabelSet failure = labels();
  failure.statusCode = 503;
  failure.classification = Classification::Failure;
  LabelSet success = labels();
  success.statusCode = 200;
  success.classification = Classification::Success;
  success.grpcStatus = 0;
  CHECK(values(Family::ProfileActualResponseTotal, failure) == Values{1});
  CHECK(values(Family::ProfileActualResponseTotal, success) == Values{1});
  CHECK(values(Family::ProfileResponseTotal, success) == Values{1});
  CHECK(values(Family::ProfileResponseTotal, failure).empty());
}

TEST_CASE_FIXTURE(Fixture, "latencies are in the buckets of response latencies, by status") {
  counters.latency(200, 50);
  LabelSet wanted = labels();
  wanted.statusCode = 200;
  CHECK(values(Family::ProfileResponseLatencyMs, wanted) == Values{0, 1, 0, 50});
}

TEST_CASE_FIXTURE(Fixture, "what was to be tried again has both of its series from the first on") {
  LabelSet skipped = labels();
  skipped.noBudget = true;
  counters.retryable(true);
  CHECK(values(Family::ProfileRetryableTotal, labels()) == Values{1});
  CHECK(values(Family::ProfileRetryableTotal, skipped) == Values{0});
  counters.retryable(false);
  CHECK(values(Family::ProfileRetryableTotal, labels()) == Values{2});
  CHECK(values(Family::ProfileRetryableTotal, skipped) == Values{1});
}

// Which outcomes count, in failure accrual and as load.
#include "proxy/load-token.h"

#include <algorithm>

#include "proxy/testing.h"

using namespace mesh;
using namespace mesh::testing;

TEST_CASE("outcomes speak for or against the endpoint") {
  struct Row {
    ResponseOutcome outcome;
    Verdict verdict;
  };
  for (const Row& row : {
           Row{{}, Verdict::Failure},
           Row{{.status = 200}, Verdict::Success},
           Row{{.status = 404}, Verdict::Success},
           Row{{.status = 429}, Verdict::Throttled},
           Row{{.status = 500}, Verdict::Failure},
           Row{{.status = 503}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 0}, Verdict::Success},
           Row{{.status = 200, .grpcStatus = 1}, Verdict::Success},
           Row{{.status = 200, .grpcStatus = 2}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 4}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 5}, Verdict::Success},
           Row{{.status = 200, .grpcStatus = 7}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 8}, Verdict::Throttled},
           Row{{.status = 200, .grpcStatus = 13}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 14}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 15}, Verdict::Failure},
           Row{{.status = 200, .grpcStatus = 16}, Verdict::Success},
       }) {
    CAPTURE(row.outcome.status);
    CAPTURE(row.outcome.grpcStatus);
    CHECK(verdictOf(row.outcome) == row.verdict);
  }
}

TEST_CASE("failed responses count as slow ones from their heads on") {
  constexpr uint32_t SECOND = 1'000;
  struct Row {
    ResponseOutcome outcome;
    uint32_t seconds;  // 0: no penalty
  };
  for (const Row& row : {
           Row{{.status = 200}, 0},
           Row{{.status = 404, .hintMs = 9 * SECOND}, 0},
           Row{{.status = 500}, 5},
           Row{{.status = 500, .hintMs = 9 * SECOND}, 5},
           Row{{.status = 503, .hintMs = 9 * SECOND}, 9},
           Row{{.status = 503, .hintMs = 1 * SECOND}, 5},
           Row{{.status = 429, .hintMs = 9'000 * SECOND}, 300},
           Row{{.status = 200, .grpcStatus = 7}, 0},
           Row{{.status = 200, .grpcStatus = 13, .hintMs = 9 * SECOND}, 5},
           Row{{.status = 200, .grpcStatus = 8, .hintMs = 9 * SECOND}, 9},
           Row{{.status = 200, .grpcStatus = 14, .hintMs = 9 * SECOND}, 9},
           Row{{.status = 404, .grpcStatus = 14, .hintMs = 9 * SECOND}, 0},
       }) {
    CAPTURE(row.outcome.status);
    CAPTURE(row.outcome.grpcStatus);
    CAPTURE(row.outcome.hintMs);
    TestWorker inside;
    contract::PutTarget settings = testTarget(1);
    settings.loadPenalty = {.penaltyMs = 5 * SECOND, .maxRetryAfterMs = 300 * SECOND};
    inside.putTarget(settings);
    const auto endpoint = std::make_shared<EndpointShared>(loopback(1), 1);
    inside.run([&](Worker& worker) {
      const uint64_t now = worker.loop().nowNs();
      endpoint->load.configure(30'000'000, 10'000'000'000, now);
      LoadToken token(worker.target(1), endpoint, 0, now);
      token.answered(row.outcome, now);
      CHECK(endpoint->load.inFlight() == (row.seconds > 0 ? 0 : 1));
      token.finish(now);
      CHECK(endpoint->load.inFlight() == 0);
      const double expected = row.seconds > 0 ? row.seconds * 1e9 : 30e6;
      CHECK(endpoint->load.estimateNs(now) == doctest::Approx(expected));
      // Never below what is thought of it already.
      LoadToken second(worker.target(1), endpoint, 0, now);
      second.answered({.status = 500}, now);
      CHECK(endpoint->load.estimateNs(now) == doctest::Approx(std::max(expected, 5e9)));
    });
  }
}

TEST_CASE("without a penalty a failed response counts with the latency it had") {
  TestWorker inside;
  inside.putTarget(testTarget(1));
  const auto endpoint = std::make_shared<EndpointShared>(loopback(1), 1);
  inside.run([&](Worker& worker) {
    const uint64_t now = worker.loop().nowNs();
    LoadToken token(worker.target(1), endpoint, 0, now);
    token.answered({.status = 503}, now);
    CHECK(endpoint->load.inFlight() == 1);
    token.finish(now + 2'000'000'000);
    CHECK(endpoint->load.estimateNs(now + 2'000'000'000) == doctest::Approx(2e9));
    token.finish(now + 9'000'000'000);
    token.abandon();
    CHECK(endpoint->load.inFlight() == 0);
  });
}

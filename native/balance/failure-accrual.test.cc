// The two rules, answer by answer; time is an argument.
#include "balance/failure-accrual.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include "base/random.h"

namespace mesh {
namespace {

// One letter an answer: s(uccess), f(ailure), t(hrottled). What the last one says.
EjectionCause answers(FailureAccrual& accrual, const AccrualSettings& settings,
                      std::string_view letters, uint64_t nowMs = 0) {
  EjectionCause cause = EjectionCause::None;
  for (const char letter : letters) {
    const Verdict verdict = letter == 's'   ? Verdict::Success
                            : letter == 'f' ? Verdict::Failure
                                            : Verdict::Throttled;
    cause = accrual.record(settings, verdict, nowMs);
  }
  return cause;
}

AccrualSettings consecutive(uint32_t failures) { return {.maxConsecutiveFailures = failures}; }

AccrualSettings ratio(double least, uint32_t requests) {
  return {.minSuccessRatio = least, .windowMs = 1'000, .minRequests = requests};
}

TEST_CASE("failures in a row are a cause, and only those") {
  struct Row {
    std::string_view letters;
    EjectionCause cause;
  };
  for (const Row& row : {
           Row{"ff", EjectionCause::None},
           Row{"fff", EjectionCause::ConsecutiveFailures},
           Row{"ffsf", EjectionCause::None},
           Row{"ffsfff", EjectionCause::ConsecutiveFailures},
           Row{"ttttt", EjectionCause::None},
           Row{"fftf", EjectionCause::ConsecutiveFailures},
           Row{"fffff", EjectionCause::ConsecutiveFailures},
           Row{"fffs", EjectionCause::None},
       }) {
    CAPTURE(row.letters);
    FailureAccrual accrual;
    CHECK(answers(accrual, consecutive(3), row.letters) == row.cause);
  }
}

TEST_CASE("too small a share of successes is a cause once there are enough requests") {
  struct Row {
    std::string_view letters;
    EjectionCause cause;
  };
  for (const Row& row : {
           Row{"fff", EjectionCause::None},
           Row{"ffff", EjectionCause::SuccessRatio},
           Row{"sftt", EjectionCause::SuccessRatio},
           // Exactly the least share is enough.
           Row{"ssft", EjectionCause::None},
           Row{"sfsfsf", EjectionCause::None},
           Row{"sfsfsff", EjectionCause::SuccessRatio},
       }) {
    CAPTURE(row.letters);
    FailureAccrual accrual;
    CHECK(answers(accrual, ratio(0.5, 4), row.letters) == row.cause);
  }
}

TEST_CASE("with everything off nothing is a cause") {
  FailureAccrual accrual;
  CHECK(answers(accrual, {}, "ffffffffffffffffffffttttttt") == EjectionCause::None);
}

TEST_CASE("answers that have left the window do not count") {
  FailureAccrual accrual;
  CHECK(answers(accrual, ratio(0.5, 4), "ffff", 500) == EjectionCause::SuccessRatio);
  // The bucket of 500..599 leaves when that of 1500 begins.
  CHECK(answers(accrual, ratio(0.5, 4), "s", 1'499) == EjectionCause::SuccessRatio);
  CHECK(answers(accrual, ratio(0.5, 4), "s", 1'500) == EjectionCause::None);
  CHECK(answers(accrual, ratio(0.5, 4), "ff", 1'500) == EjectionCause::None);
  CHECK(answers(accrual, ratio(0.5, 4), "f", 1'500) == EjectionCause::SuccessRatio);
}

TEST_CASE("a window of another length begins empty") {
  FailureAccrual accrual;
  AccrualSettings settings = ratio(0.5, 4);
  CHECK(answers(accrual, settings, "ffff", 500) == EjectionCause::SuccessRatio);
  settings.windowMs = 5'000;
  CHECK(answers(accrual, settings, "fff", 500) == EjectionCause::None);
}

TEST_CASE("over random answers the window holds what came in its last ten buckets") {
  Random random(5);
  for (const uint32_t windowMs : {10u, 40u, 1'000u}) {
    const AccrualSettings settings{.minSuccessRatio = 0.6, .windowMs = windowMs, .minRequests = 5};
    const uint64_t bucketMs = windowMs / 10;
    FailureAccrual accrual;
    std::deque<std::pair<uint64_t, bool>> kept;
    uint64_t nowMs = 12'345;
    for (int step = 0; step < 20'000; ++step) {
      nowMs += random.below(5) == 0 ? random.below(windowMs) : random.below(2);
      if (random.below(500) == 0) nowMs += uint64_t{windowMs} * 30;
      const bool success = random.below(100) < 60;
      kept.emplace_back(nowMs / bucketMs, success);
      while (kept.front().first + 10 <= nowMs / bucketMs) kept.pop_front();
      size_t successes = 0;
      for (const auto& one : kept) successes += one.second ? 1 : 0;
      const bool expected = kept.size() >= 5 &&
                            static_cast<double>(successes) < 0.6 * static_cast<double>(kept.size());
      const Verdict verdict = success ? Verdict::Success : Verdict::Failure;
      REQUIRE((accrual.record(settings, verdict, nowMs) == EjectionCause::SuccessRatio) ==
              expected);
    }
  }
}

}  // namespace
}  // namespace mesh

// The two rules. Sums are kept up to date, so an answer costs O(1) but for the buckets that time
// has passed over, ten at most.
#include "balance/failure-accrual.h"

#include <algorithm>
#include <limits>

namespace mesh {

void FailureAccrual::slide(uint64_t nowMs, uint64_t bucketMs) {
  const uint64_t current = nowMs / bucketMs;
  if (bucketMs != bucketMs_) {
    buckets_ = {};
    requests_ = successes_ = 0;
    bucketMs_ = bucketMs;
    newest_ = current;
    return;
  }
  // Beyond ten steps every bucket has been emptied.
  const uint64_t steps = std::min<uint64_t>(current - newest_, BUCKETS);
  for (uint64_t step = 0; step < steps; ++step) {
    Bucket& oldest = buckets_[(current - step) % BUCKETS];
    requests_ -= oldest.requests;
    successes_ -= oldest.successes;
    oldest = {};
  }
  newest_ = current;
}

EjectionCause FailureAccrual::record(const AccrualSettings& settings, Verdict verdict,
                                     uint64_t nowMs) {
  if (verdict == Verdict::Success) {
    consecutive_ = 0;
  } else if (verdict == Verdict::Failure && consecutive_ < std::numeric_limits<uint32_t>::max()) {
    ++consecutive_;
  }
  if (settings.minSuccessRatio > 0) {
    slide(nowMs, std::max<uint64_t>(settings.windowMs / BUCKETS, 1));
    const uint32_t success = verdict == Verdict::Success ? 1 : 0;
    Bucket& bucket = buckets_[newest_ % BUCKETS];
    ++bucket.requests;
    bucket.successes += success;
    ++requests_;
    successes_ += success;
  }
  if (settings.maxConsecutiveFailures > 0 && consecutive_ >= settings.maxConsecutiveFailures) {
    return EjectionCause::ConsecutiveFailures;
  }
  if (settings.minSuccessRatio > 0 && requests_ >= std::max<uint64_t>(settings.minRequests, 1) &&
      static_cast<double>(successes_) < settings.minSuccessRatio * static_cast<double>(requests_)) {
    return EjectionCause::SuccessRatio;
  }
  return EjectionCause::None;
}

}  // namespace mesh

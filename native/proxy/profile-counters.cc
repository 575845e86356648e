// See profile-counters.h.
#include "proxy/profile-counters.h"

namespace mesh {

ProfileCounters::ProfileCounters(Recorder& recorder, uint32_t routeId) : recorder_(recorder) {
  labels_.direction = Direction::Outbound;
  labels_.routeId = routeId;
}

void ProfileCounters::ended(Family family, const ProfileOutcome& outcome) {
  LabelSet labels = labels_;
  labels.statusCode = outcome.status;
  labels.classification = outcome.failure ? Classification::Failure : Classification::Success;
  labels.grpcStatus = outcome.grpcStatus;
  labels.reason = outcome.reason;
  recorder_.add(recorder_.intern(family, labels));
}

void ProfileCounters::latency(uint16_t status, uint64_t ms) {
  LabelSet labels = labels_;
  labels.statusCode = status;
  recorder_.observe(recorder_.intern(Family::ProfileResponseLatencyMs, labels),
                    Family::ProfileResponseLatencyMs, ms);
}

void ProfileCounters::retryable(bool inBudget) {
  LabelSet skipped = labels_;
  skipped.noBudget = true;
  // Both are there as soon as one is: who asks for the share that was skipped finds a number.
  const SeriesId withoutBudget = recorder_.intern(Family::ProfileRetryableTotal, skipped);
  count(Family::ProfileRetryableTotal);
  if (!inBudget) recorder_.add(withoutBudget);
}

}  // namespace mesh

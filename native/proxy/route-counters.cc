// See route-counters.h.
#include "proxy/route-counters.h"

namespace mesh {

namespace {
LabelSet labelsOf(uint32_t routeId, uint32_t backendId) {
  LabelSet labels;
  labels.direction = Direction::Outbound;
  labels.routeId = routeId;
  labels.backendId = backendId;
  return labels;
}
}  // namespace

ResponseCounters::ResponseCounters(Recorder& recorder, const Families& families, uint32_t routeId,
                                   uint32_t backendId)
    : recorder_(recorder), families_(families), labels_(labelsOf(routeId, backendId)) {}

void ResponseCounters::ended(const RouteOutcome& outcome, uint64_t ms) {
  if (duration_ == 0) duration_ = recorder_.intern(families_.duration, labels_);
  recorder_.observe(duration_, families_.duration, ms);
  for (const Known& known : known_) {
    if (known.outcome != outcome) continue;
    recorder_.add(known.series);
    return;
  }
  LabelSet labels = labels_;
  labels.statusCode = outcome.status;
  labels.grpcStatus = outcome.grpcStatus;
  labels.reason = outcome.reason;
  const SeriesId series = recorder_.intern(families_.statuses, labels);
  known_.push_back({.outcome = outcome, .series = series});
  recorder_.add(series);
}

void ResponseCounters::frame(size_t bytes) {
  if (frames_ == 0) frames_ = recorder_.intern(families_.frames, labels_);
  recorder_.observe(frames_, families_.frames, bytes);
}

BackendCounters::BackendCounters(Recorder& recorder, uint32_t routeId, uint32_t backendId)
    : responses(recorder,
                {.statuses = Family::BackendResponseStatusesTotal,
                 .duration = Family::BackendResponseDurationMs,
                 .frames = Family::BackendResponseFrameBytes},
                routeId, backendId),
      recorder_(recorder),
      requests_(recorder.intern(Family::BackendRequestsTotal, labelsOf(routeId, backendId))) {}

RouteCounters::RouteCounters(Recorder& recorder, uint32_t routeId)
    : requests(recorder,
               {.statuses = Family::RouteRequestStatusesTotal,
                .duration = Family::RouteRequestDurationMs,
                .frames = Family::RouteRequestFrameBytes},
               routeId, 0),
      recorder_(recorder),
      labels_(labelsOf(routeId, 0)) {}

void RouteCounters::count(Family family) { recorder_.add(recorder_.intern(family, labels_)); }

BackendCounters& RouteCounters::backend(uint32_t backendId) {
  std::unique_ptr<BackendCounters>& known = backends_[backendId];
  if (!known) known = std::make_unique<BackendCounters>(recorder_, labels_.routeId, backendId);
  return *known;
}

ProfileCounters& RouteCounters::profile() {
  if (!profile_) profile_ = std::make_unique<ProfileCounters>(recorder_, labels_.routeId);
  return *profile_;
}

}  // namespace mesh

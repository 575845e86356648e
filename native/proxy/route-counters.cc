// See route-counters.h.
#include "proxy/route-counters.h"

namespace mesh {

namespace {
LabelSet labelsOf(const RouteIdentity& route, uint32_t backendId) {
  LabelSet labels;
  const bool ofServer = route.serverId != 0;
  labels.direction = ofServer ? Direction::Inbound : Direction::Outbound;
  labels.routeId = route.routeId;
  labels.serverId = route.serverId;
  labels.serverPort = route.serverPort;
  // Where a server's requests go is the application, whatever its backend is called.
  labels.backendId = ofServer ? 0 : backendId;
  return labels;
}

ResponseCounters::Families requestFamilies(const RouteIdentity& route) {
  if (route.serverId != 0) {
    return {.statuses = Family::ServerStatusesTotal,
            .duration = Family::ServerRequestDurationMs,
            .frames = Family::ServerRequestFrameBytes};
  }
  return {.statuses = Family::RouteRequestStatusesTotal,
          .duration = Family::RouteRequestDurationMs,
          .frames = Family::RouteRequestFrameBytes};
}

ResponseCounters::Families responseFamilies(const RouteIdentity& route) {
  if (route.serverId != 0) {
    return {.statuses = Family::None,
            .duration = Family::ServerResponseDurationMs,
            .frames = Family::ServerResponseFrameBytes};
  }
  return {.statuses = Family::BackendResponseStatusesTotal,
          .duration = Family::BackendResponseDurationMs,
          .frames = Family::BackendResponseFrameBytes};
}
}  // namespace

ResponseCounters::ResponseCounters(Recorder& recorder, const Families& families,
                                   const LabelSet& labels)
    : recorder_(recorder), families_(families), labels_(labels) {}

void ResponseCounters::ended(const RouteOutcome& outcome, uint64_t ms) {
  if (duration_ == 0) duration_ = recorder_.intern(families_.duration, labels_);
  recorder_.observe(duration_, families_.duration, ms);
  if (families_.statuses == Family::None) return;
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

BackendCounters::BackendCounters(Recorder& recorder, const RouteIdentity& route, uint32_t backendId)
    : responses(recorder, responseFamilies(route), labelsOf(route, backendId)),
      recorder_(recorder),
      requests_(recorder.intern(
          route.serverId != 0 ? Family::ServerRequestsTotal : Family::BackendRequestsTotal,
          labelsOf(route, backendId))) {}

RouteCounters::RouteCounters(Recorder& recorder, const RouteIdentity& route)
    : requests(recorder, requestFamilies(route), labelsOf(route, 0)),
      recorder_(recorder),
      route_(route),
      labels_(labelsOf(route, 0)) {}

void RouteCounters::count(Family family) { recorder_.add(recorder_.intern(family, labels_)); }

BackendCounters& RouteCounters::backend(uint32_t backendId) {
  std::unique_ptr<BackendCounters>& known = backends_[backendId];
  if (!known) known = std::make_unique<BackendCounters>(recorder_, route_, backendId);
  return *known;
}

ProfileCounters& RouteCounters::profile() {
  if (!profile_) profile_ = std::make_unique<ProfileCounters>(recorder_, labels_.routeId);
  return *profile_;
}

}  // namespace mesh

// See policy-counters.h.
#include "proxy/policy-counters.h"

namespace mesh {

PolicyCounters::PolicyCounters(Recorder& recorder, const SocketAddress& target)
    : recorder_(recorder), target_(target) {}

void PolicyCounters::count(Family family, const PolicyLabels& labels) {
  for (const Known& known : known_) {
    if (known.family != family || known.labels != labels) continue;
    recorder_.add(known.series);
    return;
  }
  LabelSet all;
  all.direction = Direction::Inbound;
  all.targetAddress = target_;
  all.serverId = labels.serverId;
  all.routeId = labels.routeId;
  all.authorizationId = labels.authorizationId;
  all.rateLimitId = labels.rateLimitId;
  all.limitScope = labels.limitScope;
  all.portSkipped = labels.portSkipped;
  const SeriesId series = recorder_.intern(family, all);
  if (known_.size() == MAX_KNOWN) known_.clear();
  known_.push_back({.family = family, .labels = labels, .series = series});
  recorder_.add(series);
}

}  // namespace mesh

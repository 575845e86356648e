// See transport-counters.h.
#include "proxy/transport-counters.h"

namespace mesh {

TransportCounters::TransportCounters(Recorder& recorder, const LabelSet& labels)
    : recorder_(recorder),
      labels_(labels),
      openTotal_(recorder.intern(Family::TcpOpenTotal, labels)),
      openConnections_(recorder.intern(Family::TcpOpenConnections, labels)),
      readBytes_(recorder.intern(Family::TcpReadBytesTotal, labels)),
      writeBytes_(recorder.intern(Family::TcpWriteBytesTotal, labels)),
      duration_(recorder.intern(Family::TcpConnectionDurationMs, labels)) {}

void TransportCounters::opened() const {
  recorder_.add(openTotal_);
  recorder_.add(openConnections_);
}

void TransportCounters::closed(int error, uint64_t lifetimeMs) const {
  recorder_.subtract(openConnections_);
  recorder_.observeDuration(duration_, lifetimeMs);
  // Few values, and off the path of requests: interned when it happens.
  LabelSet labels = labels_;
  labels.errnoValue = error;
  recorder_.add(recorder_.intern(Family::TcpCloseTotal, labels));
}

}  // namespace mesh

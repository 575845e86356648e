// The tcp_* series of one kind of socket: all connections of a destination (peer "src"), or all
// connections to an endpoint (peer "dst"). Interned once, shared by their sockets.
#pragma once

#include "metrics/recorder.h"

namespace mesh {

class TransportCounters {
 public:
  TransportCounters(Recorder& recorder, const LabelSet& labels);

  void opened() const;
  // `error` is the errno that ended the connection, 0 for a clean end.
  void closed(int error, uint64_t lifetimeMs) const;
  void read(uint64_t bytes) const { recorder_.add(readBytes_, bytes); }
  void written(uint64_t bytes) const { recorder_.add(writeBytes_, bytes); }

 private:
  Recorder& recorder_;
  LabelSet labels_;
  SeriesId openTotal_;
  SeriesId openConnections_;
  SeriesId readBytes_;
  SeriesId writeBytes_;
  SeriesId duration_;
};

}  // namespace mesh

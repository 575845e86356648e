// The series about a server's policy, of one destination on one worker (reference §8.5). What recurs is
// found in a short list.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/recorder.h"

namespace mesh {

// What a series is of, beside its destination. 0: does not apply.
struct PolicyLabels {
  uint32_t serverId = 0;
  uint32_t routeId = 0;
  uint32_t authorizationId = 0;
  uint32_t rateLimitId = 0;
  LimitScope limitScope = LimitScope::None;
  bool portSkipped = false;
  bool operator==(const PolicyLabels&) const = default;
};

class PolicyCounters {
 public:
  // `target`: where connections were going; may be none.
  PolicyCounters(Recorder& recorder, const SocketAddress& target);

  void count(Family family, const PolicyLabels& labels);

 private:
  struct Known {
    Family family;
    PolicyLabels labels;
    SeriesId series;
  };
  // Policies come and go; what is beyond it is looked up as if it were new.
  static constexpr size_t MAX_KNOWN = 64;

  Recorder& recorder_;
  const SocketAddress target_;
  std::vector<Known> known_;
};

}  // namespace mesh

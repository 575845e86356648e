// The time-outs of one request (reference §4.8), as points in time: pure logic, the owner has the
// timer. Phases: arrival at the route, request sent to its end, head of the response, end.
#pragma once

#include <cstdint>
#include <optional>

#include "base/reason.h"
#include "route/spec.h"

namespace mesh {

class StreamClock {
 public:
  // The request has arrived at its route.
  void begin(const route::StreamTimeouts& timeouts, uint64_t nowMs);
  // The request has gone to an endpoint to its end. `headersMs`: within this time the head of the
  // response must be there, 0: no limit. Once for each try.
  void requestSent(uint32_t headersMs, uint64_t nowMs);
  // The final head of a try is here.
  void headersCame() { headersAtMs_ = 0; }
  // It is the head that the client gets.
  void answered() { headAtMs_ = 0; }
  // A try is over and another will follow.
  void again();
  // Something went by, either way.
  void moved(uint64_t nowMs) { movedAtMs_ = nowMs; }

  // The next point in time at which one may be over; 0: none.
  uint64_t nextMs() const;
  // The one that is over, if any.
  std::optional<Reason> expired(uint64_t nowMs) const;

 private:
  route::StreamTimeouts timeouts_;
  // 0: not set.
  uint64_t requestAtMs_ = 0;
  uint64_t responseAtMs_ = 0;
  uint64_t headersAtMs_ = 0;
  uint64_t headAtMs_ = 0;
  uint64_t movedAtMs_ = 0;
};

}  // namespace mesh

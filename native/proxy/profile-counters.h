// The series of one rule of a ServiceProfile on one worker (reference §8.3): of requests, and of each
// of their tries ("actual"), which for other rules are in route-counters.h.
#pragma once

#include <cstdint>

#include "base/reason.h"
#include "metrics/recorder.h"

namespace mesh {

struct ProfileOutcome {
  uint16_t status = 0;  // 0: no endpoint has responded
  bool failure = false;
  int8_t grpcStatus = -1;  // -1: not gRPC
  Reason reason = Reason::None;
};

class ProfileCounters {
 public:
  ProfileCounters(Recorder& recorder, uint32_t routeId);

  void requested() { count(Family::ProfileRequestTotal); }
  void responded(const ProfileOutcome& outcome) { ended(Family::ProfileResponseTotal, outcome); }
  // From the request's arrival to the first byte of its response's body.
  void latency(uint16_t status, uint64_t ms);
  void tried() { count(Family::ProfileActualRequestTotal); }
  void tryResponded(const ProfileOutcome& outcome) {
    ended(Family::ProfileActualResponseTotal, outcome);
  }
  // A response that should be tried again, and whether the budget allows it.
  void retryable(bool inBudget);

 private:
  void count(Family family) { recorder_.add(recorder_.intern(family, labels_)); }
  void ended(Family family, const ProfileOutcome& outcome);

  Recorder& recorder_;
  LabelSet labels_;
};

}  // namespace mesh

// When the answers of one endpoint say that it should take no requests for a while (reference
// §4.13): so many failures in a row, or too small a share of successes over a sliding window of ten
// buckets. Pure counting, time is an argument; what then happens to the endpoint is EndpointSet's.
#pragma once

#include <array>
#include <cstdint>

#include "balance/backoff.h"

namespace mesh {

// How a request ended, as far as it speaks for or against the endpoint.
enum class Verdict : uint8_t {
  Success,
  Failure,
  Throttled,  // lowers the ratio and fails a probe; neither continues nor ends a row of failures
};

enum class EjectionCause : uint8_t { None, ConsecutiveFailures, SuccessRatio };

// Everything 0: off.
struct AccrualSettings {
  uint32_t maxConsecutiveFailures = 0;  // 0: that rule is off
  double minSuccessRatio = 0;           // 0: that rule is off
  uint32_t windowMs = 0;
  uint32_t minRequests = 0;  // in the window before the ratio counts
  BackoffSettings backoff;   // how long an endpoint is out; a sequence of its own
  bool mayEjectLast = false;

  bool active() const { return maxConsecutiveFailures > 0 || minSuccessRatio > 0; }
};

class FailureAccrual {
 public:
  // The cause to eject for, after this answer; it is told again with each further answer for as
  // long as it holds. `nowMs` never goes back. A window of another length begins empty.
  EjectionCause record(const AccrualSettings& settings, Verdict verdict, uint64_t nowMs);
  void reset() { *this = FailureAccrual(); }

 private:
  static constexpr uint32_t BUCKETS = 10;
  struct Bucket {
    uint32_t requests = 0;
    uint32_t successes = 0;
  };
  // Drops what has left the window.
  void slide(uint64_t nowMs, uint64_t bucketMs);

  uint32_t consecutive_ = 0;
  std::array<Bucket, BUCKETS> buckets_{};
  uint64_t bucketMs_ = 0;
  uint64_t newest_ = 0;  // number of the newest bucket since time 0
  uint64_t requests_ = 0;
  uint64_t successes_ = 0;
};

}  // namespace mesh

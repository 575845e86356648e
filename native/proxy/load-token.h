// What an exchange holds of the endpoint it was given, in one object: the place among the requests
// under way that power-of-two-choices compares, and, when the endpoint is ejected, the right to be
// its only request. Ends both by itself when dropped.
//
// The exchange tells what it learns, as it learns it; every call but the first of its kind is ignored:
//
//   load.answered(outcome, now)   the final response head is here. `grpcStatus` only where the head
//                                 carries it (trailers-only); `hintMs` where it has a hint.
//   load.finish(now)              the first byte of the body is here, or there is none.
//   load.observe(outcome)         how it ended, once that is known: for gRPC with the status of the
//                                 trailers; `ResponseOutcome{}` when the endpoint closed, reset or
//                                 was too late, or spoke nonsense, before the end of the response.
//   load.abandon()                it is over, for whatever reason. The client's going away alone
//                                 says nothing about the endpoint: no `observe` before.
//
// A request that is replayed is two: observe and abandon the first token, the connector gives another.
// Nothing here calls back; waiting requests are woken at the end of the turn.
#pragma once

#include <cstdint>
#include <memory>

#include "balance/endpoint.h"

namespace mesh {

class Target;

struct ResponseOutcome {
  uint16_t status = 0;      // 0: no response, or not all of it
  int16_t grpcStatus = -1;  // -1: not gRPC, or unknown
  uint32_t hintMs = 0;      // `retry-after` or `grpc-retry-pushback-ms`; 0: none
};

// Reference §4.13: which way the outcome counts in failure accrual.
Verdict verdictOf(const ResponseOutcome& outcome);
// Reference §4.12: whether the head alone shows a failure that costs the endpoint load, and
// whether its hint counts.
bool isPenalized(const ResponseOutcome& outcome);
bool hintCounts(const ResponseOutcome& outcome);

class LoadToken {
 public:
  LoadToken() = default;
  // `probe` is what `Endpoint::pickedAsProbe` said.
  LoadToken(std::shared_ptr<Target> target, std::shared_ptr<EndpointShared> endpoint,
            uint32_t probe, uint64_t nowNs);
  LoadToken(LoadToken&& other) noexcept = default;
  LoadToken& operator=(LoadToken&& other) noexcept;
  ~LoadToken() { abandon(); }

  // With a load penalty, a failed response counts at once, as one that took at least so long, and
  // `finish` no longer does.
  void answered(const ResponseOutcome& outcome, uint64_t nowNs);
  // A sample of its latency.
  void finish(uint64_t nowNs);
  void observe(const ResponseOutcome& outcome);
  void abandon();

 private:
  void endLoad(uint64_t latencyNs, uint64_t nowNs);

  std::shared_ptr<Target> target_;
  std::shared_ptr<EndpointShared> endpoint_;  // null: over
  uint64_t startedNs_ = 0;
  uint32_t probe_ = 0;
  bool underWay_ = false;  // counted among the requests under way
  bool observed_ = false;
};

}  // namespace mesh

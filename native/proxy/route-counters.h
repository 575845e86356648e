// The series of one rule of a route table on one worker, and of each of its backends (reference
// §8.8); or of one rule under the policy of a server (§8.7), which has no series of backends. Interned
// as they are needed; label sets that recur are found in a short list.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/reason.h"
#include "metrics/recorder.h"
#include "proxy/profile-counters.h"

namespace mesh {

// How a request or a try ended.
struct RouteOutcome {
  uint16_t status = 0;     // 0: without a response
  int8_t grpcStatus = -1;  // -1: not gRPC
  Reason reason = Reason::None;
  bool synthesized = false;  // by the proxy: no endpoint has responded
  bool untold = false;       // gRPC that ended without a status; `grpcStatus` is what it counts as
  bool operator==(const RouteOutcome&) const = default;
};

// What a rule's series are of. `serverId` 0: of no server, and outbound.
struct RouteIdentity {
  uint32_t routeId = 0;
  uint32_t serverId = 0;
  uint16_t serverPort = 0;
  bool operator==(const RouteIdentity&) const = default;
};

// Responses by outcome, their duration, and the sizes of their pieces.
class ResponseCounters {
 public:
  struct Families {
    Family statuses;  // None: not counted
    Family duration;
    Family frames;
  };
  ResponseCounters(Recorder& recorder, const Families& families, const LabelSet& labels);
  void ended(const RouteOutcome& outcome, uint64_t ms);
  void frame(size_t bytes);

 private:
  struct Known {
    RouteOutcome outcome;
    SeriesId series;
  };

  Recorder& recorder_;
  const Families families_;
  LabelSet labels_;
  SeriesId duration_ = 0;
  SeriesId frames_ = 0;
  std::vector<Known> known_;
};

class BackendCounters {
 public:
  BackendCounters(Recorder& recorder, const RouteIdentity& route, uint32_t backendId);
  void requested() const { recorder_.add(requests_); }

  // Of each try: from the end of the request.
  ResponseCounters responses;

 private:
  Recorder& recorder_;
  SeriesId requests_;
};

class RouteCounters {
 public:
  RouteCounters(Recorder& recorder, const RouteIdentity& route);

  void retried() { count(Family::RouteRetryRequestsTotal); }
  void retrySucceeded() { count(Family::RouteRetrySuccessesTotal); }
  void retryOverflowed() { count(Family::RouteRetryOverflowTotal); }
  void retryLimitExceeded() { count(Family::RouteRetryLimitExceededTotal); }
  BackendCounters& backend(uint32_t backendId);
  // Of a rule of a ServiceProfile, in place of all else.
  ProfileCounters& profile();

  // Of each request, from its arrival; `frame` counts pieces of its body.
  ResponseCounters requests;

 private:
  void count(Family family);

  Recorder& recorder_;
  const RouteIdentity route_;
  const LabelSet labels_;
  std::unordered_map<uint32_t, std::unique_ptr<BackendCounters>> backends_;
  std::unique_ptr<ProfileCounters> profile_;
};

}  // namespace mesh

// See response-outcome.h.
#include "proxy/response-outcome.h"

#include <algorithm>
#include <chrono>

#include "route/classify.h"

namespace mesh {

namespace {
// Dates in `retry-after` are of the calendar's clock.
uint64_t unixMs() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  using std::chrono::system_clock;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}
}  // namespace

ResponseOutcome outcomeOf(const ResponseHead& head, int8_t grpcStatus) {
  ResponseOutcome outcome{.status = head.status, .grpcStatus = grpcStatus, .hintMs = 0};
  if (!isPenalized(outcome) || !hintCounts(outcome)) return outcome;
  const std::optional<uint64_t> hint = grpcStatus >= 0 ? route::grpcPushbackMs(head.fields)
                                                       : route::retryAfterMs(head.fields, unixMs());
  outcome.hintMs = static_cast<uint32_t>(std::min<uint64_t>(hint.value_or(0), UINT32_MAX));
  return outcome;
}

}  // namespace mesh

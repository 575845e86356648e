// See stream-clock.h.
#include "proxy/stream-clock.h"

namespace mesh {

void StreamClock::begin(const route::StreamTimeouts& timeouts, uint64_t nowMs) {
  timeouts_ = timeouts;
  if (timeouts.requestMs != 0) requestAtMs_ = nowMs + timeouts.requestMs;
  if (timeouts.headMs != 0) headAtMs_ = nowMs + timeouts.headMs;
  movedAtMs_ = nowMs;
}

void StreamClock::requestSent(uint32_t headersMs, uint64_t nowMs) {
  if (timeouts_.responseMs != 0) responseAtMs_ = nowMs + timeouts_.responseMs;
  if (headersMs != 0) headersAtMs_ = nowMs + headersMs;
}

void StreamClock::again() {
  responseAtMs_ = 0;
  headersAtMs_ = 0;
}

uint64_t StreamClock::nextMs() const {
  uint64_t next = 0;
  const auto take = [&next](uint64_t atMs) {
    if (atMs != 0 && (next == 0 || atMs < next)) next = atMs;
  };
  take(requestAtMs_);
  take(responseAtMs_);
  take(headersAtMs_);
  take(headAtMs_);
  if (timeouts_.idleMs != 0) take(movedAtMs_ + timeouts_.idleMs);
  return next;
}

std::optional<Reason> StreamClock::expired(uint64_t nowMs) const {
  const auto over = [nowMs](uint64_t atMs) { return atMs != 0 && atMs <= nowMs; };
  if (over(requestAtMs_)) return Reason::RequestTimeout;
  if (over(headAtMs_)) return Reason::RouteTimeout;
  if (over(headersAtMs_)) return Reason::ResponseHeadersTimeout;
  if (over(responseAtMs_)) return Reason::ResponseTimeout;
  if (timeouts_.idleMs != 0 && over(movedAtMs_ + timeouts_.idleMs)) {
    return Reason::StreamIdleTimeout;
  }
  return std::nullopt;
}

}  // namespace mesh

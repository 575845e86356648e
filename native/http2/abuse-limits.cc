// The figures and why they are what they are.
#include "http2/abuse-limits.h"

#include <algorithm>

namespace mesh::http2 {
namespace {

struct Rate {
  std::string_view name;
  uint32_t burst;
  uint32_t perSecond;
};

// In the order of Abuse.
constexpr Rate RATES[ABUSE_KINDS] = {
    // The burst is at least what may be open at once: a client that gives up cancels everything.
    // Beyond that one per finished stream is free (hedging, users who move on).
    {"reset flood", 500, 50},
    // Keep-alive is one in seconds; gRPC measures bandwidth with one per round trip, but only while
    // data flows, and that pays for it.
    {"PING flood", 200, 50},
    // Sent once by most peers, a few times by those that tune their windows.
    {"SETTINGS flood", 50, 5},
    // Old browsers and tools send some for each request, which then pays for them.
    {"PRIORITY flood", 500, 100},
    // For what we send, which pays for it: one for the stream and one for the connection per DATA
    // frame, or less. The rest is for peers that open many streams' windows ahead of time.
    {"WINDOW_UPDATE flood", 4'000, 1'000},
    // Flushes of some servers and languages; data pays for more.
    {"empty DATA flood", 200, 50},
    // Twice, when a server leaves gracefully.
    {"GOAWAY flood", 50, 5},
    // 64 KiB and more to decode for each.
    {"flood of oversize heads", 50, 5},
};
// Each frame of a message, in either direction, allows this many cheap ones.
constexpr uint64_t PER_USEFUL_FRAME = 4;

constexpr size_t indexOf(Abuse abuse) { return static_cast<size_t>(abuse); }
constexpr uint64_t MILLI = 1'000;

}  // namespace

std::string_view abuseName(Abuse abuse) { return RATES[indexOf(abuse)].name; }

AbuseLimits::AbuseLimits(uint32_t maxConcurrentStreams)
    : resetBurst_(std::max(RATES[indexOf(Abuse::Reset)].burst, maxConcurrentStreams)) {
  for (size_t i = 0; i < ABUSE_KINDS; ++i) {
    buckets_[i].milliTokens = burstOf(static_cast<Abuse>(i)) * MILLI;
  }
}

uint64_t AbuseLimits::burstOf(Abuse abuse) const {
  return abuse == Abuse::Reset ? resetBurst_ : RATES[indexOf(abuse)].burst;
}

bool AbuseLimits::allow(Abuse abuse) {
  Bucket& bucket = buckets_[indexOf(abuse)];
  if (bucket.filledAtMs < nowMs_) {
    // A bucket that was never used is full; a very long pause must not overflow.
    constexpr uint64_t LONG_ENOUGH_MS = 3'600'000;
    const uint64_t elapsedMs = std::min(nowMs_ - bucket.filledAtMs, LONG_ENOUGH_MS);
    // Tokens per second are thousandths of a token per millisecond.
    bucket.milliTokens = std::min(bucket.milliTokens + elapsedMs * RATES[indexOf(abuse)].perSecond,
                                  burstOf(abuse) * MILLI);
    bucket.filledAtMs = nowMs_;
  }
  if (bucket.milliTokens < MILLI) return false;
  bucket.milliTokens -= MILLI;
  return true;
}

void AbuseLimits::give(Abuse abuse, uint64_t tokens) {
  Bucket& bucket = buckets_[indexOf(abuse)];
  bucket.milliTokens = std::min(bucket.milliTokens + tokens * MILLI, burstOf(abuse) * MILLI);
}

void AbuseLimits::onUsefulFrame() {
  give(Abuse::Ping, PER_USEFUL_FRAME);
  give(Abuse::Priority, PER_USEFUL_FRAME);
  give(Abuse::EmptyData, PER_USEFUL_FRAME);
}

void AbuseLimits::onDataSent() {
  give(Abuse::WindowUpdate, PER_USEFUL_FRAME);
  give(Abuse::Ping, PER_USEFUL_FRAME);
}

}  // namespace mesh::http2

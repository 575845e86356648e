// What a peer may ask for that costs us more than it costs the peer, as token buckets: a burst that
// honest peers stay below, refilled by the second and by useful work, so that a busy connection
// may do more of everything than an idle one. No I/O, no clock of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mesh::http2 {

enum class Abuse : uint8_t {
  Reset,         // a stream begun for nothing: reset by the client, or by us for what it did
  Ping,          // each wants an answer
  Settings,      // each wants an answer, and may touch every stream
  Priority,      // RFC 9113 §5.3.2: means nothing any more
  WindowUpdate,  // may make a stream ready for one byte
  EmptyData,     // DATA without data and without END_STREAM
  Goaway,        // once or twice is what honest peers send
  LargeHead,     // head above the limits: decoded all the same, for the sake of the HPACK state
};
constexpr size_t ABUSE_KINDS = 8;

// "reset flood".
std::string_view abuseName(Abuse abuse);

class AbuseLimits {
 public:
  // All streams that may be open at once may be cancelled at once.
  explicit AbuseLimits(uint32_t maxConcurrentStreams);
  // Monotonic milliseconds; before the calls they apply to.
  void setTime(uint64_t nowMs) { nowMs_ = nowMs; }

  // False when there was one too many.
  bool allow(Abuse abuse);

  // A head or a piece of data arrived.
  void onUsefulFrame();
  void onDataSent();
  // A stream was complete on both sides.
  void onStreamDone() { give(Abuse::Reset, 1); }

 private:
  struct Bucket {
    uint64_t milliTokens = 0;
    uint64_t filledAtMs = 0;
  };
  uint64_t burstOf(Abuse abuse) const;
  void give(Abuse abuse, uint64_t tokens);

  std::array<Bucket, ABUSE_KINDS> buckets_;
  uint64_t resetBurst_;
  uint64_t nowMs_ = 0;
};

}  // namespace mesh::http2

// How many requests wait for the head of their response, in each direction: beyond a bound they are
// shed (reference §3.6). The bound is of the process, not of a worker: the connections of a busy client
// may all be on one. Counting costs one addition to memory that all workers share, and nothing where
// there is no bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "metrics/recorder.h"

namespace mesh {

// Any thread.
class InFlightLimit {
 public:
  explicit InFlightLimit(uint32_t most) : most_(most) {}  // 0: unlimited
  bool unlimited() const { return most_ == 0; }
  bool enter() {
    if (count_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
    leave();
    return false;
  }
  void leave() { count_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  const uint32_t most_;
  std::atomic<uint32_t> count_{0};
};

struct InFlightLimits {
  InFlightLimits(uint32_t outboundMost, uint32_t inboundMost)
      : outbound(outboundMost), inbound(inboundMost) {}
  InFlightLimit& of(Direction direction) {
    return direction == Direction::Inbound ? inbound : outbound;
  }

  InFlightLimit outbound;
  InFlightLimit inbound;
};

// The place of one request among them; given back when the object ends, or before.
class InFlightSlot {
 public:
  InFlightSlot() = default;
  InFlightSlot(InFlightSlot&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
  InFlightSlot& operator=(InFlightSlot&& other) noexcept {
    if (this != &other) {
      release();
      limit_ = std::exchange(other.limit_, nullptr);
    }
    return *this;
  }
  ~InFlightSlot() { release(); }

  // False when there is none. One that is held already stays.
  bool take(InFlightLimit& limit) {
    if (limit_ != nullptr || limit.unlimited()) return true;
    if (!limit.enter()) return false;
    limit_ = &limit;
    return true;
  }
  void release() {
    if (limit_ != nullptr) std::exchange(limit_, nullptr)->leave();
  }

 private:
  InFlightLimit* limit_ = nullptr;  // null: none is held
};

}  // namespace mesh

// Timers at millisecond grain for tens of thousands of connections: setting, moving and cancelling
// are O(1) and do not allocate. A timer never fires early; it may fire late by one loop turn.
#pragma once

#include <array>
#include <cstdint>

#include "base/intrusive-list.h"

namespace mesh {

class TimerWheel;

// Owned by whoever waits. Destroying it cancels it.
class Timer : private ListNode<Timer> {
 public:
  using Fire = void (*)(void* context);
  Timer(Fire fire, void* context) : fire_(fire), context_(context) {}
  bool armed() const { return linked(); }
  // Absolute, in loop milliseconds; meaningful while armed.
  uint64_t deadlineMs() const { return deadlineMs_; }

 private:
  friend class TimerWheel;
  template <typename T, typename U>
  friend class IntrusiveList;
  Fire fire_;
  void* context_;
  uint64_t deadlineMs_ = 0;
};

// Hierarchical: 4 levels of 256 slots at 1 ms, 256 ms, 65.5 s, 4.7 h. Longer delays are clamped
// to the top level and re-placed.
class TimerWheel {
 public:
  explicit TimerWheel(uint64_t nowMs) : nowMs_(nowMs) {}
  // Arms or moves the timer.
  void schedule(Timer& timer, uint64_t deadlineMs);
  void cancel(Timer& timer) { timer.unlink(); }
  // Fires everything due at `nowMs`. Handlers may schedule and cancel any timer.
  void advance(uint64_t nowMs);
  // Milliseconds until `advance` must be called again; -1 when nothing is armed. May be early.
  int nextDelayMs(uint64_t nowMs) const;

 private:
  static constexpr int LEVELS = 4;
  static constexpr int SLOT_BITS = 8;
  static constexpr int SLOTS = 1 << SLOT_BITS;
  void place(Timer& timer);
  void cascade(int level);

  uint64_t nowMs_;
  std::array<std::array<IntrusiveList<Timer>, SLOTS>, LEVELS> slots_;
};

}  // namespace mesh

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
// to the top level and re-placed. Timers fire in the order of their deadlines, those of one
// deadline in the order in which they were scheduled.
class TimerWheel {
 public:
  explicit TimerWheel(uint64_t nowMs) : nowMs_(nowMs) {}
  // Arms or moves the timer. A deadline that has passed fires with the next `advance`.
  void schedule(Timer& timer, uint64_t deadlineMs);
  void cancel(Timer& timer) { timer.unlink(); }
  // Fires everything due at `nowMs`. Handlers may schedule, cancel and destroy any timer; what
  // they schedule for a time already passed fires with the next call.
  void advance(uint64_t nowMs);
  // Milliseconds until `advance` must be called again; -1 when nothing is armed. May be early: a
  // far timer is come upon once per level on its way down, at most three times.
  int nextDelayMs(uint64_t nowMs) const;

 private:
  static constexpr int LEVELS = 4;
  static constexpr int SLOT_BITS = 8;
  static constexpr int SLOTS = 1 << SLOT_BITS;
  static constexpr uint64_t NEVER = UINT64_MAX;
  static int digit(uint64_t timeMs, int level) {
    return static_cast<int>((timeMs >> (SLOT_BITS * level)) & (SLOTS - 1));
  }
  static void fireAll(IntrusiveList<Timer>& timers);
  void place(Timer& timer);
  // Places the timers of the upper level's current slot anew.
  void cascade(int level);
  // When the next slot with timers begins.
  uint64_t nextMs() const;
  // The first slot with timers in [from, to), or -1.
  int firstOccupied(int level, int from, int to) const;

  uint64_t nowMs_;
  // Scheduled for a time that had passed.
  IntrusiveList<Timer> due_;
  std::array<std::array<IntrusiveList<Timer>, SLOTS>, LEVELS> slots_;
  // A clear bit: the slot is empty. A set bit may be out of date, because timers leave their slot
  // without telling the wheel.
  mutable std::array<std::array<uint64_t, SLOTS / 64>, LEVELS> occupied_{};
};

}  // namespace mesh

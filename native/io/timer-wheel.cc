// A timer lies at the level of the highest 8-bit digit in which its deadline differs from now, in
// the slot of that digit; whenever time enters a slot of an upper level, its timers are placed
// anew, further down. So timers of one deadline keep the order in which they were scheduled, and
// one bit per slot lets `advance` jump over time in which nothing is due.
//
//   digit      3         2         1         0
//   slot of   4.7 h    65.5 s    256 ms     1 ms
#include "io/timer-wheel.h"

#include <algorithm>
#include <bit>
#include <climits>

namespace mesh {
namespace {

constexpr int WORD_BITS = 64;

}  // namespace

void TimerWheel::schedule(Timer& timer, uint64_t deadlineMs) {
  timer.unlink();
  timer.deadlineMs_ = deadlineMs;
  if (deadlineMs <= nowMs_) {
    due_.pushBack(timer);
  } else {
    place(timer);
  }
}

void TimerWheel::place(Timer& timer) {
  constexpr int topShift = SLOT_BITS * (LEVELS - 1);
  // The slot before the current one of the top level is the furthest there is.
  uint64_t deadline =
      std::min(timer.deadlineMs_, nowMs_ + (static_cast<uint64_t>(SLOTS - 1) << topShift));
  uint64_t difference = deadline ^ nowMs_;
  int level = 0;
  while (level < LEVELS - 1 && difference >> (SLOT_BITS * (level + 1)) != 0) ++level;
  int slot = digit(deadline, level);
  slots_[level][slot].pushBack(timer);
  occupied_[level][slot / WORD_BITS] |= 1ULL << (slot % WORD_BITS);
}

void TimerWheel::cascade(int level) {
  IntrusiveList<Timer>& slot = slots_[level][digit(nowMs_, level)];
  // Every timer leaves this slot: at the top level too, because the furthest slot is another one.
  while (Timer* timer = slot.popFront()) place(*timer);
}

void TimerWheel::fireAll(IntrusiveList<Timer>& timers) {
  while (Timer* timer = timers.popFront()) timer->fire_(timer->context_);
}

void TimerWheel::advance(uint64_t nowMs) {
  // What handlers make due again belongs to the next call, or two timers could keep each other
  // and this loop alive for ever.
  IntrusiveList<Timer> overdue;
  while (Timer* timer = due_.popFront()) overdue.pushBack(*timer);
  fireAll(overdue);

  for (uint64_t next = nextMs(); next <= nowMs; next = nextMs()) {
    nowMs_ = next;
    for (int level = LEVELS - 1; level > 0; --level) {
      uint64_t below = (1ULL << (SLOT_BITS * level)) - 1;
      if ((nowMs_ & below) == 0) cascade(level);
    }
    fireAll(slots_[0][digit(nowMs_, 0)]);
  }
  nowMs_ = std::max(nowMs_, nowMs);
}

int TimerWheel::nextDelayMs(uint64_t nowMs) const {
  if (!due_.empty()) return 0;
  uint64_t next = nextMs();
  if (next == NEVER) return -1;
  if (next <= nowMs) return 0;
  return static_cast<int>(std::min<uint64_t>(next - nowMs, INT_MAX));
}

uint64_t TimerWheel::nextMs() const {
  // A lower level always comes before an upper one: it lies within the upper one's current slot.
  for (int level = 0; level < LEVELS; ++level) {
    int shift = SLOT_BITS * level;
    int current = digit(nowMs_, level);
    int slot = firstOccupied(level, current + 1, SLOTS);
    // Only the top level wraps around; the others end with the slot above them.
    if (slot < 0 && level == LEVELS - 1) {
      slot = firstOccupied(level, 0, current);
      if (slot >= 0) slot += SLOTS;
    }
    if (slot < 0) continue;
    return ((nowMs_ >> shift) + static_cast<uint64_t>(slot - current)) << shift;
  }
  return NEVER;
}

int TimerWheel::firstOccupied(int level, int from, int to) const {
  while (from < to) {
    int word = from / WORD_BITS;
    uint64_t bits = occupied_[level][word] >> (from % WORD_BITS);
    if (bits == 0) {
      from = (word + 1) * WORD_BITS;
      continue;
    }
    from += std::countr_zero(bits);
    if (from >= to) return -1;
    if (!slots_[level][from].empty()) return from;
    // Its timers were cancelled, moved or fired since: the bit is cleared where that is noticed.
    occupied_[level][word] &= ~(1ULL << (from % WORD_BITS));
  }
  return -1;
}

}  // namespace mesh

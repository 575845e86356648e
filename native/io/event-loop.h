// One thread's event loop: descriptors, timers, tasks from other threads, and work put off to the
// end of the turn. Guarantees: handlers run on the loop's thread only; the clock is read once per
// turn; an object handed to `destroyLater` lives until the end of the turn, so that events already
// fetched for it find memory that is still there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/mailbox.h"
#include "base/result.h"
#include "io/poller.h"
#include "io/timer-wheel.h"

namespace mesh {

// Work for the loop's thread, posted from any other.
struct Task : Mail {
  virtual void run() = 0;
};

// Base of objects with a life of their own on a loop (connections).
class Disposable {
 public:
  virtual ~Disposable() = default;
};

// Work at the end of this turn, once, however often it was asked for, in the order asked. What is
// asked for while the ends of a turn run comes at the end of the next turn, which does not wait.
class TurnEnd : public ListNode<TurnEnd> {
 public:
  virtual void onTurnEnd() = 0;

 protected:
  ~TurnEnd() = default;
};

class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> create(PollerKind kind);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until `stop`. Called once, on the loop's thread. A turn is: wait, handlers, tasks, timers,
  // work put off to its end, destruction.
  void run();
  // One turn, waiting at most `maxWaitMs`; for tests that drive the loop by hand.
  void turn(int maxWaitMs);
  // Any thread. The loop ends after the current turn.
  void stop();
  // Any thread. Tasks run in the order posted. Those still there when the loop is destroyed are
  // destroyed unrun.
  void post(std::unique_ptr<Task> task);
  // As above, from a callable.
  template <typename F>
  void postFn(F&& fn);

  // Milliseconds of the monotonic clock as of this turn.
  uint64_t nowMs() const { return nowNs_ / 1'000'000; }
  uint64_t nowNs() const { return nowNs_; }

  Status<> add(Watch& watch) { return poller_->add(watch); }
  void remove(Watch& watch) { poller_->remove(watch); }
  void consume(Watch& watch, uint32_t bits) { poller_->consume(watch, bits); }

  // Fires in the first turn that begins at least `delayMs` after the beginning of this one.
  void schedule(Timer& timer, uint64_t delayMs) {
    // Rounded up: the millisecond that has begun does not count.
    timers_.schedule(timer, (nowNs_ + 999'999) / 1'000'000 + delayMs);
  }
  void cancel(Timer& timer) { timers_.cancel(timer); }

  void atTurnEnd(TurnEnd& work) {
    if (!work.linked()) turnEnd_.pushBack(work);
  }
  void destroyLater(std::unique_ptr<Disposable> object) { doomed_.push_back(std::move(object)); }

 private:
  explicit EventLoop(std::unique_ptr<Poller> poller);
  int waitMs(int maxWaitMs) const;
  void runTasks();
  void endTurn();
  void destroyDoomed();

  uint64_t nowNs_;
  std::unique_ptr<Poller> poller_;
  TimerWheel timers_;
  Mailbox<Task> tasks_;
  IntrusiveList<TurnEnd> turnEnd_;
  std::vector<std::unique_ptr<Disposable>> doomed_;
  // The batch being destroyed; kept for its memory.
  std::vector<std::unique_ptr<Disposable>> dying_;
  std::atomic<bool> stopping_{false};
};

template <typename F>
void EventLoop::postFn(F&& fn) {
  struct FnTask final : Task {
    explicit FnTask(F&& f) : call(std::forward<F>(f)) {}
    void run() override { call(); }
    std::decay_t<F> call;
  };
  post(std::make_unique<FnTask>(std::forward<F>(fn)));
}

}  // namespace mesh

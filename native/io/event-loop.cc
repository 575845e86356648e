// One turn: wait, handlers, tasks, timers, work put off, destruction. Input comes before timers, so
// that what arrived in time is not declared late.
#include "io/event-loop.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mesh {

Result<std::unique_ptr<EventLoop>> EventLoop::create(PollerKind kind) {
  Result<std::unique_ptr<Poller>> poller = createPoller(kind);
  if (!poller) return poller.error();
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(poller).value()));
}

EventLoop::EventLoop(std::unique_ptr<Poller> poller)
    : nowNs_(monotonicNs()), poller_(std::move(poller)), timers_(nowMs()) {}

EventLoop::~EventLoop() {
  // What these own may call the loop while it goes away.
  tasks_.takeAll([](std::unique_ptr<Task>) {});
  destroyDoomed();
}

void EventLoop::run() {
  while (!stopping_.load(std::memory_order_acquire)) turn(-1);
}

void EventLoop::turn(int maxWaitMs) {
  poller_->wait(
      waitMs(maxWaitMs), [](void* loop) { static_cast<EventLoop*>(loop)->nowNs_ = monotonicNs(); },
      this);
  runTasks();
  timers_.advance(nowMs());
  endTurn();
}

int EventLoop::waitMs(int maxWaitMs) const {
  if (!turnEnd_.empty() || !doomed_.empty()) return 0;
  int untilTimer = timers_.nextDelayMs(nowMs());
  if (untilTimer < 0) return maxWaitMs;
  return maxWaitMs < 0 ? untilTimer : std::min(untilTimer, maxWaitMs);
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  poller_->wake();
}

void EventLoop::post(std::unique_ptr<Task> task) {
  if (tasks_.push(std::move(task))) poller_->wake();
}

void EventLoop::runTasks() {
  tasks_.takeAll([](std::unique_ptr<Task> task) { task->run(); });
}

void EventLoop::endTurn() {
  // Work that asks for more of itself gets it in the next turn, after everyone else's events.
  IntrusiveList<TurnEnd> asked;
  while (TurnEnd* work = turnEnd_.popFront()) asked.pushBack(*work);
  while (TurnEnd* work = asked.popFront()) work->onTurnEnd();
  destroyDoomed();
}

void EventLoop::destroyDoomed() {
  // Destructors may doom more.
  while (!doomed_.empty()) {
    dying_.swap(doomed_);
    dying_.clear();
  }
}

}  // namespace mesh

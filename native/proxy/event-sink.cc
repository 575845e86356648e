// See event-sink.h.
#include "proxy/event-sink.h"

#include <memory>

#include "base/clock.h"

namespace mesh {

EventSink::EventSink(std::function<void()> wake, contract::LogLevel level)
    : wake_(std::move(wake)), level_(level) {}

void EventSink::emit(contract::Event event) {
  if (mailbox_.push(std::make_unique<Item>(std::move(event)))) wake_();
}

bool EventSink::reserve() {
  if (waiting_.fetch_add(1, std::memory_order_relaxed) < MAX_WAITING) return true;
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  dropped_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void EventSink::log(contract::LogLevel level, uint32_t worker, std::string message,
                    LogFields fields) {
  if (!wants(level) || !reserve()) return;
  emit(contract::LogLine{.level = level,
                         .timeMs = unixMs(),
                         .worker = worker,
                         .message = std::move(message),
                         .fields = std::move(fields)});
}

void EventSink::fail(contract::Failure failure) {
  if (!reserve()) return;
  failure.timeMs = unixMs();
  emit(std::move(failure));
}

std::vector<contract::Event> EventSink::take(uint64_t& droppedLogs) {
  std::vector<contract::Event> events;
  uint32_t bounded = 0;
  mailbox_.takeAll([&](std::unique_ptr<Item> item) {
    if (std::holds_alternative<contract::LogLine>(item->event) ||
        std::holds_alternative<contract::Failure>(item->event)) {
      ++bounded;
    }
    events.push_back(std::move(item->event));
  });
  waiting_.fetch_sub(bounded, std::memory_order_relaxed);
  droppedLogs = dropped_.exchange(0, std::memory_order_relaxed);
  return events;
}

}  // namespace mesh

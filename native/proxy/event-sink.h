// What the data plane tells the control logic. Workers emit from their threads without waiting;
// the owner takes everything at once. Facts (series, discovery) are never lost; log lines and
// failures are bounded in number, and those beyond the bound are counted.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/mailbox.h"
#include "contract/commands.h"

namespace mesh {

using LogFields = std::vector<std::pair<std::string, std::string>>;

class EventSink {
 public:
  EventSink(std::function<void()> wake, contract::LogLevel level);

  // Any thread.
  void emit(contract::Event event);
  bool wants(contract::LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void log(contract::LogLevel level, uint32_t worker, std::string message, LogFields fields);
  void fail(contract::Failure failure);
  void setLevel(contract::LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  // Owner's thread. Oldest first per worker.
  std::vector<contract::Event> take(uint64_t& droppedLogs);

 private:
  struct Item : Mail {
    explicit Item(contract::Event event) : event(std::move(event)) {}
    contract::Event event;
  };
  // Log lines and failures that may wait to be taken.
  static constexpr uint32_t MAX_WAITING = 4096;
  bool reserve();

  std::function<void()> wake_;
  std::atomic<contract::LogLevel> level_;
  Mailbox<Item> mailbox_;
  std::atomic<uint32_t> waiting_{0};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace mesh

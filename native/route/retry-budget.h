// How much of the traffic may be retries: at the moment of each retry, all retries of the last
// `ttlMs` are at most ratio × the requests of that time + minRetriesPerSecond × its seconds. Shared by all
// workers and by all rules that name its id; safe for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "route/spec.h"

namespace mesh::route {

class RetryBudget {
 public:
  explicit RetryBudget(const BudgetSpec& spec) : spec_(spec) {}

  // A request came (not a retry of one). Never waits.
  void deposit(uint64_t nowMs);
  // A retry is wanted: true when it may be, which is then counted.
  bool withdraw(uint64_t nowMs);
  // What was counted stays.
  void configure(const BudgetSpec& spec);

 private:
  // Counts are kept by tenths of a second. Where the window's edge cuts one, its requests are left
  // out and its retries are counted: errors are on the side of fewer retries.
  static constexpr uint64_t SLICE_MS = 100;
  static constexpr uint64_t MAX_TTL_MS = 60'000;
  static constexpr uint64_t SLICES = MAX_TTL_MS / SLICE_MS + 2;
  struct Retries {
    uint64_t slice = 0;
    uint64_t count = 0;
  };

  // The slice a count is of in the upper half, the count in the lower.
  std::array<std::atomic<uint64_t>, SLICES> requests_{};
  std::mutex mutex_;  // guards what follows
  BudgetSpec spec_;
  uint64_t latest_ = 0;
  std::array<Retries, SLICES> retries_{};
};

// Finds budgets by id for as long as a table, or a request under way, has them. Only the owner's
// thread uses it.
class BudgetRegistry {
 public:
  // One that is in use already takes over the new parameters.
  std::shared_ptr<RetryBudget> get(const BudgetSpec& spec);

 private:
  std::unordered_map<uint32_t, std::weak_ptr<RetryBudget>> budgets_;
};

}  // namespace mesh::route

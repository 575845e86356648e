// See retry-budget.h.
#include "route/retry-budget.h"

#include <algorithm>

namespace mesh::route {
namespace {

constexpr uint64_t packed(uint64_t slice, uint64_t count) { return slice << 32 | count; }
constexpr uint64_t sliceOf(uint64_t value) { return value >> 32; }
constexpr uint64_t countOf(uint64_t value) { return value & UINT32_MAX; }

}  // namespace

void RetryBudget::deposit(uint64_t nowMs) {
  const uint64_t slice = nowMs / SLICE_MS;
  std::atomic<uint64_t>& cell = requests_[slice % SLICES];
  uint64_t seen = cell.load(std::memory_order_relaxed);
  uint64_t next;
  do {
    // A worker that is a whole window late counts nothing.
    if (sliceOf(seen) > slice) return;
    if (countOf(seen) == UINT32_MAX) return;
    next = sliceOf(seen) == slice ? seen + 1 : packed(slice, 1);
  } while (!cell.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

bool RetryBudget::withdraw(uint64_t nowMs) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // The clocks of workers are a turn apart; here time only goes forward.
  latest_ = std::max(latest_, nowMs / SLICE_MS);
  const uint64_t whole = spec_.ttlMs / SLICE_MS;  // all of them within the ttl
  const uint64_t touched = (spec_.ttlMs + SLICE_MS - 1) / SLICE_MS + 1;  // all that the ttl touches
  uint64_t requests = 0;
  for (uint64_t back = 0; back < whole && back <= latest_; ++back) {
    const uint64_t slice = latest_ - back;
    const uint64_t value = requests_[slice % SLICES].load(std::memory_order_relaxed);
    if (sliceOf(value) == slice) requests += countOf(value);
  }
  uint64_t retries = 0;
  for (uint64_t back = 0; back < touched && back <= latest_; ++back) {
    const Retries& one = retries_[(latest_ - back) % SLICES];
    if (one.slice == latest_ - back) retries += one.count;
  }
  const double allowed =
      spec_.ratio * static_cast<double>(requests) +
      static_cast<double>(spec_.minRetriesPerSecond) * static_cast<double>(spec_.ttlMs) / 1000.0;
  if (static_cast<double>(retries + 1) > allowed) return false;
  Retries& now = retries_[latest_ % SLICES];
  if (now.slice != latest_) now = {.slice = latest_, .count = 0};
  ++now.count;
  return true;
}

void RetryBudget::configure(const BudgetSpec& spec) {
  const std::lock_guard<std::mutex> lock(mutex_);
  spec_ = spec;
}

std::shared_ptr<RetryBudget> BudgetRegistry::get(const BudgetSpec& spec) {
  std::erase_if(budgets_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<RetryBudget>& known = budgets_[spec.id];
  if (std::shared_ptr<RetryBudget> budget = known.lock()) {
    budget->configure(spec);
    return budget;
  }
  auto budget = std::make_shared<RetryBudget>(spec);
  known = budget;
  return budget;
}

}  // namespace mesh::route

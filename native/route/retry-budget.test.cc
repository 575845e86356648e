// Budgets give what they promise and never more, also to many threads.
#include "route/retry-budget.h"

#include <doctest/doctest.h>

#include <deque>
#include <thread>
#include <vector>

#include "base/random.h"

namespace mesh::route {
namespace {

int withdrawn(RetryBudget& budget, uint64_t nowMs, int wanted) {
  int count = 0;
  for (int i = 0; i < wanted; ++i) count += budget.withdraw(nowMs) ? 1 : 0;
  return count;
}

TEST_CASE("a budget without requests has its minimum") {
  RetryBudget budget({.id = 1, .ratio = 0.5, .minRetriesPerSecond = 3, .ttlMs = 2'000});
  CHECK(withdrawn(budget, 0, 100) == 6);
}

TEST_CASE("requests add their ratio") {
  RetryBudget budget({.id = 1, .ratio = 0.2, .minRetriesPerSecond = 0, .ttlMs = 10'000});
  for (int i = 0; i < 24; ++i) budget.deposit(50'000);
  CHECK(withdrawn(budget, 50'000, 100) == 4);
  budget.deposit(50'000);
  CHECK(withdrawn(budget, 50'000, 100) == 1);
}

TEST_CASE("what was deposited and withdrawn is forgotten after the ttl") {
  RetryBudget budget({.id = 1, .ratio = 1, .minRetriesPerSecond = 1, .ttlMs = 1'000});
  budget.deposit(100'000);
  budget.deposit(100'000);
  CHECK(withdrawn(budget, 100'500, 100) == 3);
  CHECK(withdrawn(budget, 101'000, 100) == 0);
  // The deposits are gone first; the withdrawals of 100,500 are gone with them a slice after 101,500.
  CHECK(withdrawn(budget, 101'600, 100) == 1);
}

TEST_CASE("a budget that was not asked for a long time is as new") {
  RetryBudget budget({.id = 1, .ratio = 1, .minRetriesPerSecond = 2, .ttlMs = 60'000});
  budget.deposit(5);
  CHECK(withdrawn(budget, 5, 1'000) == 121);
  // A multiple of the memory's length later, and at the end of years.
  CHECK(withdrawn(budget, 5 + 602 * 100 * 7, 1'000) == 120);
  CHECK(withdrawn(budget, 300'000'000'000, 1'000) == 120);
}

TEST_CASE("time that goes back opens nothing again") {
  RetryBudget budget({.id = 1, .ratio = 0, .minRetriesPerSecond = 1, .ttlMs = 1'000});
  CHECK(budget.withdraw(500'000));
  CHECK_FALSE(budget.withdraw(490'000));
  CHECK_FALSE(budget.withdraw(1));
}

// By the definition alone, from every withdrawal and deposit.
TEST_CASE("at no retry does any window hold more than it may") {
  for (const uint32_t ttlMs : {1'000u, 1'050u, 1'999u, 7'001u}) {
    CAPTURE(ttlMs);
    const BudgetSpec spec{.id = 1, .ratio = 0.3, .minRetriesPerSecond = 2, .ttlMs = ttlMs};
    RetryBudget budget(spec);
    Random random(ttlMs);
    std::deque<uint64_t> requests;
    std::deque<uint64_t> retries;
    const auto forget = [&](std::deque<uint64_t>& times, uint64_t nowMs) {
      while (!times.empty() && times.front() + ttlMs <= nowMs) times.pop_front();
    };
    uint64_t nowMs = 1'000'000;
    uint64_t given = 0;
    for (int step = 0; step < 20'000; ++step) {
      nowMs += random.below(40);
      forget(requests, nowMs);
      forget(retries, nowMs);
      if (random.below(2) == 0) {
        budget.deposit(nowMs);
        requests.push_back(nowMs);
      } else if (budget.withdraw(nowMs)) {
        retries.push_back(nowMs);
        ++given;
        const double allowed = spec.ratio * static_cast<double>(requests.size()) +
                               spec.minRetriesPerSecond * ttlMs / 1000.0;
        REQUIRE(static_cast<double>(retries.size()) <= allowed);
      }
    }
    // And most of what may be given is.
    CHECK(given > 2'000);
  }
}

TEST_CASE("many threads together get no more than one would") {
  constexpr int THREADS = 4;
  constexpr int EACH = 5'000;
  RetryBudget budget({.id = 1, .ratio = 0.1, .minRetriesPerSecond = 10, .ttlMs = 10'000});
  std::atomic<int> given{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < THREADS; ++thread) {
    threads.emplace_back([&budget, &given] {
      for (int i = 0; i < EACH; ++i) {
        budget.deposit(40'000);
        if (budget.withdraw(40'000)) given.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // All deposits are in: what is left can be taken, and then all there ever was is taken.
  while (budget.withdraw(40'000)) given.fetch_add(1);
  CHECK(given.load() == THREADS * EACH / 10 + 100);
}

TEST_CASE("threads that move on in time, while parameters change, do not lose count") {
  RetryBudget budget({.id = 1, .ratio = 0, .minRetriesPerSecond = 5, .ttlMs = 1'000});
  std::atomic<int> given{0};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&budget, &given, thread] {
      // Ten seconds in steps of 10 ms, a little apart.
      for (uint64_t step = 0; step < 1'000; ++step) {
        budget.deposit(20'000 + step * 10 + thread);
        if (budget.withdraw(20'000 + step * 10 + thread)) given.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    budget.configure({.id = 1, .ratio = 0, .minRetriesPerSecond = 5, .ttlMs = 1'000});
  }
  for (std::thread& thread : threads) thread.join();
  // Five in each second of eleven.
  CHECK(given.load() <= 55);
  CHECK(given.load() >= 40);
}

TEST_CASE("the registry gives the same budget for an id for as long as it is used") {
  BudgetRegistry budgets;
  const BudgetSpec spec{.id = 3, .ratio = 0, .minRetriesPerSecond = 1, .ttlMs = 1'000};
  std::shared_ptr<RetryBudget> one = budgets.get(spec);
  CHECK(budgets.get(spec) == one);
  BudgetSpec other = spec;
  other.id = 4;
  CHECK(budgets.get(other) != one);
  CHECK(one->withdraw(1'000));
  one.reset();
  CHECK(budgets.get(spec)->withdraw(1'000));
}

}  // namespace
}  // namespace mesh::route

// Tests of the timer wheel against the obvious: a sorted list.
#include "io/timer-wheel.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

struct Alarm {
  explicit Alarm(std::function<void()> a)
      : act(std::move(a)), timer([](void* alarm) { static_cast<Alarm*>(alarm)->act(); }, this) {}
  std::function<void()> act;
  Timer timer;
};

// Where wheels begin: at a round number, in the middle, and shortly before each level wraps.
constexpr uint64_t BEGINNINGS[] = {
    0, 1'234'567, 255, 65'535, (1ULL << 24) - 3, (1ULL << 32) - 3, (1ULL << 40) - 1};

TEST_CASE("a timer fires at its deadline, not a millisecond earlier") {
  for (uint64_t begin : BEGINNINGS) {
    for (uint64_t delay :
         {1ULL, 2ULL, 255ULL, 256ULL, 257ULL, 65'535ULL, 65'536ULL, 1ULL << 24, (1ULL << 24) + 1,
          (1ULL << 32) - 1, 1ULL << 32, (1ULL << 32) + 77, 1ULL << 35}) {
      CAPTURE(begin);
      CAPTURE(delay);
      TimerWheel wheel(begin);
      int fired = 0;
      Alarm alarm([&] { ++fired; });
      wheel.schedule(alarm.timer, begin + delay);
      CHECK(alarm.timer.armed());
      wheel.advance(begin + delay - 1);
      CHECK(fired == 0);
      wheel.advance(begin + delay);
      CHECK(fired == 1);
      CHECK_FALSE(alarm.timer.armed());
    }
  }
}

TEST_CASE("a deadline that has passed fires with the next advance") {
  TimerWheel wheel(1'000);
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.schedule(alarm.timer, 10);
  CHECK(wheel.nextDelayMs(1'000) == 0);
  wheel.advance(1'000);
  CHECK(fired == 1);
}

TEST_CASE("timers fire in the order of their deadlines, equal ones as they were scheduled") {
  TimerWheel wheel(250);
  std::string order;
  Alarm late([&] { order += 'l'; }), early([&] { order += 'e'; }), first([&] { order += '1'; }),
      second([&] { order += '2'; });
  wheel.schedule(first.timer, 700);
  wheel.schedule(late.timer, 70'000);
  wheel.schedule(early.timer, 251);
  wheel.advance(600);
  // 700 is now on a lower level than it was for the first.
  wheel.schedule(second.timer, 700);
  wheel.advance(100'000);
  CHECK(order == "e12l");
}

TEST_CASE("a moved timer fires at its new deadline only") {
  TimerWheel wheel(0);
  std::vector<uint64_t> fired;
  uint64_t now = 0;
  Alarm alarm([&] { fired.push_back(now); });
  wheel.schedule(alarm.timer, 100);
  wheel.schedule(alarm.timer, 5'000);
  CHECK(alarm.timer.deadlineMs() == 5'000);
  wheel.schedule(alarm.timer, 300);
  for (now = 1; now <= 6'000; ++now) wheel.advance(now);
  CHECK(fired == std::vector<uint64_t>{300});
}

TEST_CASE("a cancelled or destroyed timer does not fire") {
  TimerWheel wheel(0);
  int fired = 0;
  Alarm cancelled([&] { ++fired; });
  auto destroyed = std::make_unique<Alarm>([&] { ++fired; });
  wheel.schedule(cancelled.timer, 10);
  wheel.schedule(destroyed->timer, 10);
  wheel.cancel(cancelled.timer);
  destroyed.reset();
  CHECK(wheel.nextDelayMs(0) == -1);
  wheel.advance(100);
  CHECK(fired == 0);
}

TEST_CASE("a handler may cancel and destroy timers that are due with it") {
  TimerWheel wheel(0);
  int fired = 0;
  Alarm victim([&] { ++fired; });
  auto doomed = std::make_unique<Alarm>([&] { ++fired; });
  Alarm killer([&] {
    wheel.cancel(victim.timer);
    doomed.reset();
  });
  wheel.schedule(killer.timer, 10);
  wheel.schedule(victim.timer, 10);
  wheel.schedule(doomed->timer, 10);
  wheel.advance(10);
  CHECK(fired == 0);
  CHECK(doomed == nullptr);
}

TEST_CASE("a handler may destroy its own timer") {
  TimerWheel wheel(0);
  std::unique_ptr<Alarm> alarm;
  bool fired = false;
  alarm = std::make_unique<Alarm>([&] {
    fired = true;
    // The callable is part of what goes away: it is not used after this.
    auto gone = std::move(alarm);
  });
  wheel.schedule(alarm->timer, 5);
  wheel.advance(5);
  CHECK(fired);
  CHECK(alarm == nullptr);
}

TEST_CASE("a timer that a handler sets for a later time within the same advance fires in it") {
  TimerWheel wheel(0);
  std::vector<int> fired;
  Alarm second([&] { fired.push_back(2); });
  Alarm first([&] {
    fired.push_back(1);
    wheel.schedule(second.timer, 20);
  });
  wheel.schedule(first.timer, 10);
  wheel.advance(1'000);
  CHECK(fired == std::vector<int>{1, 2});
}

TEST_CASE("a timer that keeps making itself due fires once per advance") {
  TimerWheel wheel(100);
  int fired = 0;
  std::unique_ptr<Alarm> alarm;
  alarm = std::make_unique<Alarm>([&] {
    ++fired;
    wheel.schedule(alarm->timer, 0);
  });
  wheel.schedule(alarm->timer, 0);
  for (int i = 1; i <= 3; ++i) {
    wheel.advance(100);
    CHECK(fired == i);
  }
}

TEST_CASE("with nothing armed there is nothing to wait for") {
  TimerWheel wheel(77);
  CHECK(wheel.nextDelayMs(77) == -1);
  Alarm alarm([] {});
  wheel.schedule(alarm.timer, 80);
  CHECK(wheel.nextDelayMs(77) == 3);
  wheel.advance(80);
  CHECK(wheel.nextDelayMs(80) == -1);
}

TEST_CASE("following nextDelayMs reaches any timer exactly, in few steps") {
  for (uint64_t begin : BEGINNINGS) {
    for (uint64_t delay :
         {1ULL, 300ULL, 10'000ULL, 3'600'000ULL, 86'400'000ULL, 4'000'000'000ULL}) {
      CAPTURE(begin);
      CAPTURE(delay);
      TimerWheel wheel(begin);
      uint64_t now = begin;
      bool fired = false;
      Alarm alarm([&] { fired = true; });
      wheel.schedule(alarm.timer, begin + delay);
      int steps = 0;
      while (!fired && steps < 20) {
        int wait = wheel.nextDelayMs(now);
        REQUIRE(wait >= 0);
        now += static_cast<uint64_t>(wait);
        wheel.advance(now);
        ++steps;
      }
      CHECK(fired);
      CHECK(now == begin + delay);
      // One per level on the way down, and one for a delay that does not fit an int.
      CHECK(steps <= 5);
    }
  }
}

TEST_CASE("a wheel agrees with a sorted list over a long random life") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    uint64_t now = BEGINNINGS[seed % std::size(BEGINNINGS)];
    TimerWheel wheel(now);
    constexpr int TIMERS = 40;
    std::vector<int> fired;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int i = 0; i < TIMERS; ++i) {
      alarms.push_back(std::make_unique<Alarm>([&fired, i] { fired.push_back(i); }));
    }
    // Deadline and the number of the schedule, so that equal deadlines keep their order.
    std::map<std::pair<uint64_t, uint64_t>, int> model;
    uint64_t schedules = 0;
    auto forget = [&](int i) {
      std::erase_if(model, [i](const auto& entry) { return entry.second == i; });
    };
    auto randomDelay = [&] { return static_cast<uint64_t>(random.below(1U << random.below(31))); };

    for (int step = 0; step < 2'000; ++step) {
      int i = static_cast<int>(random.below(TIMERS));
      switch (random.below(4)) {
        case 0:
        case 1: {
          uint64_t deadline = now + randomDelay();
          forget(i);
          model.emplace(std::pair(deadline, ++schedules), i);
          wheel.schedule(alarms[i]->timer, deadline);
          break;
        }
        case 2:
          forget(i);
          wheel.cancel(alarms[i]->timer);
          break;
        default: {
          now += randomDelay() / 8;
          std::vector<int> expected;
          while (!model.empty() && model.begin()->first.first <= now) {
            expected.push_back(model.begin()->second);
            model.erase(model.begin());
          }
          fired.clear();
          wheel.advance(now);
          REQUIRE(fired == expected);
        }
      }
      int wait = wheel.nextDelayMs(now);
      if (model.empty()) {
        REQUIRE(wait == -1);
      } else {
        REQUIRE(wait >= 0);
        REQUIRE(now + static_cast<uint64_t>(wait) <= std::max(now, model.begin()->first.first));
      }
    }
  }
}

}  // namespace
}  // namespace mesh

// The balancer on a real loop: who is woken when, what a removal takes with it, new settings.
#include "balance/balancer.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace mesh {
namespace {

struct Caller final : Balancer::Waiter {
  explicit Caller(std::function<void()> then) : then(std::move(then)) {}
  void onEndpointReady() override {
    ++calls;
    then();
  }
  int calls = 0;
  std::function<void()> then;
};

struct FakeConnection final : PooledConnection {
  void onEvicted() override { ++evicted; }
  int evicted = 0;
};

struct Fixture {
  std::unique_ptr<EventLoop> loop = EventLoop::create(PollerKind::Libuv).value();
  Random random{3};
  // The back-off after one failure outlasts every test that does not wait for its end.
  Balancer::Settings settings{
      .forward = false, .pool = {}, .backoff = {.minMs = 60'000, .maxMs = 600'000, .jitter = 0}};
  Balancer balancer{*loop, random, settings};

  static SocketAddress address(uint32_t number) {
    return SocketAddress::v4(0x0A000000 + number, 80);
  }
  Endpoint& add(uint32_t number) {
    return balancer.add(std::make_shared<EndpointShared>(address(number), 1));
  }
  void retryAfter(uint32_t ms) {
    settings.backoff = {.minMs = ms, .maxMs = ms, .jitter = 0};
    balancer.configure(settings);
  }
  void turn() { loop->turn(0); }
  // Turns the loop until `done`, for ten seconds at most.
  template <typename Done>
  bool turnUntil(Done&& done) {
    const uint64_t giveUpNs = monotonicNs() + 10'000'000'000ULL;
    while (!done()) {
      if (monotonicNs() >= giveUpNs) return false;
      loop->turn(50);
    }
    return true;
  }
};

// ---------------------------------------------------------------- waiters

TEST_CASE_FIXTURE(Fixture, "all who wait are woken when an endpoint is added, the oldest first") {
  std::vector<int> order;
  Caller first([&] { order.push_back(1); });
  Caller second([&] { order.push_back(2); });
  Caller third([&] { order.push_back(3); });
  for (Caller* one : {&first, &second, &third}) balancer.wait(*one);
  turn();
  CHECK(order.empty());
  add(1);
  CHECK(order.empty());
  turn();
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(balancer.waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "all who wait hear of it when the last endpoint is removed, and only then") {
  Endpoint& a = add(1);
  add(2);
  balancer.dialFailed(a, ECONNREFUSED);
  balancer.dialFailed(*balancer.find(address(2)), ECONNREFUSED);
  Caller patient([&] { balancer.wait(patient); });
  Caller other([] {});
  balancer.wait(patient);
  balancer.wait(other);
  balancer.remove(address(1));
  turn();
  CHECK(patient.calls + other.calls == 0);
  balancer.remove(address(2));
  CHECK(balancer.empty());
  turn();
  turn();
  CHECK(patient.calls == 1);
  CHECK(other.calls == 1);
  CHECK(balancer.waiting() == 1);
  // Old news is no reason to wake who comes later.
  Caller newcomer([] {});
  balancer.wait(newcomer);
  turn();
  CHECK(patient.calls == 1);
  CHECK(newcomer.calls == 0);
}

TEST_CASE_FIXTURE(Fixture, "a replacement of the whole set in one turn is no reason to give up") {
  balancer.dialFailed(add(1), ECONNREFUSED);
  Caller waiter([&] { CHECK(balancer.pick(nullptr) != nullptr); });
  balancer.wait(waiter);
  balancer.remove(address(1));
  add(2);
  turn();
  CHECK(waiter.calls == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "the end of a back-off wakes one waiter for the probe, its success all") {
  Endpoint& a = add(1);
  retryAfter(5);
  balancer.dialFailed(a, ECONNREFUSED);
  const uint64_t failedAtMs = loop->nowMs();
  std::vector<Endpoint*> picked;
  Caller first([&] { picked.push_back(balancer.pick(nullptr)); });
  Caller second([&] { picked.push_back(balancer.pick(nullptr)); });
  balancer.wait(first);
  balancer.wait(second);
  REQUIRE(turnUntil([&] { return !picked.empty(); }));
  CHECK(loop->nowMs() >= failedAtMs + 5);
  turn();
  CHECK(picked == std::vector<Endpoint*>{&a});
  CHECK(a.probing());
  CHECK(first.calls == 1);
  balancer.dialSucceeded(a);
  turn();
  CHECK(picked == std::vector<Endpoint*>{&a, &a});
  CHECK(second.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "while someone waits a failed probe is followed by the next one") {
  Endpoint& a = add(1);
  retryAfter(2);
  balancer.dialFailed(a, ECONNREFUSED);
  Caller waiter([&] {
    Endpoint* picked = balancer.pick(nullptr);
    REQUIRE(picked == &a);
    REQUIRE(a.probing());
    balancer.dialFailed(a, ECONNREFUSED);
    balancer.wait(waiter);
  });
  balancer.wait(waiter);
  CHECK(turnUntil([&] { return waiter.calls == 5; }));
}

TEST_CASE_FIXTURE(Fixture, "who waits while another request's probe fails is woken for the next") {
  Endpoint& a = add(1);
  retryAfter(2);
  balancer.dialFailed(a, ECONNREFUSED);
  REQUIRE(turnUntil([&] { return balancer.pick(nullptr) == &a; }));
  Caller waiter([&] { CHECK(balancer.pick(nullptr) == &a); });
  balancer.wait(waiter);
  turn();
  REQUIRE(waiter.calls == 0);
  balancer.dialFailed(a, ECONNREFUSED);
  CHECK(turnUntil([&] { return waiter.calls == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "with nobody waiting nothing happens when a back-off ends") {
  Endpoint& a = add(1);
  retryAfter(2);
  balancer.dialFailed(a, ECONNREFUSED);
  bool later = false;
  Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &later);
  loop->schedule(timer, 20);
  REQUIRE(turnUntil([&] { return later; }));
  CHECK(a.phase == Endpoint::Phase::BackOff);
  CHECK(balancer.pick(nullptr) == &a);
}

TEST_CASE_FIXTURE(Fixture, "a probe that is called off goes to the next in line") {
  Endpoint& a = add(1);
  retryAfter(2);
  balancer.dialFailed(a, ECONNREFUSED);
  Caller first([&] { balancer.pick(nullptr); });
  Caller second([&] { balancer.pick(nullptr); });
  balancer.wait(first);
  balancer.wait(second);
  REQUIRE(turnUntil([&] { return first.calls == 1; }));
  turn();
  REQUIRE(second.calls == 0);
  balancer.dialCancelled(a);
  turn();
  CHECK(second.calls == 1);
  CHECK(a.probing());
}

TEST_CASE_FIXTURE(Fixture, "who finds nothing and waits again keeps its place in front") {
  Endpoint& a = add(1);
  balancer.dialFailed(a, ECONNREFUSED);
  std::vector<int> order;
  Caller first([&] {
    order.push_back(1);
    if (balancer.pick(nullptr) == nullptr) balancer.wait(first);
  });
  Caller second([&] { order.push_back(2); });
  balancer.wait(first);
  balancer.wait(second);
  // Pickable when the balancer looks, marked removed when the waiter picks.
  balancer.add(std::make_shared<EndpointShared>(address(2), 1));
  balancer.find(address(2))->shared->removed = true;
  turn();
  CHECK(order == std::vector<int>{1});
  balancer.remove(address(2));
  add(3);
  turn();
  CHECK(order == std::vector<int>{1, 1, 2});
}

TEST_CASE_FIXTURE(Fixture, "a waiter may stop or destroy others, and itself, from its callback") {
  auto doomed = std::make_unique<Caller>([] {});
  Caller stopped([] {});
  std::unique_ptr<Caller> self;
  int selfCalls = 0;
  Caller last([] {});
  self = std::make_unique<Caller>([&] {
    ++selfCalls;
    doomed.reset();
    balancer.stopWaiting(stopped);
    balancer.stopWaiting(*self);
    const std::unique_ptr<Caller> end = std::move(self);
  });
  for (Caller* one : {self.get(), doomed.get(), &stopped, &last}) balancer.wait(*one);
  add(1);
  turn();
  CHECK(selfCalls == 1);
  CHECK(stopped.calls == 0);
  CHECK(last.calls == 1);
  CHECK(balancer.waiting() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a waiter that is destroyed no longer counts") {
  {
    Caller gone([] {});
    balancer.wait(gone);
    CHECK(balancer.waiting() == 1);
  }
  CHECK(balancer.waiting() == 0);
  add(1);
  turn();
}

TEST_CASE_FIXTURE(Fixture, "a waiter that ignores a pickable endpoint does not stop the loop") {
  add(1);
  Caller stubborn([&] { balancer.wait(stubborn); });
  balancer.wait(stubborn);
  turn();
  CHECK(stubborn.calls >= 1);
  CHECK(stubborn.calls <= 3);
}

TEST_CASE("waiters outlive the balancer uncalled") {
  auto loop = EventLoop::create(PollerKind::Libuv).value();
  Random random{3};
  Caller waiter([] {});
  FakeConnection idle;
  {
    Balancer balancer(*loop, random, {});
    balancer.wait(waiter);
    Endpoint& a = balancer.add(std::make_shared<EndpointShared>(Fixture::address(1), 1));
    a.pool.put(idle, loop->nowMs());
  }
  loop->turn(0);
  CHECK(waiter.calls == 0);
  CHECK(!waiter.linked());
  CHECK(idle.evicted == 1);
}

// ---------------------------------------------------------------- endpoints

TEST_CASE_FIXTURE(Fixture,
                  "an address that is added again keeps its state and takes the new weight") {
  auto shared = std::make_shared<EndpointShared>(address(1), 1);
  Endpoint& a = balancer.add(shared);
  FakeConnection idle;
  a.pool.put(idle, loop->nowMs());
  balancer.dialFailed(a, ECONNREFUSED);
  shared->weight = 5;
  CHECK(&balancer.add(shared) == &a);
  CHECK(a.weight == 5);
  CHECK(a.inBackoff());
  CHECK(a.pool.size() == 1);
  CHECK(balancer.size() == 1);
  balancer.remove(address(1));
}

TEST_CASE_FIXTURE(Fixture, "a new life of an address replaces the old one") {
  Endpoint& old = add(1);
  FakeConnection idle;
  old.pool.put(idle, loop->nowMs());
  balancer.dialFailed(old, ECONNREFUSED);
  Endpoint& fresh = add(1);
  CHECK(idle.evicted == 1);
  CHECK(&fresh != &old);
  CHECK(fresh.ready());
  CHECK(balancer.size() == 1);
  CHECK(balancer.pick(nullptr) == &fresh);
}

TEST_CASE_FIXTURE(Fixture,
                  "a removed endpoint is evicted at once and harmless to the end of the turn") {
  Endpoint& a = add(1);
  FakeConnection idle, late;
  a.pool.put(idle, loop->nowMs());
  balancer.remove(address(1));
  CHECK(idle.evicted == 1);
  CHECK(balancer.find(address(1)) == nullptr);
  CHECK(balancer.pick(&a) == nullptr);
  a.pool.put(late, loop->nowMs());
  CHECK(late.evicted == 1);
  balancer.dialFailed(a, ECONNREFUSED);
  balancer.dialSucceeded(a);
  balancer.dialCancelled(a);
  CHECK(balancer.pick(nullptr) == nullptr);
  turn();
  balancer.remove(address(1));
}

TEST_CASE_FIXTURE(Fixture,
                  "an endpoint that is removed while in back-off is not offered to who waits") {
  Endpoint& a = add(1);
  Endpoint& b = add(2);
  retryAfter(2);
  balancer.dialFailed(a, ECONNREFUSED);
  balancer.dialFailed(b, ECONNREFUSED);
  std::vector<Endpoint*> picked;
  Caller waiter([&] { picked.push_back(balancer.pick(nullptr)); });
  balancer.wait(waiter);
  balancer.remove(address(1));
  REQUIRE(turnUntil([&] { return !picked.empty(); }));
  CHECK(picked == std::vector<Endpoint*>{&b});
  CHECK(balancer.pick(nullptr) == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "the endpoint to avoid is picked only when there is no other") {
  Endpoint& a = add(1);
  CHECK(balancer.pick(&a) == &a);
  Endpoint& b = add(2);
  for (int i = 0; i < 100; ++i) REQUIRE(balancer.pick(&a) == &b);
  balancer.dialFailed(b, ECONNREFUSED);
  CHECK(balancer.pick(&a) == &a);
}

// ---------------------------------------------------------------- settings

TEST_CASE_FIXTURE(Fixture, "a forward target stays pickable whatever its dials do") {
  settings.forward = true;
  balancer.configure(settings);
  Endpoint& a = add(1);
  for (int i = 0; i < 10; ++i) {
    balancer.dialFailed(a, ECONNREFUSED);
    REQUIRE(balancer.pick(&a) == &a);
  }
  CHECK(a.ready());
  CHECK(a.lastError == ECONNREFUSED);
}

TEST_CASE_FIXTURE(Fixture, "becoming a forward target ends a back-off and wakes who waits") {
  Endpoint& a = add(1);
  balancer.dialFailed(a, ECONNREFUSED);
  Caller waiter([&] { CHECK(balancer.pick(nullptr) == &a); });
  balancer.wait(waiter);
  settings.forward = true;
  balancer.configure(settings);
  turn();
  CHECK(waiter.calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "new settings shrink pools and cut back-offs of present endpoints") {
  Endpoint& a = add(1);
  FakeConnection one, two;
  a.pool.put(one, loop->nowMs());
  a.pool.put(two, loop->nowMs());
  balancer.dialFailed(a, ECONNREFUSED);
  Caller waiter([&] { CHECK(balancer.pick(nullptr) == &a); });
  balancer.wait(waiter);
  settings.pool = {.maxIdle = 1, .idleTimeoutMs = 5};
  settings.backoff = {.minMs = 1, .maxMs = 10, .jitter = 0};
  balancer.configure(settings);
  CHECK(one.evicted == 1);
  CHECK(two.evicted == 0);
  CHECK(turnUntil([&] { return waiter.calls == 1 && two.evicted == 1; }));
}

}  // namespace
}  // namespace mesh

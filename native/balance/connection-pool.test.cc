// Pools: order of reuse, bounds, and the ways to leave.
#include "balance/connection-pool.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace mesh {
namespace {

struct FakeConnection final : PooledConnection {
  FakeConnection() = default;
  explicit FakeConnection(std::vector<FakeConnection*>* evictions) : evictions(evictions) {}
  void onEvicted() override {
    ++evicted;
    stillLinked = linked();
    if (evictions != nullptr) evictions->push_back(this);
  }
  int evicted = 0;
  bool stillLinked = false;
  std::vector<FakeConnection*>* evictions = nullptr;
};

struct Fixture {
  std::unique_ptr<EventLoop> loop = EventLoop::create(PollerKind::Libuv).value();
  IdleQueue idle{*loop, 60'000};

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

TEST_CASE_FIXTURE(Fixture, "the most recently used connection is reused first") {
  ConnectionPool pool(10, idle);
  FakeConnection a, b, c;
  for (FakeConnection* one : {&a, &b, &c}) pool.put(*one, loop->nowMs());
  CHECK(pool.size() == 3);
  CHECK(pool.take(loop->nowMs()) == &c);
  CHECK(pool.take(loop->nowMs()) == &b);
  CHECK(!b.linked());
  CHECK(a.linked());
  CHECK(pool.take(loop->nowMs()) == &a);
  CHECK(pool.take(loop->nowMs()) == nullptr);
  CHECK(pool.size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a full pool evicts its oldest connection") {
  ConnectionPool pool(2, idle);
  FakeConnection a, b, c;
  for (FakeConnection* one : {&a, &b, &c}) pool.put(*one, loop->nowMs());
  CHECK(a.evicted == 1);
  CHECK(!a.stillLinked);
  CHECK(b.evicted + c.evicted == 0);
  CHECK(pool.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a pool that keeps nothing evicts the connection itself") {
  ConnectionPool none(0, idle);
  FakeConnection a;
  none.put(a, loop->nowMs());
  CHECK(a.evicted == 1);
  CHECK(none.size() == 0);

  IdleQueue impatient{*loop, 0};
  ConnectionPool pool(10, impatient);
  FakeConnection b;
  pool.put(b, loop->nowMs());
  CHECK(b.evicted == 1);
  CHECK(pool.size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a connection leaves by removing itself and by being destroyed") {
  ConnectionPool pool(10, idle);
  FakeConnection a, b;
  pool.put(a, loop->nowMs());
  {
    FakeConnection gone;
    pool.put(gone, loop->nowMs());
  }
  pool.put(b, loop->nowMs());
  pool.remove(b);
  CHECK(pool.size() == 1);
  CHECK(pool.take(loop->nowMs()) == &a);
  CHECK(a.evicted + b.evicted == 0);
}

TEST_CASE_FIXTURE(Fixture, "clearing and destroying a pool evict everything in it") {
  FakeConnection a, b, c;
  {
    ConnectionPool pool(10, idle);
    pool.put(a, loop->nowMs());
    pool.put(b, loop->nowMs());
    pool.clear();
    CHECK(a.evicted + b.evicted == 2);
    pool.put(c, loop->nowMs());
  }
  CHECK(c.evicted == 1);
}

TEST_CASE_FIXTURE(Fixture, "a smaller bound evicts the oldest at once") {
  ConnectionPool pool(10, idle);
  FakeConnection a, b, c;
  for (FakeConnection* one : {&a, &b, &c}) pool.put(*one, loop->nowMs());
  pool.setMaxIdle(1);
  CHECK(a.evicted + b.evicted == 2);
  CHECK(c.evicted == 0);
}

TEST_CASE_FIXTURE(Fixture, "idle connections of all pools end in order, none before its time") {
  idle.configure(20);
  std::vector<FakeConnection*> evictions;
  ConnectionPool one(10, idle);
  ConnectionPool other(10, idle);
  FakeConnection a(&evictions), b(&evictions), c(&evictions), taken(&evictions);
  one.put(a, loop->nowMs());
  one.put(taken, loop->nowMs());
  other.put(b, loop->nowMs());
  one.put(c, loop->nowMs());
  one.remove(taken);
  const uint64_t putAtMs = loop->nowMs();
  CHECK(turnUntil([&] { return evictions.size() == 3; }));
  CHECK(loop->nowMs() >= putAtMs + 20);
  CHECK(evictions == std::vector<FakeConnection*>{&a, &b, &c});
  CHECK(one.size() + other.size() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a connection put later ends later, also when the same timer ran before") {
  struct Timed final : PooledConnection {
    explicit Timed(EventLoop& loop) : loop(loop) {}
    void onEvicted() override { idledMs = loop.nowMs() - idleSinceMs; }
    EventLoop& loop;
    uint64_t idledMs = 0;
  };
  idle.configure(40);
  ConnectionPool pool(10, idle);
  Timed early(*loop), late(*loop), again(*loop);
  pool.put(again, loop->nowMs());
  pool.put(early, loop->nowMs());
  pool.remove(again);
  bool later = false;
  Timer timer([](void* flag) { *static_cast<bool*>(flag) = true; }, &later);
  loop->schedule(timer, 10);
  REQUIRE(turnUntil([&] { return later; }));
  pool.put(again, loop->nowMs());
  pool.put(late, loop->nowMs());
  REQUIRE(turnUntil([&] { return pool.size() == 0; }));
  CHECK(early.idledMs >= 40);
  CHECK(again.idledMs >= 40);
  CHECK(late.idledMs >= 40);
}

TEST_CASE_FIXTURE(Fixture, "a shorter idle time holds for connections that are idle already") {
  std::vector<FakeConnection*> evictions;
  ConnectionPool pool(10, idle);
  FakeConnection a(&evictions);
  pool.put(a, loop->nowMs());
  idle.configure(5);
  CHECK(turnUntil([&] { return evictions.size() == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "an evicted connection may take others of the pool with it") {
  struct Greedy final : PooledConnection {
    void onEvicted() override { victim.reset(); }
    std::unique_ptr<FakeConnection> victim = std::make_unique<FakeConnection>();
  };
  ConnectionPool pool(10, idle);
  Greedy greedy;
  pool.put(greedy, loop->nowMs());
  pool.put(*greedy.victim, loop->nowMs());
  pool.clear();
  CHECK(greedy.victim == nullptr);
  CHECK(pool.size() == 0);
}

// ---------------------------------------------------------------- what endpoints teach

TEST_CASE_FIXTURE(Fixture,
                  "connections older than the endpoint keeps them are evicted, not reused") {
  const uint64_t start = loop->nowMs();
  ConnectionPool pool(10, idle);
  FakeConnection closed, old, older;
  pool.put(closed, start);
  pool.learnClosed(closed, start + 2'000);
  pool.remove(closed);

  pool.put(older, start + 2'000);
  pool.put(old, start + 2'010);
  CHECK(pool.take(start + 2'010 + 1'751) == nullptr);
  CHECK(old.evicted == 1);
  CHECK(older.evicted == 1);
  CHECK(pool.size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a younger connection is reused and leaves the older ones alone") {
  const uint64_t start = loop->nowMs();
  ConnectionPool pool(10, idle);
  pool.learnIdleTimeout(2'000);
  FakeConnection young, old;
  pool.put(old, start);
  pool.put(young, start + 1'000);
  CHECK(pool.take(start + 1'900) == &young);
  CHECK(old.evicted == 0);
  CHECK(pool.take(start + 1'900) == nullptr);
  CHECK(old.evicted == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a connection found open past the age learned makes the pool forget it") {
  const uint64_t start = loop->nowMs();
  ConnectionPool pool(10, idle);
  FakeConnection closed, survivor, next;
  pool.put(closed, start);
  pool.learnClosed(closed, start + 400);
  pool.remove(closed);
  pool.put(survivor, start + 400);
  CHECK(pool.take(start + 1'400) == nullptr);
  pool.put(next, start + 1'400);
  CHECK(pool.take(start + 9'400) == &next);
}

TEST_CASE_FIXTURE(Fixture, "a connection that idles out here makes the pool forget, too") {
  idle.configure(2);
  ConnectionPool pool(10, idle);
  FakeConnection closed, survivor, next;
  const uint64_t start = loop->nowMs();
  pool.put(closed, start - 300);
  pool.learnClosed(closed, start);
  pool.remove(closed);
  pool.put(survivor, start - 1'000);
  REQUIRE(turnUntil([&] { return survivor.evicted == 1; }));
  idle.configure(60'000);
  pool.put(next, loop->nowMs());
  CHECK(pool.take(loop->nowMs() + 10'000) == &next);
}

}  // namespace
}  // namespace mesh

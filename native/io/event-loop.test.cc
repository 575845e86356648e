// Tests of the loop's turn: its order, its clock, and what may happen inside it. With every poller.
#include "io/event-loop.h"

#include <array>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;

struct AtEnd final : TurnEnd {
  explicit AtEnd(std::function<void()> a) : act(std::move(a)) {}
  void onTurnEnd() override { act(); }
  std::function<void()> act;
};

struct Dying final : Disposable {
  explicit Dying(std::function<void()> a) : act(std::move(a)) {}
  ~Dying() override { act(); }
  std::function<void()> act;
};

struct Alarm {
  explicit Alarm(std::function<void()> a)
      : act(std::move(a)), timer([](void* alarm) { static_cast<Alarm*>(alarm)->act(); }, this) {}
  std::function<void()> act;
  Timer timer;
};

TEST_CASE_TEMPLATE("tasks of another thread run on the loop, in the order posted", P,
                   MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  std::vector<int> ran;
  std::thread::id ranOn;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      loop->postFn([&, i] {
        ran.push_back(i);
        ranOn = std::this_thread::get_id();
      });
    }
    loop->postFn([&] { loop->stop(); });
  });
  loop->run();
  other.join();
  CHECK(ranOn == std::this_thread::get_id());
  REQUIRE(ran.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(ran[i] == i);
}

TEST_CASE_TEMPLATE("no task of several threads is lost while the loop sleeps and wakes", P,
                   MESH_POLLERS) {
  constexpr int POSTERS = 3;
  constexpr int TASKS = 3'000;
  auto loop = makeLoop(P::KIND);
  int left = POSTERS * TASKS;
  std::vector<std::thread> posters;
  for (int p = 0; p < POSTERS; ++p) {
    posters.emplace_back([&] {
      for (int i = 0; i < TASKS; ++i) {
        loop->postFn([&] {
          if (--left == 0) loop->stop();
        });
        // Lets the loop go back to sleep now and then.
        if (i % 64 == 0) std::this_thread::yield();
      }
    });
  }
  loop->run();
  for (std::thread& poster : posters) poster.join();
  CHECK(left == 0);
}

TEST_CASE_TEMPLATE("a task posted by a task runs without another event", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  bool ran = false;
  loop->postFn([&] { loop->postFn([&] { ran = true; }); });
  CHECK(turnUntil(*loop, [&] { return ran; }));
}

TEST_CASE_TEMPLATE("tasks that never ran are destroyed with the loop", P, MESH_POLLERS) {
  auto token = std::make_shared<int>(0);
  auto loop = makeLoop(P::KIND);
  loop->postFn([token] { *token = 1; });
  CHECK(token.use_count() == 2);
  loop.reset();
  CHECK(token.use_count() == 1);
  CHECK(*token == 0);
}

TEST_CASE_TEMPLATE("a loop stopped before it runs makes no turn", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  int turns = 0;
  AtEnd end([&] { ++turns; });
  loop->atTurnEnd(end);
  loop->stop();
  loop->run();
  CHECK(turns == 0);
}

TEST_CASE_TEMPLATE("another thread stops a loop that waits", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  // Ends the test with a failure instead of never.
  bool tooLate = false;
  Alarm patience([&] {
    tooLate = true;
    loop->stop();
  });
  loop->schedule(patience.timer, PATIENCE_MS);
  std::thread other([&] { loop->stop(); });
  loop->run();
  other.join();
  CHECK_FALSE(tooLate);
}

TEST_CASE_TEMPLATE("a turn goes: handler, task, timer, work at its end, destruction", P,
                   MESH_POLLERS) {
  struct Reader final : IoHandler {
    explicit Reader(std::string& o) : order(o) {}
    void onIo(uint32_t fresh) override {
      if (fresh & kReadable) order += "handler ";
    }
    std::string& order;
  };
  auto loop = makeLoop(P::KIND);
  std::string order;
  Pair pair;
  Reader reader(order);
  Watch watch;
  watch.fd = pair.near.get();
  watch.handler = &reader;
  REQUIRE(loop->add(watch).ok());
  REQUIRE(turnUntil(*loop, [&] { return watch.writable(); }));

  AtEnd end([&] { order += "end "; });
  Alarm alarm([&] { order += "timer "; });
  loop->schedule(alarm.timer, 1);
  loop->destroyLater(std::make_unique<Dying>([&] { order += "destroyed "; }));
  loop->atTurnEnd(end);
  loop->postFn([&] { order += "task "; });
  writeSome(pair.far.get(), "x");
  // The timer is due at the turn's own clock, and the bytes have arrived: all in one turn.
  uint64_t due = loop->nowNs() + 3'000'000;
  while (monotonicNs() < due) std::this_thread::yield();
  loop->turn(-1);
  CHECK(order == "handler task timer end destroyed ");
  loop->remove(watch);
}

TEST_CASE_TEMPLATE("work at the end of a turn runs once, in the order asked for", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  std::string order;
  AtEnd a([&] { order += 'a'; }), b([&] { order += 'b'; });
  loop->postFn([&] {
    loop->atTurnEnd(b);
    loop->atTurnEnd(a);
    loop->atTurnEnd(b);
  });
  CHECK(turnUntil(*loop, [&] { return !order.empty(); }));
  loop->turn(0);
  CHECK(order == "ba");
}

TEST_CASE_TEMPLATE("work asked for at the end of a turn belongs to the next, which does not wait",
                   P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  int runs = 0;
  std::unique_ptr<AtEnd> again;
  again = std::make_unique<AtEnd>([&] {
    if (++runs < 3) loop->atTurnEnd(*again);
  });
  loop->atTurnEnd(*again);
  for (int turn = 1; turn <= 3; ++turn) {
    loop->turn(-1);
    CHECK(runs == turn);
  }
}

TEST_CASE_TEMPLATE("work that was destroyed before the end of the turn does not run", P,
                   MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  int runs = 0;
  auto victim = std::make_unique<AtEnd>([&] { ++runs; });
  AtEnd killer([&] { victim.reset(); });
  loop->atTurnEnd(killer);
  loop->atTurnEnd(*victim);
  loop->turn(-1);
  loop->turn(0);
  CHECK(runs == 0);
}

TEST_CASE_TEMPLATE("a doomed object lives until the end of the turn, and may doom another", P,
                   MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  std::string order;
  AtEnd end([&] { order += "end "; });
  loop->postFn([&] {
    loop->destroyLater(std::make_unique<Dying>([&] {
      order += "first ";
      loop->destroyLater(std::make_unique<Dying>([&] { order += "second"; }));
    }));
    loop->atTurnEnd(end);
    order += "task ";
  });
  CHECK(turnUntil(*loop, [&] { return !order.empty(); }));
  CHECK(order == "task end first second");
}

TEST_CASE_TEMPLATE("doomed objects are destroyed with the loop", P, MESH_POLLERS) {
  int destroyed = 0;
  auto loop = makeLoop(P::KIND);
  EventLoop& alive = *loop;
  loop->destroyLater(std::make_unique<Dying>([&] {
    ++destroyed;
    alive.destroyLater(std::make_unique<Dying>([&] { ++destroyed; }));
  }));
  loop.reset();
  CHECK(destroyed == 2);
}

TEST_CASE_TEMPLATE("a handler may destroy another connection whose event is already fetched", P,
                   MESH_POLLERS) {
  struct Connection final : IoHandler, Disposable {
    Connection(EventLoop& l, UniqueFd f) : loop(l), fd(std::move(f)) {
      watch.fd = fd.get();
      watch.handler = this;
      REQUIRE(loop.add(watch).ok());
    }
    ~Connection() override { loop.remove(watch); }
    void onIo(uint32_t fresh) override {
      if (fresh & kReadable) onReadable();
    }
    EventLoop& loop;
    UniqueFd fd;
    Watch watch;
    std::function<void()> onReadable;
  };
  auto loop = makeLoop(P::KIND);
  std::array<Pair, 2> pairs;
  std::array<std::unique_ptr<Connection>, 2> connections;
  int calls = 0;
  for (int i : {0, 1}) {
    connections[i] = std::make_unique<Connection>(*loop, std::move(pairs[i].near));
    connections[i]->onReadable = [&, i] {
      ++calls;
      loop->remove(connections[1 - i]->watch);
      REQUIRE(loop->add(connections[1 - i]->watch).ok());
      loop->destroyLater(std::move(connections[1 - i]));
    };
  }
  REQUIRE(turnUntil(
      *loop, [&] { return connections[0]->watch.writable() && connections[1]->watch.writable(); }));
  for (Pair& pair : pairs) writeSome(pair.far.get(), "x");
  CHECK(turnUntil(*loop, [&] { return calls > 0; }));
  loop->turn(0);
  CHECK(calls == 1);
}

TEST_CASE_TEMPLATE("a timer does not fire before its delay is over", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  // Begins at many points within a millisecond, and looks at the clock without a pause.
  for (int round = 0; round < 40; ++round) {
    loop->turn(0);
    uint64_t begun = loop->nowNs();
    uint64_t firedNs = 0;
    Alarm alarm([&] { firedNs = loop->nowNs(); });
    loop->schedule(alarm.timer, 1);
    while (firedNs == 0 && monotonicNs() < begun + PATIENCE_MS * 1'000'000) loop->turn(0);
    CHECK(firedNs >= begun + 1'000'000);
  }
}

TEST_CASE_TEMPLATE("the loop wakes for a timer by itself", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  bool fired = false;
  Alarm alarm([&] { fired = true; });
  loop->schedule(alarm.timer, 20);
  uint64_t begun = monotonicNs();
  while (!fired) loop->turn(PATIENCE_MS);
  CHECK(monotonicNs() - begun < PATIENCE_MS * 1'000'000);
}

TEST_CASE_TEMPLATE("timers fire in order, and a cancelled one not at all", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  std::string order;
  Alarm third([&] { order += '3'; });
  Alarm victim([&] { order += 'v'; });
  Alarm second([&] { order += '2'; });
  Alarm first([&] {
    order += '1';
    loop->cancel(victim.timer);
  });
  loop->schedule(third.timer, 12);
  loop->schedule(victim.timer, 9);
  loop->schedule(second.timer, 6);
  loop->schedule(first.timer, 3);
  CHECK(turnUntil(*loop, [&] { return order.size() == 3; }));
  CHECK(order == "123");
}

TEST_CASE_TEMPLATE("the loop sleeps while a timer is far away", P, MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  Alarm far([] {});
  loop->schedule(far.timer, 3'600'000);
  Alarm done([&] { loop->stop(); });
  loop->schedule(done.timer, 150);
  int turns = 0;
  bool stopped = false;
  done.act = [&] { stopped = true; };
  for (; !stopped && turns < 1'000; ++turns) loop->turn(-1);
  CHECK(stopped);
  CHECK(turns <= 10);
}

TEST_CASE_TEMPLATE("the clock stands still during a turn and moves on with the next", P,
                   MESH_POLLERS) {
  auto loop = makeLoop(P::KIND);
  uint64_t inTask = 0;
  uint64_t atEnd = 0;
  AtEnd end([&] { atEnd = loop->nowNs(); });
  loop->postFn([&] {
    inTask = loop->nowNs();
    uint64_t later = monotonicNs() + 2'000'000;
    while (monotonicNs() < later) std::this_thread::yield();
    loop->atTurnEnd(end);
  });
  CHECK(turnUntil(*loop, [&] { return atEnd != 0; }));
  CHECK(atEnd == inTask);
  CHECK(loop->nowMs() == loop->nowNs() / 1'000'000);
  loop->turn(0);
  CHECK(loop->nowNs() >= inTask + 2'000'000);
}

}  // namespace
}  // namespace mesh

// One suite for every poller: the meaning of the bits must not depend on which one runs.
#include "io/poller.h"

#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;

// A watch with its descriptor, which remembers what it was told.
struct Watched final : IoHandler {
  Watched(Poller& p, UniqueFd f) : poller(p), fd(std::move(f)) {
    watch.fd = fd.get();
    watch.handler = this;
    Status<> added = poller.add(watch);
    REQUIRE(added.ok());
  }
  ~Watched() {
    if (watch.added()) poller.remove(watch);
  }
  void onIo(uint32_t fresh) override {
    calls.push_back(fresh);
    if (act) act();
  }
  uint32_t seen() const {
    uint32_t bits = 0;
    for (uint32_t call : calls) bits |= call;
    return bits;
  }
  // Reads everything and says so, as an owner does.
  std::string drain() {
    std::string bytes = readAll(fd.get());
    poller.consume(watch, kReadable);
    return bytes;
  }

  Poller& poller;
  UniqueFd fd;
  Watch watch;
  std::vector<uint32_t> calls;
  std::function<void()> act;
};

template <typename Done>
bool waitUntil(Poller& poller, Done&& done) {
  uint64_t deadline = monotonicNs() + PATIENCE_MS * 1'000'000;
  while (!done()) {
    if (monotonicNs() >= deadline) return false;
    waitOnce(poller, 1'000);
  }
  return true;
}

// Everything that had happened before this returns has been delivered: an event that comes later
// has arrived.
void settle(Poller& poller) {
  Pair pair;
  Watched fence(poller, std::move(pair.near));
  REQUIRE(waitUntil(poller, [&] { return fence.watch.writable(); }));
  REQUIRE(writeSome(pair.far.get(), "x").bytes == 1);
  REQUIRE(waitUntil(poller, [&] { return fence.watch.readable(); }));
}

// A connected socket whose writability has been told already.
struct Connected {
  explicit Connected(Poller& poller) : Connected(poller, Pair()) {}
  Connected(Poller& poller, Pair pair)
      : far(std::move(pair.far)), near(std::make_unique<Watched>(poller, std::move(pair.near))) {
    REQUIRE(waitUntil(poller, [&] { return near->watch.writable(); }));
    near->calls.clear();
  }
  UniqueFd far;
  std::unique_ptr<Watched> near;
};

TEST_CASE_TEMPLATE("a fresh connection is writable and nothing else", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Pair pair;
  Watched near(*poller, std::move(pair.near));
  CHECK(waitUntil(*poller, [&] { return !near.calls.empty(); }));
  CHECK(near.calls == std::vector<uint32_t>{kWritable});
  CHECK(near.watch.ready == kWritable);
}

TEST_CASE_TEMPLATE("arriving bytes are told once, however many follow", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  writeSome(c.far.get(), "one");
  CHECK(waitUntil(*poller, [&] { return c.near->watch.readable(); }));
  writeSome(c.far.get(), "two");
  settle(*poller);
  CHECK(c.near->calls == std::vector<uint32_t>{kReadable});
  CHECK(c.near->drain() == "onetwo");
}

TEST_CASE_TEMPLATE("after a bit was consumed its next event is told again", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  for (int round = 1; round <= 3; ++round) {
    writeSome(c.far.get(), "ping");
    CHECK(waitUntil(*poller, [&] { return c.near->watch.readable(); }));
    CHECK(c.near->drain() == "ping");
    CHECK_FALSE(c.near->watch.readable());
    CHECK(c.near->calls == std::vector<uint32_t>(round, kReadable));
  }
  settle(*poller);
  CHECK(c.near->calls.size() == 3);
}

TEST_CASE_TEMPLATE(
    "bytes that arrive before the bit is consumed are not forgotten when it is "
    "consumed in the handler",
    P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  std::string received;
  c.near->act = [&] {
    received += c.near->drain();
    // Arrives after the last read and belongs to the next event.
    if (received == "first") writeSome(c.far.get(), "second");
  };
  writeSome(c.far.get(), "first");
  CHECK(waitUntil(*poller, [&] { return received == "firstsecond"; }));
}

TEST_CASE_TEMPLATE("a full socket tells when it takes bytes again", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  size_t written = fillUp(c.near->fd.get());
  CHECK(written > 0);
  poller->consume(c.near->watch, kWritable);
  settle(*poller);
  CHECK(c.near->calls.empty());
  CHECK(waitUntil(*poller, [&] {
    readAll(c.far.get());
    return c.near->watch.writable();
  }));
  CHECK(c.near->calls == std::vector<uint32_t>{kWritable});
}

TEST_CASE_TEMPLATE("a FIN is told as such, and as something to read", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  writeSome(c.far.get(), "last");
  shutdownWrite(c.far.get());
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kPeerClosed) != 0; }));
  CHECK(c.near->watch.ready == (kReadable | kWritable | kPeerClosed));
  CHECK(readAll(c.near->fd.get()) == "last");
}

TEST_CASE_TEMPLATE("a FIN is told even while unread bytes wait", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  writeSome(c.far.get(), "unread");
  CHECK(waitUntil(*poller, [&] { return c.near->watch.readable(); }));
  shutdownWrite(c.far.get());
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kPeerClosed) != 0; }));
  CHECK(c.near->calls == std::vector<uint32_t>{kReadable, kPeerClosed});
}

TEST_CASE_TEMPLATE("a reset is told as a failure that reading explains", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  resetOnClose(c.far.get());
  c.far.reset();
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kFailed) != 0; }));
  CHECK(c.near->watch.readable());
  CHECK(c.near->watch.writable());
  char byte = 0;
  IoCount count = readSome(c.near->fd.get(), &byte, 1);
  CHECK(count.bytes == -1);
  CHECK(count.error == ECONNRESET);
}

TEST_CASE_TEMPLATE("a reset is told while nothing else is awaited", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  writeSome(c.far.get(), "unread");
  shutdownWrite(c.far.get());
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kPeerClosed) != 0; }));
  settle(*poller);
  c.near->calls.clear();
  resetOnClose(c.far.get());
  c.far.reset();
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kFailed) != 0; }));
  CHECK(c.near->calls == std::vector<uint32_t>{kFailed});
}

TEST_CASE_TEMPLATE("a connection closed in both directions has hung up", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  shutdownWrite(c.near->fd.get());
  shutdownWrite(c.far.get());
  uint32_t all = kReadable | kWritable | kPeerClosed | kFailed;
  CHECK(waitUntil(*poller, [&] { return c.near->watch.ready == all; }));
  char byte = 0;
  CHECK(readSome(c.near->fd.get(), &byte, 1).bytes == 0);
}

TEST_CASE_TEMPLATE("a connection hangs up even while it waits to write", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  shutdownWrite(c.far.get());
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kPeerClosed) != 0; }));
  CHECK(fillUp(c.near->fd.get()) > 0);
  poller->consume(c.near->watch, kWritable);
  settle(*poller);
  shutdownWrite(c.near->fd.get());
  CHECK(waitUntil(*poller, [&] { return c.near->watch.writable(); }));
  CHECK(c.near->calls.back() == (kWritable | kFailed));
}

TEST_CASE_TEMPLATE("nothing more is told of a failed connection", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  resetOnClose(c.far.get());
  c.far.reset();
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kFailed) != 0; }));
  c.near->calls.clear();
  poller->consume(c.near->watch, kReadable | kWritable);
  settle(*poller);
  CHECK(c.near->calls.empty());
}

TEST_CASE_TEMPLATE("an accepted attempt to connect becomes writable", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Server server;
  Watched dialling(*poller, dial(server.address));
  CHECK(waitUntil(*poller, [&] { return !dialling.calls.empty(); }));
  CHECK(dialling.seen() == kWritable);
  CHECK(finishConnect(dialling.fd.get()).ok());
}

TEST_CASE_TEMPLATE("a refused attempt to connect fails with its reason", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  SocketAddress nobody = Server().address;
  Watched dialling(*poller, dial(nobody));
  CHECK(waitUntil(*poller, [&] { return !dialling.calls.empty(); }));
  CHECK((dialling.seen() & kFailed) != 0);
  Status<> finished = finishConnect(dialling.fd.get());
  REQUIRE_FALSE(finished.ok());
  CHECK(finished.error().code == ECONNREFUSED);
}

TEST_CASE_TEMPLATE("a waiting connection makes a listening socket readable", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Server server;
  Watched listening(*poller, std::move(server.fd));
  UniqueFd client = dial(server.address);
  CHECK(waitUntil(*poller, [&] { return !listening.calls.empty(); }));
  CHECK(listening.calls == std::vector<uint32_t>{kReadable});
}

TEST_CASE_TEMPLATE("a watch removed in the handler of another is not called in the same turn", P,
                   MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected first(*poller);
  Connected second(*poller);
  // Each would remove, close and free the other; the event of both is fetched at once.
  first.near->act = [&] { second.near.reset(); };
  second.near->act = [&] { first.near.reset(); };
  writeSome(first.far.get(), "x");
  writeSome(second.far.get(), "x");
  CHECK(waitUntil(*poller, [&] { return first.near == nullptr || second.near == nullptr; }));
  settle(*poller);
  REQUIRE((first.near == nullptr) != (second.near == nullptr));
  Watched& left = first.near ? *first.near : *second.near;
  CHECK(left.calls == std::vector<uint32_t>{kReadable});
}

TEST_CASE_TEMPLATE("a watch may be removed in its own handler", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  int calls = 0;
  c.near->act = [&] {
    ++calls;
    poller->remove(c.near->watch);
  };
  writeSome(c.far.get(), "x");
  CHECK(waitUntil(*poller, [&] { return calls == 1; }));
  CHECK_FALSE(c.near->watch.added());
  writeSome(c.far.get(), "y");
  settle(*poller);
  CHECK(calls == 1);
}

TEST_CASE_TEMPLATE("a descriptor number used again has only its own events", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected old(*poller);
  Pair fresh;
  std::unique_ptr<Watched> again;
  int number = old.near->fd.get();
  old.near->act = [&] {
    poller->remove(old.near->watch);
    old.near->fd.reset();
    UniqueFd same(::dup2(fresh.near.get(), number));
    again = std::make_unique<Watched>(*poller, std::move(same));
  };
  writeSome(old.far.get(), "for the old one");
  CHECK(waitUntil(*poller, [&] { return again != nullptr && again->watch.writable(); }));
  settle(*poller);
  CHECK(again->seen() == kWritable);
  writeSome(fresh.far.get(), "new");
  CHECK(waitUntil(*poller, [&] { return again->watch.readable(); }));
  CHECK(again->drain() == "new");
}

TEST_CASE_TEMPLATE("a watch can be removed and added again", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  poller->remove(c.near->watch);
  writeSome(c.far.get(), "meanwhile");
  settle(*poller);
  CHECK(c.near->calls.empty());
  REQUIRE(poller->add(c.near->watch).ok());
  CHECK(waitUntil(*poller, [&] { return c.near->watch.readable(); }));
  CHECK(c.near->drain() == "meanwhile");
}

TEST_CASE_TEMPLATE("more descriptors than one fetch holds are all told", P, MESH_POLLERS) {
  constexpr int COUNT = 300;
  auto poller = makePoller(P::KIND);
  std::vector<UniqueFd> others;
  std::vector<std::unique_ptr<Watched>> watched;
  for (int i = 0; i < COUNT; ++i) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    others.emplace_back(ends[0]);
    watched.push_back(std::make_unique<Watched>(*poller, UniqueFd(ends[1])));
    REQUIRE(::send(ends[0], "x", 1, 0) == 1);
  }
  CHECK(waitUntil(*poller, [&] {
    return std::all_of(watched.begin(), watched.end(), [](auto& w) { return w->watch.readable(); });
  }));
  for (auto& w : watched) CHECK(w->seen() == (kReadable | kWritable));
}

TEST_CASE_TEMPLATE("the clock can be read between waiting and the handlers, once", P,
                   MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected first(*poller);
  Connected second(*poller);
  std::string order;
  first.near->act = second.near->act = [&] { order += 'h'; };
  writeSome(first.far.get(), "x");
  writeSome(second.far.get(), "x");
  while (std::count(order.begin(), order.end(), 'h') < 2) {
    order += '|';
    poller->wait(
        1'000, [](void* context) { *static_cast<std::string*>(context) += 'c'; }, &order);
  }
  // Both events may have needed a wait each.
  CHECK((order == "|chh" || order == "|ch|ch"));
}

TEST_CASE_TEMPLATE("urgent data that nobody reads does not keep the poller busy", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  Connected c(*poller);
  writeSome(c.far.get(), "unread");
  REQUIRE(::send(c.far.get(), "!", 1, MSG_OOB) == 1);
  shutdownWrite(c.far.get());
  CHECK(waitUntil(*poller, [&] { return (c.near->watch.ready & kPeerClosed) != 0; }));
  settle(*poller);
  int waits = 0;
  for (uint64_t end = monotonicNs() + 100'000'000; monotonicNs() < end; ++waits) {
    waitOnce(*poller, 50);
  }
  CHECK(waits <= 6);
}

TEST_CASE_TEMPLATE("a descriptor that is not open cannot be watched", P, MESH_POLLERS) {
  struct Nobody final : IoHandler {
    void onIo(uint32_t) override {}
  };
  auto poller = makePoller(P::KIND);
  Nobody handler;
  Watch watch;
  watch.fd = 1'000'000;
  watch.handler = &handler;
  Status<> added = poller->add(watch);
  REQUIRE_FALSE(added.ok());
  CHECK(added.error().code == EBADF);
  CHECK_FALSE(watch.added());
}

}  // namespace
}  // namespace mesh

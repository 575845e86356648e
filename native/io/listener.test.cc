// Tests of accepting: batches, pauses, and running out of descriptors. With every poller.
#include "io/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <functional>
#include <string>
#include <vector>

#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;

struct Acceptor final : AcceptHandler {
  void onAccept(UniqueFd fd, const SocketAddress& peer) override {
    connections.push_back(std::move(fd));
    peers.push_back(peer);
    if (act) act();
  }
  void onAcceptError(int error) override { errors.push_back(error); }

  std::vector<UniqueFd> connections;
  std::vector<SocketAddress> peers;
  std::vector<int> errors;
  std::function<void()> act;
};

// A listener with its loop, and clients that wait for it.
struct Fixture {
  explicit Fixture(PollerKind kind, int batch = 8) : loop(makeLoop(kind)) {
    Server server;
    address = server.address;
    listener = std::move(Listener::open(*loop, std::move(server.fd), acceptor, batch)).value();
  }
  void dialMany(int count) {
    for (int i = 0; i < count; ++i) clients.push_back(dial(address));
  }

  std::unique_ptr<EventLoop> loop;
  SocketAddress address;
  Acceptor acceptor;
  std::unique_ptr<Listener> listener;
  std::vector<UniqueFd> clients;
};

// Lowers the limit of descriptors and takes it back.
class DescriptorLimit {
 public:
  DescriptorLimit() { REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0); }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  void lowerTo(rlim_t limit) {
    rlimit lowered = before_;
    lowered.rlim_cur = limit;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &lowered) == 0);
  }

 private:
  rlimit before_{};
};

// Takes every descriptor that is left.
std::vector<UniqueFd> takeAllDescriptors() {
  std::vector<UniqueFd> taken;
  for (;;) {
    UniqueFd fd(::open("/", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return taken;
    taken.push_back(std::move(fd));
  }
}

// True when the peer has closed or reset the connection within the time a test waits.
bool seesClose(int fd) {
  pollfd asked{fd, POLLIN, 0};
  if (::poll(&asked, 1, PATIENCE_MS) != 1) return false;
  char byte = 0;
  IoCount count = readSome(fd, &byte, 1);
  return count.bytes == 0 || (count.bytes < 0 && !count.blocked());
}

TEST_CASE_TEMPLATE("a client is accepted with its address", P, MESH_POLLERS) {
  Fixture f(P::KIND);
  f.dialMany(1);
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 1; }));
  CHECK(f.acceptor.peers.front() == localAddress(f.clients.front().get()));
  CHECK(f.listener->address() == f.address);
  CHECK(f.acceptor.errors.empty());
}

TEST_CASE_TEMPLATE("clients are accepted as they come", P, MESH_POLLERS) {
  Fixture f(P::KIND);
  for (size_t i = 1; i <= 5; ++i) {
    f.dialMany(1);
    CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == i; }));
  }
}

TEST_CASE_TEMPLATE("a crowd is accepted in batches, without waiting and without a new event", P,
                   MESH_POLLERS) {
  Fixture f(P::KIND, 2);
  f.dialMany(21);
  size_t before = 0;
  size_t most = 0;
  uint64_t begun = monotonicNs();
  // Far more turns than needed, and none of them may block: nothing new arrives.
  for (int turn = 0; turn < 100 && f.acceptor.connections.size() < 21; ++turn) {
    f.loop->turn(5'000);
    most = std::max(most, f.acceptor.connections.size() - before);
    before = f.acceptor.connections.size();
  }
  CHECK(f.acceptor.connections.size() == 21);
  CHECK(monotonicNs() - begun < 4'000'000'000);
  // One batch for the event and one at the end of its turn.
  CHECK(most <= 4);
}

TEST_CASE_TEMPLATE("other descriptors get their turn between batches", P, MESH_POLLERS) {
  struct Other final : IoHandler {
    void onIo(uint32_t fresh) override {
      if (fresh & kReadable) readableAt = acceptor->connections.size();
    }
    Acceptor* acceptor = nullptr;
    size_t readableAt = 0;
  };
  Fixture f(P::KIND, 1);
  Pair pair;
  Other other;
  other.acceptor = &f.acceptor;
  Watch watch;
  watch.fd = pair.near.get();
  watch.handler = &other;
  REQUIRE(f.loop->add(watch).ok());
  REQUIRE(turnUntil(*f.loop, [&] { return watch.writable(); }));
  // The other descriptor becomes readable once accepting has begun.
  f.acceptor.act = [&] {
    if (f.acceptor.connections.size() == 1) writeSome(pair.far.get(), "x");
  };
  f.dialMany(30);
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 30; }));
  CHECK(other.readableAt > 0);
  CHECK(other.readableAt < 10);
  f.loop->remove(watch);
}

TEST_CASE_TEMPLATE("clients of a paused listener wait until it goes on", P, MESH_POLLERS) {
  Fixture f(P::KIND);
  f.listener->pause();
  f.dialMany(3);
  for (int i = 0; i < 5; ++i) f.loop->turn(5);
  CHECK(f.acceptor.connections.empty());
  CHECK_FALSE(isStale(f.clients.front().get()));
  f.listener->resume();
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 3; }));
}

TEST_CASE_TEMPLATE("a listener paused while it accepts stops there", P, MESH_POLLERS) {
  Fixture f(P::KIND);
  f.acceptor.act = [&] { f.listener->pause(); };
  f.dialMany(3);
  CHECK(turnUntil(*f.loop, [&] { return !f.acceptor.connections.empty(); }));
  for (int i = 0; i < 5; ++i) f.loop->turn(5);
  CHECK(f.acceptor.connections.size() == 1);
  f.acceptor.act = nullptr;
  f.listener->resume();
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 3; }));
}

TEST_CASE_TEMPLATE("a closed listener refuses", P, MESH_POLLERS) {
  Fixture f(P::KIND);
  f.dialMany(1);
  f.listener.reset();
  f.loop->turn(0);
  CHECK(f.acceptor.connections.empty());
  UniqueFd late = dial(f.address);
  pollfd asked{late.get(), POLLOUT, 0};
  REQUIRE(::poll(&asked, 1, PATIENCE_MS) == 1);
  CHECK_FALSE(finishConnect(late.get()).ok());
}

TEST_CASE_TEMPLATE(
    "without descriptors clients are closed and counted, and accepting goes on "
    "afterwards",
    P, MESH_POLLERS) {
  Fixture f(P::KIND, 2);
  f.loop->turn(0);
  f.dialMany(5);
  {
    DescriptorLimit limit;
    limit.lowerTo(256);
    std::vector<UniqueFd> taken = takeAllDescriptors();
    REQUIRE_FALSE(taken.empty());
    CHECK(turnUntil(*f.loop, [&] { return f.acceptor.errors.size() == 5; }));
    for (UniqueFd& client : f.clients) CHECK(seesClose(client.get()));
    // With nobody waiting there is nobody to turn away.
    for (int i = 0; i < 5; ++i) f.loop->turn(5);
    CHECK(f.acceptor.errors == std::vector<int>(5, EMFILE));
    CHECK(f.acceptor.connections.empty());

    // Still out of descriptors for the next ones.
    f.clients.clear();
    UniqueFd client = std::move(taken.back());
    taken.pop_back();
    client.reset();
    for (size_t refused = 6; refused <= 8; ++refused) {
      client = dial(f.address);
      std::vector<UniqueFd> rest = takeAllDescriptors();
      CHECK(turnUntil(*f.loop, [&] { return f.acceptor.errors.size() == refused; }));
      CHECK(seesClose(client.get()));
      client.reset();
    }
  }
  f.dialMany(3);
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 3; }));
  CHECK(f.acceptor.errors.size() == 8);
}

TEST_CASE_TEMPLATE("when even the reserve is lost, clients wait and are accepted later", P,
                   MESH_POLLERS) {
  Fixture f(P::KIND);
  f.loop->turn(0);
  f.dialMany(2);
  {
    // Below every descriptor in use: what the reserve gives up cannot be taken again, as if
    // another thread had been quicker.
    for (int standard : {0, 1, 2}) REQUIRE(::fcntl(standard, F_GETFD) >= 0);
    DescriptorLimit limit;
    limit.lowerTo(3);
    CHECK(turnUntil(*f.loop, [&] { return !f.acceptor.errors.empty(); }));
    CHECK(f.acceptor.errors.front() == EMFILE);
    CHECK(f.acceptor.connections.empty());
    CHECK_FALSE(isStale(f.clients.front().get()));
  }
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.connections.size() == 2; }));

  // The reserve is back as well.
  f.clients.clear();
  f.dialMany(1);
  f.acceptor.errors.clear();
  DescriptorLimit limit;
  limit.lowerTo(256);
  std::vector<UniqueFd> taken = takeAllDescriptors();
  CHECK(turnUntil(*f.loop, [&] { return !f.acceptor.errors.empty(); }));
  CHECK(seesClose(f.clients.front().get()));
}

TEST_CASE_TEMPLATE("a listening socket that is broken is reported without keeping the loop busy", P,
                   MESH_POLLERS) {
  Fixture f(P::KIND);
  // Makes accept fail with EINVAL for ever, and the descriptor ready.
  ::shutdown(f.listener->fd(), SHUT_RDWR);
  CHECK(turnUntil(*f.loop, [&] { return f.acceptor.errors.size() == 2; }));
  int turns = 0;
  for (uint64_t end = monotonicNs() + 120'000'000; monotonicNs() < end; ++turns) f.loop->turn(40);
  CHECK(turns <= 12);
}

}  // namespace
}  // namespace mesh

// Tests of the socket calls, over real connections on loopback.
#include "io/socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <climits>
#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;

int optionOf(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &length) == 0);
  return value;
}

bool waitFor(int fd, short events) {
  pollfd asked{fd, events, 0};
  return ::poll(&asked, 1, PATIENCE_MS) == 1;
}

bool isPrepared(int fd) {
  return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

TEST_CASE("a port somebody listens on is not free, though it could be shared") {
  Result<UniqueFd> first = listenTcp(SocketAddress::v4(INADDR_LOOPBACK, 0), 1);
  REQUIRE(first.ok());
  const SocketAddress taken = localAddress(first.value().get());
  Status<> free = checkPortFree(taken);
  REQUIRE_FALSE(free.ok());
  CHECK(free.error().code == EADDRINUSE);
  CHECK(listenTcp(taken, 1).ok());
  CHECK(checkPortFree(taken.withPort(0)).ok());
}

TEST_CASE("every descriptor is non-blocking and closed on exec") {
  Server server;
  UniqueFd near = dial(server.address);
  UniqueFd far = acceptFrom(server);
  CHECK(isPrepared(server.fd.get()));
  CHECK(isPrepared(near.get()));
  CHECK(isPrepared(far.get()));
}

TEST_CASE("both ends agree on their addresses, over IPv4 and IPv6") {
  for (const SocketAddress& on : {loopback(), loopback6()}) {
    CAPTURE(on.toString());
    Server server(on);
    UniqueFd near = dial(server.address);
    SocketAddress peer;
    REQUIRE(waitFor(server.fd.get(), POLLIN));
    UniqueFd far = std::move(acceptTcp(server.fd.get(), peer)).value();
    CHECK(peer == localAddress(near.get()));
    CHECK(peer == peerAddress(far.get()));
    CHECK(peerAddress(near.get()) == server.address);
    CHECK(localAddress(far.get()) == server.address);
  }
}

TEST_CASE("several workers listen on one port, and every connection reaches one of them") {
  Server first;
  UniqueFd second = std::move(listenTcp(first.address, 128)).value();
  std::vector<UniqueFd> clients;
  constexpr int CLIENTS = 64;
  for (int i = 0; i < CLIENTS; ++i) clients.push_back(dial(first.address));
  int accepted = 0;
  SocketAddress peer;
  for (int listener : {first.fd.get(), second.get()}) {
    while (acceptTcp(listener, peer).ok()) ++accepted;
  }
  CHECK(accepted == CLIENTS);
}

TEST_CASE("the wildcard address of IPv6 leaves IPv4 connections to others") {
  UniqueFd six = std::move(listenTcp(SocketAddress::v6({}, 0), 16)).value();
  uint16_t port = localAddress(six.get()).port();
  UniqueFd four = dial(loopback().withPort(port));
  REQUIRE(waitFor(four.get(), POLLOUT));
  CHECK_FALSE(finishConnect(four.get()).ok());
  CHECK(listenTcp(SocketAddress::v4(0, port), 16).ok());
}

TEST_CASE("an address that belongs to someone else is refused with its reason") {
  Result<UniqueFd> elsewhere = listenTcp(*SocketAddress::parse("192.0.2.1:0"), 16);
  REQUIRE_FALSE(elsewhere.ok());
  CHECK(elsewhere.error().code == EADDRNOTAVAIL);
}

TEST_CASE("accepting with nobody waiting would block") {
  Server server;
  SocketAddress peer;
  Result<UniqueFd> accepted = acceptTcp(server.fd.get(), peer);
  REQUIRE_FALSE(accepted.ok());
  CHECK(accepted.error().code == EAGAIN);
}

TEST_CASE("options reach the kernel") {
  TcpOptions options;
  options.keepaliveMs = 10'001;
  options.userTimeoutMs = 30'000;
  UniqueFd fd = std::move(openTcp(loopback(), SocketAddress(), options)).value();
  CHECK(optionOf(fd.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(optionOf(fd.get(), SOL_SOCKET, SO_KEEPALIVE) != 0);
#ifdef __linux__
  CHECK(optionOf(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 11);
  CHECK(optionOf(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000);
#endif
}

TEST_CASE("options that are off are left alone") {
  UniqueFd fd = std::move(openTcp(loopback(), SocketAddress(), TcpOptions())).value();
  CHECK(optionOf(fd.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(optionOf(fd.get(), SOL_SOCKET, SO_KEEPALIVE) == 0);
}

#ifdef __linux__
TEST_CASE("a connection comes from the source address that was asked for") {
  Server server;
  SocketAddress source = *SocketAddress::parse("127.0.0.6:0");
  UniqueFd near = std::move(openTcp(server.address, source, TcpOptions())).value();
  REQUIRE(startConnect(near.get(), server.address).ok());
  UniqueFd far = acceptFrom(server);
  CHECK(peerAddress(far.get()).withPort(0) == source);
}

TEST_CASE("an IPv4 source gets its port when it connects") {
  SocketAddress source = *SocketAddress::parse("127.0.0.6:0");
  UniqueFd fd = std::move(openTcp(loopback(), source, TcpOptions())).value();
  CHECK(localAddress(fd.get()).port() == 0);
}
#endif

TEST_CASE("an IPv6 source has its port before it connects") {
  Server server(loopback6());
  UniqueFd near = std::move(openTcp(server.address, loopback6(), TcpOptions())).value();
  SocketAddress bound = localAddress(near.get());
  CHECK(bound.port() != 0);
  REQUIRE(startConnect(near.get(), server.address).ok());
  UniqueFd far = acceptFrom(server);
  CHECK(peerAddress(far.get()) == bound);
}

TEST_CASE("an attempt to connect ends well or with its reason") {
  Server server;
  UniqueFd fine = dial(server.address);
  REQUIRE(waitFor(fine.get(), POLLOUT));
  CHECK(finishConnect(fine.get()).ok());

  SocketAddress nobody = Server().address;
  UniqueFd refused = dial(nobody);
  REQUIRE(waitFor(refused.get(), POLLOUT));
  Status<> finished = finishConnect(refused.get());
  REQUIRE_FALSE(finished.ok());
  CHECK(finished.error().code == ECONNREFUSED);
}

TEST_CASE("an attempt that cannot even begin says why") {
  UniqueFd fd = std::move(openTcp(loopback(), SocketAddress(), TcpOptions())).value();
  Status<> started = startConnect(fd.get(), loopback6().withPort(9));
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().code == EAFNOSUPPORT);
}

TEST_CASE("bytes written at one end are read at the other") {
  Pair pair;
  CHECK(writeSome(pair.near.get(), "hello").bytes == 5);
  REQUIRE(waitFor(pair.far.get(), POLLIN));
  char buffer[16];
  IoCount count = readSome(pair.far.get(), buffer, sizeof buffer);
  CHECK(std::string(buffer, 5) == "hello");
  CHECK(count.bytes == 5);
  CHECK(count.error == 0);
  CHECK_FALSE(count.blocked());
}

TEST_CASE("parts are written in order with one call") {
  Pair pair;
  std::string head = "head ", body = "body ", tail = "tail";
  iovec parts[] = {{head.data(), head.size()},
                   {body.data(), body.size()},
                   {nullptr, 0},
                   {tail.data(), tail.size()}};
  CHECK(writeVector(pair.near.get(), parts).bytes == 14);
  REQUIRE(waitFor(pair.far.get(), POLLIN));
  CHECK(readAll(pair.far.get()) == "head body tail");
}

TEST_CASE("more parts than the system takes at once are written in part, not refused") {
  Pair pair;
  char byte = 'x';
  std::vector<iovec> parts(IOV_MAX + 10, iovec{&byte, 1});
  CHECK(writeVector(pair.near.get(), parts).bytes == IOV_MAX);
}

TEST_CASE("an empty socket and a full one would block") {
  Pair pair;
  char byte = 0;
  IoCount nothing = readSome(pair.near.get(), &byte, 1);
  CHECK(nothing.bytes == -1);
  CHECK(nothing.blocked());
  CHECK(fillUp(pair.near.get()) > 0);
  CHECK(writeSome(pair.near.get(), "x").blocked());
  iovec part{&byte, 1};
  CHECK(writeVector(pair.near.get(), {&part, 1}).blocked());
}

TEST_CASE("a FIN comes after the bytes, and the other direction stays open") {
  Pair pair;
  writeSome(pair.near.get(), "bye");
  shutdownWrite(pair.near.get());
  REQUIRE(waitFor(pair.far.get(), POLLIN));
  CHECK(readAll(pair.far.get()) == "bye");
  char byte = 0;
  CHECK(readSome(pair.far.get(), &byte, 1).bytes == 0);
  CHECK(writeSome(pair.far.get(), "still").bytes == 5);
  REQUIRE(waitFor(pair.near.get(), POLLIN));
  CHECK(readAll(pair.near.get()) == "still");
}

TEST_CASE("a connection to be reset resets its peer") {
  Pair pair;
  resetOnClose(pair.near.get());
  pair.near.reset();
  REQUIRE(waitFor(pair.far.get(), POLLIN));
  char byte = 0;
  IoCount count = readSome(pair.far.get(), &byte, 1);
  CHECK(count.bytes == -1);
  CHECK(count.error == ECONNRESET);
  CHECK_FALSE(count.blocked());
}

// Counts SIGPIPE of this thread, whatever earlier tests made of the signal.
class BrokenPipeCounter {
 public:
  BrokenPipeCounter() {
    count = 0;
    // Ignoring a signal discards one that is pending.
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGPIPE, [](int) { count = count + 1; });
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_UNBLOCK, &signals, &before_);
  }
  ~BrokenPipeCounter() {
    ::signal(SIGPIPE, SIG_DFL);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  static inline volatile std::sig_atomic_t count = 0;

 private:
  sigset_t before_;
};

TEST_CASE("writing to a connection that is gone is an error, not a signal") {
  BrokenPipeCounter signals;
  Pair pair;
  resetOnClose(pair.near.get());
  pair.near.reset();
  REQUIRE(waitFor(pair.far.get(), POLLIN));
  // The first write takes the pending reset; the next would raise SIGPIPE.
  CHECK(writeSome(pair.far.get(), "x").error == ECONNRESET);
  CHECK(writeSome(pair.far.get(), "x").error == EPIPE);
  char byte = 'x';
  iovec part{&byte, 1};
  CHECK(writeVector(pair.far.get(), {&part, 1}).error == EPIPE);
  CHECK(BrokenPipeCounter::count == 0);
}

TEST_CASE("an idle connection is fresh, and stays so after being asked") {
  Pair pair;
  CHECK_FALSE(isStale(pair.near.get()));
  CHECK_FALSE(isStale(pair.near.get()));
}

TEST_CASE("a connection that was closed, reset or written to is stale") {
  Pair closed;
  closed.far.reset();
  REQUIRE(waitFor(closed.near.get(), POLLIN));
  CHECK(isStale(closed.near.get()));

  Pair reset;
  resetOnClose(reset.far.get());
  reset.far.reset();
  REQUIRE(waitFor(reset.near.get(), POLLIN));
  CHECK(isStale(reset.near.get()));

  Pair unasked;
  writeSome(unasked.far.get(), "HTTP/1.1 408 Request Timeout\r\n");
  REQUIRE(waitFor(unasked.near.get(), POLLIN));
  CHECK(isStale(unasked.near.get()));
  // Looking takes nothing away.
  CHECK(readAll(unasked.near.get()).size() == 30);
}

TEST_CASE("what is not a connection is stale") {
  UniqueFd never = std::move(openTcp(loopback(), SocketAddress(), TcpOptions())).value();
  CHECK(isStale(never.get()));
  CHECK(isStale(-1));
}

TEST_CASE("a descriptor without a peer has no address of one") {
  Server server;
  CHECK_FALSE(peerAddress(server.fd.get()).valid());
  CHECK_FALSE(localAddress(-1).valid());
}

TEST_CASE("a connection that nobody redirected has no original destination") {
  for (const SocketAddress& on : {loopback(), loopback6()}) {
    Server server(on);
    UniqueFd near = dial(server.address);
    UniqueFd far = acceptFrom(server);
    Result<SocketAddress> original = originalDestination(far.get(), on.family());
    REQUIRE_FALSE(original.ok());
    std::set<int> expected = {ENOPROTOOPT, ENOENT, ENOSYS};
    CHECK(expected.count(original.error().code) == 1);
  }
}

}  // namespace
}  // namespace mesh

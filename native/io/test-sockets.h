// What the tests of io share: loopback connections and waiting for an event instead of for time.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "io/event-loop.h"
#include "io/socket.h"

namespace mesh::test {

// No test waits longer for something that has to happen.
constexpr uint64_t PATIENCE_MS = 10'000;

inline SocketAddress loopback() { return SocketAddress::v4(0x7f000001, 0); }
inline SocketAddress loopback6() {
  std::array<uint8_t, 16> ip{};
  ip[15] = 1;
  return SocketAddress::v6(ip, 0);
}

// A listening socket on a port that the kernel chose.
struct Server {
  explicit Server(const SocketAddress& on = loopback(), int backlog = 128)
      : fd(listenTcp(on, backlog).value()), address(localAddress(fd.get())) {}
  UniqueFd fd;
  SocketAddress address;
};

inline UniqueFd dial(const SocketAddress& to) {
  UniqueFd fd = openTcp(to, SocketAddress(), TcpOptions()).value();
  Status<> started = startConnect(fd.get(), to);
  MESH_CHECK(started.ok());
  return fd;
}

// Accepts what was dialled on loopback, where the connection is there as soon as it was begun.
inline UniqueFd acceptFrom(const Server& server) {
  SocketAddress peer;
  uint64_t deadline = monotonicNs() + PATIENCE_MS * 1'000'000;
  for (;;) {
    Result<UniqueFd> accepted = acceptTcp(server.fd.get(), peer);
    if (accepted) return std::move(accepted).value();
    MESH_CHECK(accepted.error().code == EAGAIN && monotonicNs() < deadline);
  }
}

// The two ends of one TCP connection.
struct Pair {
  Pair() {
    Server server;
    near = dial(server.address);
    far = acceptFrom(server);
  }
  UniqueFd near;
  UniqueFd far;
};

// Reads until nothing is left, until FIN or until an error.
inline std::string readAll(int fd) {
  std::string all;
  char chunk[16384];
  for (;;) {
    IoCount count = readSome(fd, chunk, sizeof chunk);
    if (count.bytes <= 0) return all;
    all.append(chunk, static_cast<size_t>(count.bytes));
  }
}

// Writes until the socket takes no more; returns how much it took.
inline size_t fillUp(int fd) {
  std::string chunk(65'536, 'x');
  size_t written = 0;
  for (;;) {
    IoCount count = writeSome(fd, chunk);
    if (count.bytes < 0) return written;
    written += static_cast<size_t>(count.bytes);
  }
}

// Turns the loop until `done()`; false when that did not happen in time.
template <typename Done>
bool turnUntil(EventLoop& loop, Done&& done) {
  uint64_t deadline = monotonicNs() + PATIENCE_MS * 1'000'000;
  while (!done()) {
    if (monotonicNs() >= deadline) return false;
    loop.turn(1'000);
  }
  return true;
}

// The pollers of this system, as types for TEST_CASE_TEMPLATE.
struct WithLibuv {
  static constexpr PollerKind KIND = PollerKind::Libuv;
};
#ifdef __linux__
struct WithEpoll {
  static constexpr PollerKind KIND = PollerKind::Epoll;
};
#define MESH_POLLERS ::mesh::test::WithEpoll, ::mesh::test::WithLibuv
#else
#define MESH_POLLERS ::mesh::test::WithLibuv
#endif

inline std::unique_ptr<Poller> makePoller(PollerKind kind) {
  return std::move(createPoller(kind)).value();
}

inline void waitOnce(Poller& poller, int timeoutMs) {
  poller.wait(
      timeoutMs, [](void*) {}, nullptr);
}

inline std::unique_ptr<EventLoop> makeLoop(PollerKind kind) {
  return std::move(EventLoop::create(kind)).value();
}

}  // namespace mesh::test

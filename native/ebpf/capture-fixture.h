// For the privileged tests of capture: a cgroup of its own for each test, sockets that belong to
// it, listeners that stand for the proxy, and the reason why such a test cannot run here.
#pragma once

#ifdef __linux__

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "base/socket-address.h"
#include "base/unique-fd.h"
#include "ebpf/capture.h"
#include "ebpf/refusal.h"

namespace mesh::test {

inline constexpr int WAIT_SECONDS = 10;

inline SocketAddress address(std::string_view text) {
  const std::optional<SocketAddress> parsed = SocketAddress::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), std::string(text));
  return *parsed;
}

// Where cgroup v2 is mounted; empty when it is not.
inline std::string cgroupMount() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const size_t separator = line.find(" - cgroup2 ");
    if (separator == std::string::npos) continue;
    std::istringstream fields(line);
    std::string skipped, mountPoint;
    fields >> skipped >> skipped >> skipped >> skipped >> mountPoint;
    return mountPoint;
  }
  return "";
}

// The directory of this process's own cgroup.
inline std::string ownCgroup() {
  std::ifstream cgroups("/proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    if (line.rfind("0::", 0) == 0) return cgroupMount() + line.substr(3);
  }
  return cgroupMount();
}

inline bool joinCgroup(const std::string& directory) {
  std::ofstream procs(directory + "/cgroup.procs");
  procs << ::getpid() << std::flush;
  return procs.good();
}

// A child cgroup, removed with the object. Sockets belong to the cgroup their maker is in, so the
// test process joins it for the moment of making one: nothing else is ever captured.
class ScratchCgroup {
 public:
  explicit ScratchCgroup(const std::string& parent = cgroupMount()) {
    static std::atomic<int> count{0};
    path_ = parent + "/sluice-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
    made_ = ::mkdir(path_.c_str(), 0755) == 0;
  }
  ~ScratchCgroup() {
    if (made_) ::rmdir(path_.c_str());
  }
  ScratchCgroup(const ScratchCgroup&) = delete;
  ScratchCgroup& operator=(const ScratchCgroup&) = delete;

  bool made() const { return made_; }
  const std::string& path() const { return path_; }

  UniqueFd socket(int family, int type = SOCK_STREAM) const {
    const std::string home = ownCgroup();
    REQUIRE(joinCgroup(path_));
    UniqueFd made(::socket(family, type | SOCK_CLOEXEC, 0));
    REQUIRE(joinCgroup(home));
    REQUIRE(made.valid());
    return made;
  }

 private:
  std::string path_;
  bool made_ = false;
};

// Why privileged tests cannot run here; empty when they can.
inline std::string whySkipped() {
  constexpr int CAPABILITY_NET_ADMIN = 12;
  constexpr int CAPABILITY_SYS_ADMIN = 21;
  const uint64_t capabilities = ebpf::effectiveCapabilities();
  if (((capabilities >> CAPABILITY_NET_ADMIN) & (capabilities >> CAPABILITY_SYS_ADMIN) & 1) == 0) {
    return "skipped: needs CAP_NET_ADMIN and CAP_SYS_ADMIN";
  }
  if (cgroupMount().empty()) return "skipped: cgroup v2 is not mounted";
  if (!ScratchCgroup().made()) return "skipped: no cgroup can be made in " + cgroupMount();
  return "";
}

#define SKIP_UNLESS_PRIVILEGED()                                                \
  if (const std::string reason = ::mesh::test::whySkipped(); !reason.empty()) { \
    MESSAGE(reason);                                                            \
    return;                                                                     \
  }

inline void setTimeouts(int fd) {
  const timeval limit{WAIT_SECONDS, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

inline bool bindTo(int fd, const SocketAddress& local) {
  sockaddr_storage storage{};
  const socklen_t length = local.toSockaddr(storage);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
}

// 0, or the errno of connect(2).
inline int connectTo(int fd, const SocketAddress& remote) {
  setTimeouts(fd);
  sockaddr_storage storage{};
  const socklen_t length = remote.toSockaddr(storage);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

inline SocketAddress localAddress(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  return SocketAddress::fromSockaddr(reinterpret_cast<sockaddr*>(&storage), length);
}

inline SocketAddress peerAddress(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  REQUIRE(::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  return SocketAddress::fromSockaddr(reinterpret_cast<sockaddr*>(&storage), length);
}

// A listening socket; stands for the proxy or for a server.
class TestListener {
 public:
  explicit TestListener(const SocketAddress& local) {
    fd_ = UniqueFd(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
    setTimeouts(fd_.get());
    REQUIRE(bindTo(fd_.get(), local));
    REQUIRE(::listen(fd_.get(), 4096) == 0);
  }
  int fd() const { return fd_.get(); }
  SocketAddress local() const { return localAddress(fd_.get()); }
  void close() { fd_.reset(); }

  // Waits for a connection.
  UniqueFd accept() const {
    UniqueFd accepted(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE_MESSAGE(accepted.valid(), std::strerror(errno));
    setTimeouts(accepted.get());
    return accepted;
  }
  // Only for connections whose connect() has returned: over loopback they are in the queue.
  bool hasConnection() const {
    pollfd wanted{fd_.get(), POLLIN, 0};
    return ::poll(&wanted, 1, 0) == 1;
  }

 private:
  UniqueFd fd_;
};

// True when what is written to one end arrives at the other.
inline bool carries(int from, int to) {
  char received[5] = {};
  return ::send(from, "hello", 5, MSG_NOSIGNAL) == 5 &&
         ::recv(to, received, sizeof(received), MSG_WAITALL) == 5 &&
         std::memcmp(received, "hello", 5) == 0;
}

inline std::unique_ptr<Capture> attachOrFail(const CaptureSettings& settings) {
  Result<std::unique_ptr<Capture>, CaptureError> attached = Capture::attach(settings);
  if (!attached) FAIL(attached.error().step << ": " << attached.error().message);
  return std::move(attached).value();
}

inline uint64_t outcome(const Capture& capture, std::string_view name) {
  for (const auto& [known, count] : capture.outcomes()) {
    if (known == name) return count;
  }
  FAIL("no such outcome: " << std::string(name));
  return 0;
}

inline std::string originalOf(const Capture& capture, const SocketAddress& client) {
  Result<SocketAddress> original = capture.takeOriginalDestination(client);
  return original ? original.value().toString() : std::strerror(original.error().code);
}

}  // namespace mesh::test

#endif  // __linux__

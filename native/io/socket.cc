// Linux sets non-blocking and close-on-exec while making a descriptor, and asks for no SIGPIPE per
// call; elsewhere both are set on the descriptor right after it was made.
#include "io/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace mesh {
namespace {

#ifdef __linux__
// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of linux/netfilter, which share a number; the headers
// they come from do not go together with netinet/in.h everywhere.
constexpr int ORIGINAL_DESTINATION = 80;
#endif

#ifdef MSG_NOSIGNAL
constexpr int SEND_FLAGS = MSG_NOSIGNAL;
#else
constexpr int SEND_FLAGS = 0;
#endif

SysError lastError() { return SysError{errno}; }

template <typename Call>
auto retryInterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

IoCount ioCount(ssize_t bytes) { return {bytes, bytes < 0 ? errno : 0}; }

bool setOption(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

#ifndef __linux__
bool prepareDescriptor(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return false;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return false;
#ifdef SO_NOSIGPIPE
  setOption(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
  return true;
}
#endif

Result<UniqueFd> makeSocket(int family) {
#ifdef __linux__
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return lastError();
#else
  UniqueFd fd(::socket(family, SOCK_STREAM, 0));
  if (!fd.valid() || !prepareDescriptor(fd.get())) return lastError();
#endif
  return fd;
}

Status<> bindTo(int fd, const SocketAddress& address) {
  sockaddr_storage storage;
  socklen_t length = address.toSockaddr(storage);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) < 0) return lastError();
  return Unit{};
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

SocketAddress nameOf(int fd, NameCall call) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (call(fd, reinterpret_cast<sockaddr*>(&storage), &length) < 0) return {};
  return SocketAddress::fromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

}  // namespace

namespace {
// A socket bound to `address` as a listener's must be.
Result<UniqueFd> bindListener(const SocketAddress& address, bool shared) {
  Result<UniqueFd> made = makeSocket(address.family());
  if (!made) return made;
  int fd = made.value().get();
  if (!setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return lastError();
  if (shared && !setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return lastError();
  // Not left to net.ipv6.bindv6only: 0.0.0.0 and [::] must be able to listen side by side.
  if (address.family() == AF_INET6 && !setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return lastError();
  }
  if (Status<> bound = bindTo(fd, address); !bound) return bound.error();
  return made;
}
}  // namespace

Status<> checkPortFree(const SocketAddress& address) {
  if (address.port() == 0) return Unit{};
  Result<UniqueFd> probe = bindListener(address, false);
  if (!probe) return probe.error();
  return Unit{};
}

Result<UniqueFd> listenTcp(const SocketAddress& address, int backlog) {
  Result<UniqueFd> made = bindListener(address, true);
  if (!made) return made;
  if (::listen(made.value().get(), backlog) < 0) return lastError();
  return made;
}

Result<UniqueFd> acceptTcp(int listener, SocketAddress& peer) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
#ifdef __linux__
  UniqueFd fd(retryInterrupted(
      [&] { return ::accept4(listener, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  if (!fd.valid()) return lastError();
#else
  UniqueFd fd(retryInterrupted([&] { return ::accept(listener, address, &length); }));
  if (!fd.valid() || !prepareDescriptor(fd.get())) return lastError();
#endif
  peer = SocketAddress::fromSockaddr(address, length);
  return fd;
}

void applyOptions(int fd, const TcpOptions& options) {
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.keepaliveMs > 0) {
    // The kernel counts in seconds; a wish below one becomes one.
    int seconds =
        static_cast<int>(std::min<uint32_t>((options.keepaliveMs - 1) / 1000 + 1, 32'767));
    setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
#else
    setOption(fd, IPPROTO_TCP, TCP_KEEPALIVE, seconds);
#endif
  }
#ifdef TCP_USER_TIMEOUT
  if (options.userTimeoutMs > 0) {
    int milliseconds = static_cast<int>(std::min<uint32_t>(options.userTimeoutMs, INT_MAX));
    setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
  }
#endif
}

Result<UniqueFd> openTcp(const SocketAddress& destination, const SocketAddress& source,
                         const TcpOptions& options) {
  Result<UniqueFd> made = makeSocket(destination.family());
  if (!made) return made;
  int fd = made.value().get();
  applyOptions(fd, options);
  if (!source.valid()) return made;
#ifdef IP_BIND_ADDRESS_NO_PORT
  // Lets connect(2) choose the port by the whole four-tuple, so that one source address is not
  // limited to as many connections as it has ports. IPv6 sources get their port now: whoever
  // binds them wants to know it before connecting.
  if (source.family() == AF_INET && source.port() == 0) {
    setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  }
#endif
  if (Status<> bound = bindTo(fd, source); !bound) return bound.error();
  return made;
}

Status<> startConnect(int fd, const SocketAddress& destination) {
  sockaddr_storage storage;
  socklen_t length = destination.toSockaddr(storage);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0) return Unit{};
  // An interrupted connect goes on by itself (POSIX connect).
  if (errno == EINPROGRESS || errno == EINTR) return Unit{};
  return lastError();
}

Status<> finishConnect(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return lastError();
  if (error != 0) return SysError{error};
  return Unit{};
}

bool IoCount::blocked() const {
#if EAGAIN != EWOULDBLOCK
  if (bytes < 0 && error == EWOULDBLOCK) return true;
#endif
  return bytes < 0 && error == EAGAIN;
}

IoCount readSome(int fd, char* into, size_t size) {
  return ioCount(retryInterrupted([&] { return ::recv(fd, into, size, 0); }));
}

IoCount writeSome(int fd, std::string_view bytes) {
  return ioCount(
      retryInterrupted([&] { return ::send(fd, bytes.data(), bytes.size(), SEND_FLAGS); }));
}

IoCount writeVector(int fd, std::span<const iovec> parts) {
  msghdr message{};
  // The structure is not const because recvmsg shares it; sendmsg only reads.
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen =
      static_cast<decltype(message.msg_iovlen)>(std::min<size_t>(parts.size(), IOV_MAX));
  return ioCount(retryInterrupted([&] { return ::sendmsg(fd, &message, SEND_FLAGS); }));
}

void shutdownWrite(int fd) { ::shutdown(fd, SHUT_WR); }

void resetOnClose(int fd) {
  linger now{};
  now.l_onoff = 1;
  now.l_linger = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool isStale(int fd) {
  char byte = 0;
  IoCount peeked = ioCount(
      retryInterrupted([&] { return ::recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT); }));
  // Nothing to read and nothing wrong is the only state of a connection worth reusing.
  return !peeked.blocked();
}

SocketAddress localAddress(int fd) { return nameOf(fd, ::getsockname); }

SocketAddress peerAddress(int fd) { return nameOf(fd, ::getpeername); }

Result<SocketAddress> originalDestination([[maybe_unused]] int fd, [[maybe_unused]] int family) {
#ifdef __linux__
  sockaddr_storage storage{};
  socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (::getsockopt(fd, level, ORIGINAL_DESTINATION, &storage, &length) < 0) return lastError();
  SocketAddress address =
      SocketAddress::fromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
  if (!address.valid()) return SysError{EAFNOSUPPORT};
  return address;
#else
  return SysError{ENOSYS};
#endif
}

}  // namespace mesh

// TCP sockets: the system calls the proxy makes, with errno as a value. All descriptors are
// non-blocking and close-on-exec. What differs between Linux and macOS differs in socket.cc only.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/socket-address.h"
#include "base/unique-fd.h"

namespace mesh {

struct TcpOptions {
  uint32_t keepaliveMs = 0;    // idle time before the first probe; 0: off
  uint32_t userTimeoutMs = 0;  // TCP_USER_TIMEOUT (Linux); 0: off
};

// A listening socket with SO_REUSEADDR, and SO_REUSEPORT so that each worker has its own. One of
// IPv6 takes IPv6 connections only.
Result<UniqueFd> listenTcp(const SocketAddress& address, int backlog);

// Whether nobody listens on the address yet: a bind without SO_REUSEPORT, given up at once. Port 0
// is always free.
Status<> checkPortFree(const SocketAddress& address);

// accept4. EAGAIN, EMFILE, ECONNABORTED … come back as errors.
Result<UniqueFd> acceptTcp(int listener, SocketAddress& peer);

// TCP_NODELAY always, the rest as given. Failures of single options are ignored: a connection
// without keepalive is better than none.
void applyOptions(int fd, const TcpOptions& options);

// A socket for connecting to `destination`, options set, bound to `source` when that is valid. With
// port 0, an IPv4 source gets its port when it connects, an IPv6 source gets it here.
Result<UniqueFd> openTcp(const SocketAddress& destination, const SocketAddress& source,
                         const TcpOptions& options);
// Starts connecting. Success also when the attempt is still under way (EINPROGRESS).
Status<> startConnect(int fd, const SocketAddress& destination);
// After the first readiness of a connecting socket: how the attempt ended (SO_ERROR).
Status<> finishConnect(int fd);

// Results of reading and writing: bytes ≥ 0, or the errno. Reading 0 bytes means FIN.
// EINTR is retried inside.
struct IoCount {
  ssize_t bytes;  // -1 on error
  int error;      // errno when bytes < 0
  bool blocked() const;
};
IoCount readSome(int fd, char* into, size_t size);
IoCount writeSome(int fd, std::string_view bytes);
// At most IOV_MAX parts are looked at.
IoCount writeVector(int fd, std::span<const iovec> parts);

// shutdown(SHUT_WR): FIN after what was written.
void shutdownWrite(int fd);
// The next close sends RST (SO_LINGER 0).
void resetOnClose(int fd);
// True when an idle connection was closed, reset or was sent bytes nobody asked for: it must not
// be reused. One recv(MSG_PEEK | MSG_DONTWAIT).
bool isStale(int fd);

SocketAddress localAddress(int fd);
SocketAddress peerAddress(int fd);
// SO_ORIGINAL_DST / IP6T_SO_ORIGINAL_DST, by the family of the client. ENOPROTOOPT or ENOENT when
// nothing was redirected; ENOSYS where the system has no such thing.
Result<SocketAddress> originalDestination(int fd, int family);

}  // namespace mesh

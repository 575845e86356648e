// One socket of a forwarded connection, with its watch and its counters. Reading and writing keep
// the watch's bits honest: what would block is consumed, so an owner that acts on the bits alone
// never misses an event. Closing counts exactly once.
#pragma once

#include <memory>

#include "ebpf/capture.h"
#include "io/event-loop.h"
#include "io/socket.h"
#include "proxy/transport-counters.h"

namespace mesh {

class SocketEnd {
 public:
  SocketEnd(EventLoop& loop, UniqueFd fd, const SocketAddress& peer);
  ~SocketEnd();
  SocketEnd(const SocketEnd&) = delete;
  SocketEnd& operator=(const SocketEnd&) = delete;

  // Starts watching. The handler may be changed at any time with `setHandler`.
  Status<> watch(IoHandler& handler);
  void setHandler(IoHandler& handler) { watch_.handler = &handler; }
  // From here on the socket counts as an open connection of these series.
  void count(std::shared_ptr<const TransportCounters> counters);

  // Before connecting: this socket is the proxy's own and must not be captured. With `bySource` also
  // by its address, for as long as it is open (IPv6, see Capture::exemptSource).
  void exempt(const std::shared_ptr<const Capture>& capture, bool bySource);

  int fd() const { return fd_.get(); }
  const SocketAddress& peer() const { return peer_; }
  bool readable() const { return (watch_.ready & (kReadable | kPeerClosed | kFailed)) != 0; }
  bool writable() const { return (watch_.ready & (kWritable | kFailed)) != 0; }
  // The peer has sent FIN, or the connection has failed; data may still be waiting before it.
  bool peerClosed() const { return (watch_.ready & (kPeerClosed | kFailed)) != 0; }
  bool failed() const { return (watch_.ready & kFailed) != 0; }

  IoCount read(char* into, size_t size);
  IoCount write(std::string_view bytes);
  IoCount writeVector(std::span<const iovec> parts);
  // For splice(2), which moves bytes past this class: what a call returned, and the size asked for.
  void afterRead(const IoCount& result, size_t asked);
  void afterWrite(const IoCount& result, size_t asked);

  // FIN, once.
  void finishWriting();
  // Closing will send RST.
  void abort() { resetOnClose(fd_.get()); }
  // The errno that ended this connection; the first one counts.
  void noteError(int error) {
    if (error_ == 0) error_ = error;
  }
  int error() const { return error_; }
  uint64_t openedMs() const { return openedMs_; }

 private:
  EventLoop& loop_;
  UniqueFd fd_;
  SocketAddress peer_;
  Watch watch_;
  std::shared_ptr<const TransportCounters> counters_;
  // Set while the source address is recorded.
  std::shared_ptr<const Capture> capture_;
  SocketAddress source_;
  uint64_t openedMs_;
  int error_ = 0;
  bool finished_ = false;
};

}  // namespace mesh

// A watched descriptor: what the kernel has said about it and who wants to know.
//
// Readiness is kept, not asked for. `ready` bits are set by the poller and stay until the owner
// says with `EventLoop::consume` that a call would have blocked (or came back short). The handler
// is called when a bit becomes set; an owner that does not want to act yet leaves the bit and acts
// later without waiting for a new event. Both pollers give these semantics: epoll by edge
// triggering, registered once; libuv by polling only for the bits that are not set.
#pragma once

#include <cstdint>

namespace mesh {

enum Ready : uint32_t {
  kReadable = 1,  // a read would not block, as far as is known
  kWritable = 2,
  kPeerClosed = 4,  // the peer sent FIN: short reads do not mean "drained"; sets kReadable too
  kFailed = 8,      // error, or closed both ways: read and write will say which; sets both too
};
// The last two are for ever. A descriptor is added once it is connecting, listening or connected:
// a socket that has not begun to connect counts as hung up.

class IoHandler {
 public:
  // Bits that this event set are in `fresh`; all known bits are in the watch.
  virtual void onIo(uint32_t fresh) = 0;

 protected:
  ~IoHandler() = default;
};

struct Watch {
  int fd = -1;
  uint32_t ready = 0;
  IoHandler* handler = nullptr;
  // The poller's own record, null when not added.
  void* poll = nullptr;

  bool readable() const { return (ready & kReadable) != 0; }
  bool writable() const { return (ready & kWritable) != 0; }
  bool added() const { return poll != nullptr; }
};

}  // namespace mesh

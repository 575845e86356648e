// Moving bytes between two sockets through a pipe with splice(2): they never enter user space.
// Linux only; elsewhere `PipeSplice::open` gives ENOSYS and the caller goes on copying.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "base/unique-fd.h"
#include "io/socket.h"

namespace mesh {

class PipeSplice {
 public:
  // `capacityBytes` is a wish (F_SETPIPE_SZ); the kernel's default is kept when refused. Blocks
  // SIGPIPE for the calling thread, which must be the one that drains: splice(2) has no
  // MSG_NOSIGNAL.
  static Result<PipeSplice> open(size_t capacityBytes);

  // From the socket into the pipe; 0 bytes means FIN. Never blocks. A pipe counts pages and not
  // bytes, so small segments fill it long before held() reaches its capacity; therefore:
  //   - fewer bytes than asked for say nothing: call again;
  //   - `blocked()` means that the socket is empty;
  //   - ENOBUFS means that the pipe is full, and says nothing about the socket: drain, then call
  //     again. Never while held() is 0.
  IoCount fill(int fromSocket);
  // From the pipe into the socket. Call only when held() > 0. `blocked()` means that the socket is
  // full; fewer bytes than held() say nothing.
  IoCount drain(int toSocket);
  // Bytes in the pipe.
  size_t held() const { return held_; }
  // No fill succeeds before a drain.
  bool full() const { return full_ || held_ >= capacity_; }

 private:
  PipeSplice(UniqueFd readEnd, UniqueFd writeEnd, size_t capacity);

  UniqueFd readEnd_;
  UniqueFd writeEnd_;
  size_t capacity_ = 0;
  size_t held_ = 0;
  // The last fill found no free page.
  bool full_ = false;
};

}  // namespace mesh

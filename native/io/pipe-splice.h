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
  // `capacityBytes` is a wish (F_SETPIPE_SZ); the kernel's default is kept when refused.
  static Result<PipeSplice> open(size_t capacityBytes);

  // From the socket into the pipe; 0 bytes means FIN. Never blocks.
  IoCount fill(int fromSocket);
  // From the pipe into the socket. Call only when held() > 0.
  IoCount drain(int toSocket);
  // Bytes in the pipe.
  size_t held() const { return held_; }
  bool full() const { return held_ >= capacity_; }

 private:
  UniqueFd readEnd_;
  UniqueFd writeEnd_;
  size_t capacity_ = 0;
  size_t held_ = 0;
};

}  // namespace mesh

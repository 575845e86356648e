// See pipe-splice.h.
#include "io/pipe-splice.h"

#include <cerrno>
#include <utility>

#ifdef __linux__
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include <climits>
#include <csignal>
#endif

namespace mesh {

PipeSplice::PipeSplice(UniqueFd readEnd, UniqueFd writeEnd, size_t capacity)
    : readEnd_(std::move(readEnd)), writeEnd_(std::move(writeEnd)), capacity_(capacity) {}

#ifdef __linux__

namespace {

constexpr unsigned FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

void blockBrokenPipeSignal() {
  static thread_local bool blocked = false;
  if (blocked) return;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  blocked = pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0;
}

IoCount spliceSome(int from, int to, size_t size) {
  ssize_t bytes = 0;
  do {
    bytes = ::splice(from, nullptr, to, nullptr, size, FLAGS);
  } while (bytes < 0 && errno == EINTR);
  return {bytes, bytes < 0 ? errno : 0};
}

// POLLOUT of a pipe is exactly "a page is free".
bool hasFreePage(int writeEnd) {
  pollfd asked{writeEnd, POLLOUT, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & POLLOUT) != 0;
}

}  // namespace

Result<PipeSplice> PipeSplice::open(size_t capacityBytes) {
  blockBrokenPipeSignal();
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) return SysError{errno};
  UniqueFd readEnd(ends[0]);
  UniqueFd writeEnd(ends[1]);
  if (capacityBytes <= INT_MAX) {
    // Refused beyond fs.pipe-user-pages-soft or fs.pipe-max-size: a smaller pipe works as well.
    (void)::fcntl(writeEnd.get(), F_SETPIPE_SZ, static_cast<int>(capacityBytes));
  }
  int capacity = ::fcntl(writeEnd.get(), F_GETPIPE_SZ);
  if (capacity < 0) return SysError{errno};
  return PipeSplice(std::move(readEnd), std::move(writeEnd), static_cast<size_t>(capacity));
}

IoCount PipeSplice::fill(int fromSocket) {
  // The whole capacity is asked for, whatever is held: the kernel stops at the last free page.
  IoCount filled = spliceSome(fromSocket, writeEnd_.get(), capacity_);
  if (filled.bytes > 0) {
    held_ += static_cast<size_t>(filled.bytes);
  } else if (filled.blocked() && held_ > 0 && !hasFreePage(writeEnd_.get())) {
    full_ = true;
    filled.error = ENOBUFS;
  }
  return filled;
}

IoCount PipeSplice::drain(int toSocket) {
  MESH_CHECK(held_ > 0);
  IoCount drained = spliceSome(readEnd_.get(), toSocket, held_);
  if (drained.bytes > 0) {
    MESH_CHECK(static_cast<size_t>(drained.bytes) <= held_);
    held_ -= static_cast<size_t>(drained.bytes);
    full_ = false;
  }
  return drained;
}

#else

Result<PipeSplice> PipeSplice::open(size_t) { return SysError{ENOSYS}; }

// Never reached: there is no way to make one.
IoCount PipeSplice::fill(int) { return {-1, ENOSYS}; }
IoCount PipeSplice::drain(int) { return {-1, ENOSYS}; }

#endif

}  // namespace mesh

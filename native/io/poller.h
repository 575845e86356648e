// Waits for descriptors. Two implementations: epoll (Linux) and libuv (portable; what macOS
// uses). One thread owns a poller; only `wake` may be called from others.
#pragma once

#include <memory>

#include "base/result.h"
#include "io/watch.h"

namespace mesh {

enum class PollerKind { Epoll, Libuv };

class Poller {
 public:
  virtual ~Poller() = default;
  // Starts watching `watch.fd` for everything. The watch stays where it is until removed.
  virtual Status<> add(Watch& watch) = 0;
  // After this no event of the watch is delivered any more, also not one already fetched from the
  // kernel in this turn. Call before closing the descriptor.
  virtual void remove(Watch& watch) = 0;
  // The owner found that `bits` no longer hold.
  virtual void consume(Watch& watch, uint32_t bits) = 0;
  // Waits up to `timeoutMs` (-1: no limit, 0: not at all) and calls the handlers.
  // `beforeHandlers` runs once between waiting and calling (the loop reads its clock there).
  virtual void wait(int timeoutMs, void (*beforeHandlers)(void*), void* context) = 0;
  // Ends a wait. Any thread.
  virtual void wake() = 0;
};

// Libuv is always there; Epoll on Linux only (ENOSYS elsewhere).
Result<std::unique_ptr<Poller>> createPoller(PollerKind kind);

}  // namespace mesh

// Idle connections of one endpoint on one worker, last in first out. Holds what is not in use;
// what is in use belongs to whoever took it. Connections leave by being taken, by idling out, by
// the endpoint closing them (they watch their socket and remove themselves) or by `clear`.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/intrusive-list.h"

namespace mesh {

// Base of pooled connections. Being in a pool is being linked.
class PooledConnection : public ListNode<PooledConnection> {
 public:
  // Thrown out of the pool (idle for too long, endpoint removed, pool full): close. May delete.
  virtual void onEvicted() = 0;
  uint64_t idleSinceMs = 0;

 protected:
  ~PooledConnection() = default;
};

class ConnectionPool {
 public:
  struct Settings {
    uint32_t maxIdle = 10'000;
    uint32_t idleTimeoutMs = 3'000;
  };
  explicit ConnectionPool(Settings settings) : settings_(settings) {}
  ~ConnectionPool() { clear(); }

  // The most recently used, or null. The caller checks that it is alive before use.
  PooledConnection* take();
  // The oldest is evicted when the pool is full; with maxIdle 0 it is `connection` itself.
  void put(PooledConnection& connection, uint64_t nowMs);
  // `connection` is in this pool and removes itself.
  void remove(PooledConnection& connection);
  // Evicts what has idled out; returns milliseconds until the next would, -1 when empty.
  int64_t expire(uint64_t nowMs);
  void clear();
  size_t size() const { return size_; }
  void configure(Settings settings) { settings_ = settings; }

 private:
  Settings settings_;
  IntrusiveList<PooledConnection> idle_;   // front: most recently used
  size_t size_ = 0;
};

}  // namespace mesh

// Idle connections of one endpoint on one worker, last in first out. Holds what is not in use;
// what is in use belongs to whoever took it. Connections leave by being taken, by idling out, by
// the endpoint closing them (they watch their socket and remove themselves), by being destroyed
// or by `clear`. A pool learns how long its endpoint keeps idle connections. All pools of a balancer share one `IdleQueue`, which ends what idles too long.
#pragma once

#include <cstddef>
#include <cstdint>

#include "balance/idle-limit.h"
#include "base/intrusive-list.h"
#include "io/event-loop.h"

namespace mesh {

class ConnectionPool;

struct ByIdleTime {};

// Base of pooled connections. Being in a pool is being linked.
class PooledConnection : public ListNode<PooledConnection>, public ListNode<ByIdleTime> {
 public:
  // Thrown out of the pool (idle for too long, endpoint removed, pool full): close. May delete.
  // Already out of the pool when called.
  virtual void onEvicted() = 0;
  bool linked() const { return pool_ != nullptr; }
  // Leaves its pool, if it is in one.
  void unlink();
  uint64_t idleSinceMs = 0;

 protected:
  ~PooledConnection();

 private:
  friend class ConnectionPool;
  friend class IdleQueue;
  ConnectionPool* pool_ = nullptr;
};

// Every idle connection of one balancer, the one that idles out next in front. Exact and O(1) per
// connection however many endpoints there are: one time-out holds for all of them.
class IdleQueue {
 public:
  IdleQueue(EventLoop& loop, uint32_t timeoutMs);
  // Holds for connections that are idle now as well.
  void configure(uint32_t timeoutMs);
  uint32_t timeoutMs() const { return timeoutMs_; }

 private:
  friend class ConnectionPool;
  void push(PooledConnection& connection);
  void expire();
  void arm();

  EventLoop& loop_;
  uint32_t timeoutMs_;
  IntrusiveList<PooledConnection, ByIdleTime> oldestFirst_;
  Timer timer_;
};

class ConnectionPool {
 public:
  struct Settings {
    uint32_t maxIdle = 10'000;
    uint32_t idleTimeoutMs = 3'000;  // 0: connections are not kept
  };
  ConnectionPool(uint32_t maxIdle, IdleQueue& idle) : maxIdle_(maxIdle), queue_(idle) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;
  ~ConnectionPool() { clear(); }

  // The most recently used, or null. When even that one has idled longer than the endpoint keeps
  // connections, all are evicted: a request on them would race with their end. The caller checks
  // that it is alive before use. Times are the loop's and so never go back.
  PooledConnection* take(uint64_t nowMs);
  // The oldest is evicted when the pool is full; when nothing is kept it is `connection` itself.
  void put(PooledConnection& connection, uint64_t nowMs);
  // `connection` is in this pool and removes itself.
  void remove(PooledConnection& connection);
  // The endpoint has closed a connection that was put here at its `idleSinceMs`, in the pool or
  // just taken out of it.
  void learnClosed(const PooledConnection& connection, uint64_t nowMs);
  // The endpoint has said that it keeps idle connections for so long; the last word holds. 0 is
  // ignored.
  void learnIdleTimeout(uint32_t ms) { limit_.announced(ms); }
  const IdleLimit& idleLimit() const { return limit_; }
  void clear();
  size_t size() const { return size_; }
  // Evicts the oldest until no more than `maxIdle` are left.
  void setMaxIdle(uint32_t maxIdle);

 private:
  friend class IdleQueue;
  void evict(PooledConnection& connection);
  void expire(PooledConnection& connection, uint64_t nowMs);

  uint32_t maxIdle_;
  IdleQueue& queue_;
  IntrusiveList<PooledConnection> idle_;  // front: most recently used
  size_t size_ = 0;
  IdleLimit limit_;
};

}  // namespace mesh

// Pools and the queue that ends their idle connections. An evicted connection is unlinked from
// both before its owner hears of it, so the owner may delete it, or others, in the callback.
#include "balance/connection-pool.h"

namespace mesh {

PooledConnection::~PooledConnection() { unlink(); }

void PooledConnection::unlink() {
  if (pool_ != nullptr) pool_->remove(*this);
}

IdleQueue::IdleQueue(EventLoop& loop, uint32_t timeoutMs)
    : loop_(loop),
      timeoutMs_(timeoutMs),
      timer_([](void* context) { static_cast<IdleQueue*>(context)->expire(); }, this) {}

void IdleQueue::configure(uint32_t timeoutMs) {
  timeoutMs_ = timeoutMs;
  loop_.cancel(timer_);
  arm();
}

void IdleQueue::push(PooledConnection& connection) {
  oldestFirst_.pushBack(connection);
  // An armed timer belongs to an older connection, which may be gone: then it fires early, finds
  // nothing to do and is armed anew. So taking and returning costs no timer operation.
  if (!timer_.armed()) arm();
}

void IdleQueue::arm() {
  PooledConnection* oldest = oldestFirst_.front();
  if (oldest == nullptr) return;
  const uint64_t deadline = oldest->idleSinceMs + timeoutMs_;
  const uint64_t now = loop_.nowMs();
  loop_.schedule(timer_, deadline > now ? deadline - now : 0);
}

void IdleQueue::expire() {
  const uint64_t now = loop_.nowMs();
  while (PooledConnection* oldest = oldestFirst_.front()) {
    if (oldest->idleSinceMs + timeoutMs_ > now) break;
    oldest->pool_->expire(*oldest, now);
  }
  if (!timer_.armed()) arm();
}

PooledConnection* ConnectionPool::take(uint64_t nowMs) {
  PooledConnection* connection = idle_.front();
  if (connection == nullptr) return nullptr;
  if (!limit_.allows(nowMs - connection->idleSinceMs)) {
    limit_.survived(nowMs - idle_.back()->idleSinceMs);
    clear();
    return nullptr;
  }
  remove(*connection);
  return connection;
}

void ConnectionPool::learnClosed(const PooledConnection& connection, uint64_t nowMs) {
  limit_.closed(nowMs - connection.idleSinceMs);
}

void ConnectionPool::put(PooledConnection& connection, uint64_t nowMs) {
  MESH_CHECK(!connection.linked());
  if (maxIdle_ == 0 || queue_.timeoutMs() == 0) {
    connection.onEvicted();
    return;
  }
  connection.idleSinceMs = nowMs;
  connection.pool_ = this;
  idle_.pushFront(connection);
  queue_.push(connection);
  ++size_;
  setMaxIdle(maxIdle_);
}

void ConnectionPool::remove(PooledConnection& connection) {
  MESH_CHECK(connection.pool_ == this);
  connection.pool_ = nullptr;
  static_cast<ListNode<PooledConnection>&>(connection).unlink();
  static_cast<ListNode<ByIdleTime>&>(connection).unlink();
  --size_;
}

void ConnectionPool::evict(PooledConnection& connection) {
  remove(connection);
  connection.onEvicted();
}

void ConnectionPool::expire(PooledConnection& connection, uint64_t nowMs) {
  limit_.survived(nowMs - connection.idleSinceMs);
  evict(connection);
}

void ConnectionPool::clear() {
  while (PooledConnection* connection = idle_.back()) evict(*connection);
}

void ConnectionPool::setMaxIdle(uint32_t maxIdle) {
  maxIdle_ = maxIdle;
  while (size_ > maxIdle_) evict(*idle_.back());
}

}  // namespace mesh

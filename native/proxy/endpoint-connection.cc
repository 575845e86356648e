// See endpoint-connection.h.
#include "proxy/endpoint-connection.h"

namespace mesh {

namespace {
// A connection that idled for less than this has been looked at by the poller a moment ago; asking
// the kernel once more would cost a system call per request under load. What closes within
// that moment is caught by the replay.
constexpr uint64_t FRESH_MS = 1;
}  // namespace

EndpointConnection::EndpointConnection(EventLoop& loop, std::shared_ptr<Target> target,
                                       std::shared_ptr<EndpointShared> endpoint,
                                       EndpointCounters& counters,
                                       std::unique_ptr<SocketEnd> socket)
    : loop_(loop),
      target_(std::move(target)),
      endpoint_(std::move(endpoint)),
      counters_(counters),
      socket_(std::move(socket)) {}

void EndpointConnection::release(std::unique_ptr<EndpointConnection> connection) {
  Endpoint* endpoint = connection->target_->balancer().find(connection->address());
  const bool usable = endpoint != nullptr && endpoint->shared == connection->endpoint_ &&
                      connection->in.empty() && !connection->socket_->peerClosed();
  if (!usable) {
    end(std::move(connection));
    return;
  }
  connection->in.release();
  connection->socket_->setHandler(*connection);
  EventLoop& loop = connection->loop_;
  endpoint->pool.put(*connection.release(), loop.nowMs());
}

void EndpointConnection::end(std::unique_ptr<EndpointConnection> connection) {
  EventLoop& loop = connection->loop_;
  connection->socket_->setHandler(*connection);
  loop.destroyLater(std::move(connection));
}

std::unique_ptr<SocketEnd> EndpointConnection::takeSocket(
    std::unique_ptr<EndpointConnection> connection) {
  std::unique_ptr<SocketEnd> socket = std::move(connection->socket_);
  EventLoop& loop = connection->loop_;
  loop.destroyLater(std::move(connection));
  return socket;
}

bool EndpointConnection::alive() const {
  if (socket_->peerClosed()) return false;
  if (loop_.nowMs() - idleSinceMs <= FRESH_MS) return true;
  return !isStale(socket_->fd());
}

void EndpointConnection::onEvicted() { loop_.destroyLater(std::unique_ptr<Disposable>(this)); }

void EndpointConnection::onIo(uint32_t fresh) {
  // Idle: writable is no news; anything else ends it. Doomed connections are not linked.
  if (!linked() || (fresh & (kReadable | kPeerClosed | kFailed)) == 0) return;
  Endpoint* endpoint = target_->balancer().find(address());
  if (endpoint != nullptr && endpoint->shared == endpoint_) {
    endpoint->pool.learnClosed(*this, loop_.nowMs());
    endpoint->pool.remove(*this);
  } else {
    unlink();
  }
  loop_.destroyLater(std::unique_ptr<Disposable>(this));
}

}  // namespace mesh

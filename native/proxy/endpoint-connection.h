// A connection to an endpoint, between its establishment and its end: in use by one exchange at a
// time, or idle in the pool of its endpoint. While idle it watches its socket and leaves the pool
// as soon as the endpoint closes it or says something nobody asked for.
#pragma once

#include <memory>

#include "balance/endpoint.h"
#include "io/buffer-pool.h"
#include "proxy/socket-end.h"
#include "proxy/target.h"

namespace mesh {

class EndpointConnection final : public PooledConnection, public IoHandler, public Disposable {
 public:
  EndpointConnection(EventLoop& loop, std::shared_ptr<Target> target,
                     std::shared_ptr<EndpointShared> endpoint, EndpointCounters& counters,
                     std::unique_ptr<SocketEnd> socket);

  SocketEnd& socket() { return *socket_; }
  const SocketAddress& address() const { return endpoint_->address; }
  const std::shared_ptr<EndpointShared>& endpoint() const { return endpoint_; }
  Target& target() { return *target_; }
  EndpointCounters& counters() { return counters_; }
  // Bytes read and not yet used.
  Buffer in;
  // Exchanges completed on it.
  uint32_t uses = 0;

  // Gives it back to its endpoint's pool, or ends it where the endpoint is gone.
  static void release(std::unique_ptr<EndpointConnection> connection);
  // Ends it after this turn, so that its events already fetched find it still there.
  static void end(std::unique_ptr<EndpointConnection> connection);
  // Takes the socket for opaque forwarding.
  static std::unique_ptr<SocketEnd> takeSocket(std::unique_ptr<EndpointConnection> connection);

  // Whether a connection out of the pool may carry a request.
  bool alive() const;

  void onEvicted() override;
  void onIo(uint32_t fresh) override;

 private:
  EventLoop& loop_;
  const std::shared_ptr<Target> target_;
  const std::shared_ptr<EndpointShared> endpoint_;
  EndpointCounters& counters_;
  std::unique_ptr<SocketEnd> socket_;
};

}  // namespace mesh

// Gets a connection to an endpoint of a target: out of its pool, or by dialling. A dial that
// fails has sent nothing, so a balanced target goes on with another endpoint; while none is ready it
// waits, at most for the fail-fast time. One attempt at a time; can be used again after each.
//
//   idle --start--> picking --pooled---------------------------------> onConnected
//                   |  ^  \--dialling --established-----------------> onConnected
//                   |  \-------- failed (balanced) /  \-- failed (forward) -> onConnectFailed
//                   \-- waiting --endpoint ready--> picking   \-- fail-fast -> onConnectFailed
//
// The owner may be told before `start` returns.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/endpoint-connection.h"
#include "proxy/http2-client.h"
#include "proxy/target.h"

namespace mesh {

class Worker;

struct ConnectFailure {
  Reason reason = Reason::None;
  int error = 0;           // errno of the last dial, 0 when none was tried
  SocketAddress endpoint;  // of the last dial
  std::string detail;
};

class ConnectorOwner {
 public:
  virtual void onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) = 0;
  // Where an HTTP/2 connection was asked for, in place of onConnected. It has room for a stream now.
  virtual void onHttp2(Http2Client& client, LoadToken load);
  virtual void onConnectFailed(const ConnectFailure& failure) = 0;

 protected:
  ~ConnectorOwner() = default;
};

// Shared: an HTTP/2 connection, which others may be using; a single dial at a time is made for all.
enum class Reuse { Allowed, Never, Shared };

// WhereTaken: endpoints that take HTTP/1 over HTTP/2 are connected to as with Reuse::Shared, and the
// owner may be told by onHttp2 in place of onConnected.
enum class OverHttp2 : uint8_t { No, WhereTaken };

class Connector final : public IoHandler, public Balancer::Waiter, public ListNode<Connector> {
 public:
  Connector(Worker& worker, ConnectorOwner& owner);
  ~Connector();

  // An endpoint at `avoid` has failed this request already: another is taken where there is one.
  void start(std::shared_ptr<Target> target, Direction direction, Reuse reuse,
             const SocketAddress& avoid = {}, OverHttp2 over = OverHttp2::No);
  void cancel();
  bool active() const { return phase_ != Phase::Idle; }

  // For the target.
  const SocketAddress& endpointAddress() const { return address_; }
  bool dialsTo(const SocketAddress& address) const {
    return phase_ == Phase::Dialling && address_ == address;
  }
  bool sharesDialTo(const SocketAddress& address) const { return shared_ && dialsTo(address); }
  void onEndpointRemoved();

  void onIo(uint32_t fresh) override;
  void onEndpointReady() override;

 private:
  enum class Phase : uint8_t { Idle, Waiting, Dialling, Following };

  void attempt();
  bool reusePooled(Endpoint& endpoint);
  bool shareHttp2(Endpoint& endpoint);
  void wakeFollowers(Target& target, const SocketAddress& address);
  // 0 when it is under way, else the errno.
  int dial(Endpoint& endpoint);
  void dialSucceeded();
  // After a dial that failed or was called off. False when that was the end.
  bool goOnAfter(int error);
  Endpoint* dialledEndpoint();
  void await();
  void stopWaiting();
  void dropDial();
  void fail(Reason reason, std::string detail);
  void onTimeout();
  SocketAddress sourceFor(const SocketAddress& endpoint) const;

  Worker& worker_;
  ConnectorOwner& owner_;
  std::shared_ptr<Target> target_;
  Direction direction_ = Direction::None;
  Reuse reuse_ = Reuse::Allowed;
  OverHttp2 over_ = OverHttp2::No;
  bool shared_ = false;  // to the endpoint of the present attempt: over HTTP/2
  Phase phase_ = Phase::Idle;
  Timer timer_;
  std::unique_ptr<SocketEnd> socket_;
  std::shared_ptr<EndpointShared> endpoint_;
  LoadToken load_;
  SocketAddress avoid_;    // by the first dial
  SocketAddress address_;  // of the last dial
  int lastError_ = 0;
  std::string_view lastDetail_;  // a literal
};

}  // namespace mesh

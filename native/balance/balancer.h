// The endpoints of one target on one worker, and the choice among them: power of two choices by
// cost over those that are ready; weights also shape which two are drawn. Adding, removing and picking do not depend on the number of
// endpoints (picking among unequal weights is O(log n)). Endpoints whose dial failed wait in back-off.
//
// States of an endpoint:   ready --dial failed--> back-off --time over--> probing --ok--> ready
//                                                     ^-----------failed-----'
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "balance/endpoint.h"
#include "base/random.h"
#include "io/event-loop.h"

namespace mesh {

class Balancer {
 public:
  struct Settings {
    bool forward = false;             // one endpoint, always ready, no back-off
    ConnectionPool::Settings pool;
    BackoffSettings backoff;
  };
  // Someone waiting for an endpoint to become pickable. Linked while waiting.
  class Waiter : public ListNode<Waiter> {
   public:
    // An endpoint may be pickable now, or the last one has been removed: pick again.
    virtual void onEndpointReady() = 0;

   protected:
    ~Waiter() = default;
  };

  Balancer(EventLoop& loop, Random& random, Settings settings);
  ~Balancer();

  // An address that is present keeps its connections and state; only its weight is new.
  // `onRemoved` sees the endpoint before it goes (its dials must be cancelled by the owner; its
  // idle connections are evicted here).
  Endpoint& add(std::shared_ptr<EndpointShared> shared);
  void remove(const SocketAddress& address);
  Endpoint* find(const SocketAddress& address);
  void configure(Settings settings);

  // The better of two drawn from the ready endpoints, `avoid` excluded where there is another; an
  // endpoint whose back-off is over counts as ready for one probe at a time. Null: see `empty`.
  // The endpoint stays valid until the loop's turn ends; keep `shared` for longer (and `find` it again).
  Endpoint* pick(uint64_t nowMs, const Endpoint* avoid);
  bool empty() const { return endpoints_.empty(); }
  size_t size() const { return endpoints_.size(); }

  // What became of a dial. `dialFailed` starts or lengthens the back-off.
  void dialSucceeded(Endpoint& endpoint);
  void dialFailed(Endpoint& endpoint, int error);

  void wait(Waiter& waiter) { waiters_.pushBack(waiter); ++waiting_; }
  void stopWaiting(Waiter& waiter);
  size_t waiting() const { return waiting_; }

  template <typename Visit>
  void forEach(Visit&& visit) {
    for (auto& entry : endpoints_) visit(*entry.second);
  }

 private:
  friend struct BalancerInternals;
  EventLoop& loop_;
  Random& random_;
  Settings settings_;
  std::unordered_map<SocketAddress, std::unique_ptr<Endpoint>> endpoints_;
  std::vector<Endpoint*> ready_;
  IntrusiveList<Waiter> waiters_;
  size_t waiting_ = 0;
};

}  // namespace mesh

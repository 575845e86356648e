// The endpoints of one target on one worker, and the choice among them: power of two choices by
// cost over those that are pickable; EndpointSet has the phases, the rules of the choice and of
// weights. This adds what needs the loop: the clock, who waits, and the timers. Adding, removing
// and picking cost O(log n) at most, and picking does not allocate.
//
// The balancer never dials by itself. After a failed dial the next one is made by a request that
// picks the endpoint once its back-off is over, or by a waiter that is woken for it.
//
// No callback may destroy the balancer. Waiters may call everything else here; an evicted
// connection may not add or remove endpoints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "balance/endpoint-set.h"
#include "balance/endpoint.h"
#include "base/random.h"
#include "io/event-loop.h"

namespace mesh {

class Balancer {
 public:
  struct Settings {
    bool forward = false;  // always pickable, no back-off, no ejection; meant for one endpoint
    ConnectionPool::Settings pool;
    BackoffSettings backoff;
    AccrualSettings accrual{};
  };
  // Someone waiting for an endpoint to become pickable. Linked while waiting; destroying it ends
  // the wait.
  class Waiter : public ListNode<Waiter> {
   public:
    // An endpoint may be pickable now, or the last one has been removed: pick again. Called at
    // the end of a turn, oldest first, for as long as there is something to pick; it no longer
    // waits when called. When it waits anew from inside, it keeps its place in front.
    virtual void onEndpointReady() = 0;

   protected:
    ~Waiter();

   private:
    friend class Balancer;
    Balancer* balancer_ = nullptr;
  };

  Balancer(EventLoop& loop, Random& random, Settings settings,
           EjectionListener* listener = nullptr);
  // Waiters that are left are forgotten, not called; idle connections are evicted.
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // An address that is present keeps its connections and state; only its weight is new. With
  // another `shared` for the address it is a new endpoint, and the old one is removed first.
  Endpoint& add(std::shared_ptr<EndpointShared> shared);
  // Its back-off ends, its idle connections are evicted, it is never picked again. Its dials must
  // be cancelled by the owner. Absent addresses are ignored.
  void remove(const SocketAddress& address);
  Endpoint* find(const SocketAddress& address);
  // Holds for present endpoints too: pools shrink, back-offs are cut to the new maximum, and what
  // is ejected returns when ejecting is switched off.
  void configure(Settings settings);

  // The better of two drawn from the pickable endpoints, `avoid` excluded where there is another;
  // an endpoint whose back-off is over counts as pickable for one probe at a time, and one that
  // is marked removed never is. Null: see `empty`. The endpoint stays valid until the loop's turn
  // ends; keep `shared` for longer (and `find` it again).
  Endpoint* pick(const Endpoint* avoid);
  // Whether a pick would find one.
  bool pickable();
  // Whether a pick would find another endpoint than the one at the address.
  bool pickableBeside(const SocketAddress& address);
  bool empty() const { return endpoints_.empty(); }
  size_t size() const { return endpoints_.size(); }

  // What became of a picked endpoint. `dialFailed` starts or lengthens its back-off. A picked
  // endpoint that is `probing()` must come back by one of the three, or nobody else will ever
  // probe it: `dialCancelled` when it was not dialled after all (a pooled connection was used) or
  // the dial was called off; for others it has no effect. An ejected endpoint's probe is the
  // request, not the dial: it must also come back by `observe` or `releaseProbe`, with the number
  // that `pickedAsProbe` gave right after the pick.
  void dialSucceeded(Endpoint& endpoint);
  void dialFailed(Endpoint& endpoint, int error);
  void dialCancelled(Endpoint& endpoint);
  // Its HTTP/2 connection ended: it is not dialled again before a back-off.
  void disconnected(Endpoint& endpoint);

  // Whether answers matter to anyone.
  bool accrues() const { return set_.accrual().active(); }
  // How a request to it ended; `probe` is 0 for what is none.
  void observe(Endpoint& endpoint, Verdict verdict, uint32_t probe);
  // The probe ended without a verdict; the next request becomes it.
  void releaseProbe(Endpoint& endpoint, uint32_t probe);

  void wait(Waiter& waiter);
  // No effect when it does not wait here.
  void stopWaiting(Waiter& waiter);
  size_t waiting() const { return waiting_; }

  template <typename Visit>
  void forEach(Visit&& visit) {
    for (auto& entry : endpoints_) visit(*entry.second);
  }

 private:
  struct Waking final : TurnEnd {
    explicit Waking(Balancer& balancer) : balancer(balancer) {}
    void onTurnEnd() override { balancer.wake(); }
    Balancer& balancer;
  };

  // After every change: has the waiters woken when there is cause, and times the next retry.
  void settle();
  bool causeToWake() const;
  // Back-offs are timed only while someone waits; a pick looks at the clock itself.
  void timeRetry();
  void wake();
  // True when it waits again.
  bool wakeFirst();
  void onRetryTime();

  EventLoop& loop_;
  Random& random_;
  Settings settings_;
  IdleQueue idle_;
  EndpointSet set_;
  std::unordered_map<SocketAddress, std::unique_ptr<Endpoint>> endpoints_;
  IntrusiveList<Waiter> waiters_;
  size_t waiting_ = 0;
  // The waiter whose callback runs, for comparison only: it may be gone already.
  const Waiter* beingWoken_ = nullptr;
  bool waitsAgain_ = false;
  bool lastRemoved_ = false;  // and those who wait have not been told yet
  Waking waking_;
  Timer retry_;
};

}  // namespace mesh

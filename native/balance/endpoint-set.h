// Who may be picked and who is: the phases of the endpoints of one target on one worker, and
// power of two choices by cost. Pure logic: no loop, no timer; time is an argument.
//
//   Ready --fail--> BackOff --time--> Due --picked--> Probing --succeed--> Ready
//                      ^                ^----release----'|
//                      '---------------fail--------------'
//   any --remove, or seen to be removed--> Gone
//
// Even weights: two different endpoints are drawn evenly, the lower cost wins, on a tie the first
// drawn. Uneven weights: two independent draws by weight, and again the lower cost wins. So with
// costs that differ by chance only, everyone gets its share of the weights exactly; drawing two
// different ones would not (of two endpoints both would always be drawn, whatever they weigh).
// When both draws give the same endpoint a challenger is drawn from the others by weight and wins
// only if it costs less than half: a heavy endpoint that has become slow is still avoided. Weight
// enters the cost through the requests under way only (Endpoint::cost), never twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>

#include "balance/endpoint.h"
#include "balance/ready-set.h"
#include "base/random.h"

namespace mesh {

class EndpointSet {
 public:
  // O(log n) each. Endpoints are owned elsewhere and must be removed before they go.
  void add(Endpoint& endpoint);
  void remove(Endpoint& endpoint);
  // Takes over the weight that the control logic gave.
  void reweigh(Endpoint& endpoint);

  // No effect on the phase of an endpoint that is in back-off or gone: the failure is one of a
  // dial that began before. One that began before and fails during a probe counts as the probe.
  void fail(Endpoint& endpoint, int error, uint64_t nowMs, Random& random);
  void succeed(Endpoint& endpoint);
  // The probe was not made after all.
  void release(Endpoint& endpoint);
  // A back-off that lasts longer than to `latestMs` is cut short.
  void retryNoLaterThan(Endpoint& endpoint, uint64_t latestMs);

  // Moves those whose back-off is over to Due; a cost of O(log n) for each that moves.
  void admitDue(uint64_t nowMs);
  // Null when none is pickable. An endpoint that is Due becomes Probing by being picked. `avoid`
  // is taken only when there is no other; null or an endpoint that was not destroyed.
  Endpoint* pick(uint64_t nowNs, const Endpoint* avoid, Random& random);
  bool pickable() const { return !pickable_.empty(); }
  // When the next back-off is over.
  std::optional<uint64_t> nextRetryMs() const;

  uint64_t steps() const { return pickable_.steps(); }

 private:
  struct ByRetryTime {
    bool operator()(const Endpoint* a, const Endpoint* b) const {
      if (a->retryAtMs != b->retryAtMs) return a->retryAtMs < b->retryAtMs;
      return std::less<const Endpoint*>()(a, b);
    }
  };
  // Takes the endpoint out of whatever holds it.
  void detach(Endpoint& endpoint);
  void makePickable(Endpoint& endpoint, Endpoint::Phase phase);
  Endpoint& choose(uint64_t nowNs, const Endpoint* avoid, Random& random) const;

  ReadySet pickable_;                                // Ready and Due
  std::set<Endpoint*, ByRetryTime> waitingForTime_;  // BackOff
  size_t size_ = 0;
};

}  // namespace mesh

// Who may be picked and who is: the phases of the endpoints of one target on one worker, and
// power of two choices by cost. Pure logic: no loop, no timer; time is an argument.
//
//   Ready --fail, disconnect, eject--> BackOff --time--> Due --picked--> Probing --good--> Ready
//                                         ^                ^----release----'|
//                                         '---------------bad---------------'
//   any --remove, or seen to be removed--> Gone
//
// An endpoint goes into back-off because it cannot be connected to, or because of how it answers:
// then it is also marked ejected. `good` is an established connection for the former, a good
// answer to the probe for the latter, whose connection may be an old one. Each has a sequence of
// back-offs of its own; an endpoint that is out for both comes back when both are over.
//
// Unless `mayEjectLast`, there is always somebody left: while any endpoint is ejected, at least one
// is Ready. An ejection that would break this is not made; when the last Ready endpoint is removed
// or cannot be connected to, the endpoints ejected first come back until one is Ready. What stays
// in in spite of the rules is judged anew with each answer.
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

enum class Reopening : uint8_t {
  Probe,     // its probe was answered well
  Last,      // nobody else is left
  Settings,  // ejecting was switched off
};

// Hears of ejections and their ends from inside of calls to the set: must not call it.
class EjectionListener {
 public:
  // For each back-off: also when a probe has failed.
  virtual void onEjected(const Endpoint& endpoint, bool again) = 0;
  virtual void onReopened(const Endpoint& endpoint, Reopening reason) = 0;

 protected:
  ~EjectionListener() = default;
};

class EndpointSet {
 public:
  explicit EndpointSet(EjectionListener* listener = nullptr) : listener_(listener) {}

  // O(log n) each. Endpoints are owned elsewhere and must be removed before they go.
  void add(Endpoint& endpoint);
  void remove(Endpoint& endpoint);
  // Takes over the weight that the control logic gave.
  void reweigh(Endpoint& endpoint);

  // No effect on the phase of an endpoint that is in back-off or gone: the failure is one of a
  // dial that began before. One that began before and fails during a probe counts as the probe.
  void fail(Endpoint& endpoint, int error, uint64_t nowMs, Random& random);
  // A dial has succeeded. What is ejected stays so.
  void succeed(Endpoint& endpoint);
  // Its HTTP/2 connection ended: a new sequence of back-offs begins (reference §5, rule 6). No
  // effect when it is known to be disconnected: then the present sequence goes on.
  void disconnect(Endpoint& endpoint, uint64_t nowMs, Random& random);
  // How a request ended. `probe` is what `pickedAsProbe` said for it. What other requests say of
  // an ejected endpoint is ignored: they were under way before.
  void observe(Endpoint& endpoint, Verdict verdict, uint32_t probe, uint64_t nowMs, Random& random);
  // The probe was no dial after all. No effect on what is ejected: its probe is the request.
  void release(Endpoint& endpoint);
  // The request ended without a verdict. No effect unless it is the probe that is under way.
  void releaseProbe(Endpoint& endpoint, uint32_t probe);
  // A back-off that lasts longer than to `latestMs` is cut short.
  void retryNoLaterThan(Endpoint& endpoint, uint64_t latestMs);

  // Holds for the endpoints present, whose `ejection` the caller configures. Switched off, all that
  // are ejected return; else they are out for the new maximum at most.
  void configureAccrual(const AccrualSettings& settings, uint64_t nowMs);
  const AccrualSettings& accrual() const { return accrual_; }

  // Moves those whose back-off is over to Due; a cost of O(log n) for each that moves.
  void admitDue(uint64_t nowMs);
  // Null when none is pickable. An endpoint that is Due becomes Probing by being picked. `avoid`
  // is taken only when there is no other; null or an endpoint that was not destroyed.
  Endpoint* pick(uint64_t nowNs, const Endpoint* avoid, Random& random);
  bool pickable() const { return !pickable_.empty(); }
  bool pickableBeside(const Endpoint& one) const {
    return pickable_.size() > (pickable_.contains(one) ? 1 : 0);
  }
  uint32_t ready() const { return ready_; }
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
  // Out of whatever holds it, and into what the phase says.
  void enter(Endpoint& endpoint, Endpoint::Phase phase);
  void backOff(Endpoint& endpoint, uint64_t untilMs);
  void forget(Endpoint& endpoint);
  // Until the end of a further ejection, or longer where it is in back-off already.
  void shut(Endpoint& endpoint, bool again, uint64_t nowMs, Random& random);
  void reopen(Endpoint& endpoint, Reopening reason);
  void keepOneIn();
  Endpoint& choose(uint64_t nowNs, const Endpoint* avoid, Random& random) const;

  ReadySet pickable_;                                // Ready and Due
  std::set<Endpoint*, ByRetryTime> waitingForTime_;  // BackOff
  IntrusiveList<Endpoint, ByEjection> ejected_;      // oldest ejection first
  EjectionListener* const listener_;
  AccrualSettings accrual_;
  size_t size_ = 0;
  uint32_t ready_ = 0;
};

}  // namespace mesh

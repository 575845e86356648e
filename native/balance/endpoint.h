// One endpoint of a target. `EndpointShared` is what all workers and the control logic see of it,
// by atomics only; `Endpoint` is what one worker knows: its phase, its back-off, its pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "balance/backoff.h"
#include "balance/connection-pool.h"
#include "balance/failure-accrual.h"
#include "balance/peak-ewma.h"
#include "base/intrusive-list.h"
#include "base/socket-address.h"
#include "io/event-loop.h"

namespace mesh {

struct EndpointShared {
  EndpointShared(const SocketAddress& address, uint32_t weight)
      : address(address), weight(weight) {}
  const SocketAddress address;
  // 1..10000. Workers take a new value over when they are told so by `Balancer::add`.
  std::atomic<uint32_t> weight;
  // Set synchronously by the command that removes it: checked right before every dial, so that no
  // address is dialled after its removal was confirmed to the control logic.
  std::atomic<bool> removed{false};
  // Workers between that check and their connect(2): counted up before the check and down after
  // the call, so that whoever sets `removed` can wait for the last dial that did not see it.
  std::atomic<uint32_t> dialing{0};
  PeakEwma load;
};

struct ByEjection {};

// Worker-local. Outlives its removal from the balancer to the end of the loop's turn.
struct Endpoint final : Disposable, ListNode<ByEjection> {
  enum class Phase : uint8_t {
    Ready,    // takes requests
    BackOff,  // a dial failed, its HTTP/2 connection ended, or it was ejected: nobody gets it
              // until `retryAtMs`
    Due,      // the back-off is over: takes one request, the probe
    Probing,  // the probe is under way
    Gone,     // removed by discovery
  };

  Endpoint(std::shared_ptr<EndpointShared> shared, uint32_t maxIdle, IdleQueue& idle,
           BackoffSettings backoff)
      : shared(std::move(shared)), pool(maxIdle, idle), backoff(backoff) {}

  const SocketAddress& address() const { return shared->address; }
  bool ready() const { return phase == Phase::Ready; }
  bool probing() const { return phase == Phase::Probing; }
  // Out for a while, for whatever reason, until its probe has succeeded.
  bool inBackoff() const {
    return phase == Phase::BackOff || phase == Phase::Due || phase == Phase::Probing;
  }
  // Out for how it answers: an established connection does not bring it back, an answer does.
  bool ejected() const { return ejectedFor != EjectionCause::None; }
  // For who has just picked it: the number of the probe that its request is, 0 when it is none.
  uint32_t pickedAsProbe() const { return probing() ? probe : 0; }
  // What choosing compares, in nanoseconds: the lower, the better. Requests under way count
  // relative to the endpoint's share of the weights (`meanWeight` is that of the ready ones):
  // one that is meant to carry twice as much is as busy with twice as many. The latency is not
  // divided by the weight: being drawn more often is all a heavier endpoint gets from it.
  double cost(uint64_t nowNs, double meanWeight) const {
    const double relative = shared->load.inFlight() * (meanWeight / weight);
    return shared->load.estimateNs(nowNs) * (relative + 1.0);
  }

  const std::shared_ptr<EndpointShared> shared;
  ConnectionPool pool;
  Backoff backoff;
  FailureAccrual accrual;
  Backoff ejection{BackoffSettings{}};
  Phase phase = Phase::Ready;
  EjectionCause ejectedFor = EjectionCause::None;
  // A dial failed, or the HTTP/2 connection ended, and no dial has succeeded since.
  bool disconnected = false;
  uint32_t probe = 0;      // number of the latest probe, from 1
  uint32_t weight = 1;     // as the balancer's tables have it
  uint32_t slot = 0;       // position among the pickable ones
  uint64_t retryAtMs = 0;  // end of the latest back-off
  int lastError = 0;       // errno of the last failed attempt; 0 after a success
  // Opaque to this folder: what the owner counts for this endpoint (series ids).
  void* counters = nullptr;
};

}  // namespace mesh

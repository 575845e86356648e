// One endpoint of a target. `EndpointShared` is what all workers and the control logic see of it,
// by atomics only; `Endpoint` is what one worker knows: its readiness, its back-off, its pool.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/socket-address.h"
#include "balance/backoff.h"
#include "balance/connection-pool.h"
#include "balance/peak-ewma.h"
#include "io/timer-wheel.h"

namespace mesh {

struct EndpointShared {
  EndpointShared(const SocketAddress& address, uint32_t weight) : address(address), weight(weight) {}
  const SocketAddress address;
  std::atomic<uint32_t> weight;
  // Set synchronously by the command that removes it: checked right before every dial, so that no
  // address is dialled after its removal was confirmed to the control logic.
  std::atomic<bool> removed{false};
  PeakEwma load;
};

// Worker-local.
struct Endpoint {
  Endpoint(std::shared_ptr<EndpointShared> shared, ConnectionPool::Settings pool, BackoffSettings backoff)
      : shared(std::move(shared)), pool(pool), backoff(backoff) {}

  const SocketAddress& address() const { return shared->address; }
  // Load per weight: the lower, the better a choice.
  double cost(uint64_t nowNs) const {
    return shared->load.load(nowNs) / shared->weight.load(std::memory_order_relaxed);
  }

  const std::shared_ptr<EndpointShared> shared;
  ConnectionPool pool;
  Backoff backoff;
  // Ready endpoints take requests. One whose dial failed waits in back-off and is then tried by
  // one request or, while requests wait, by the balancer.
  bool ready = true;
  uint64_t retryAtMs = 0;    // while not ready
  int lastError = 0;         // errno of the last failed attempt
  uint32_t index = 0;        // position in the balancer's ready or pending array
  // Opaque to this folder: what the owner counts for this endpoint (series ids).
  void* counters = nullptr;
};

}  // namespace mesh

// When a request is sent again. A plain value: rules have one, and a request may bring one of its
// own (overrides.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "route/retry-budget.h"
#include "route/spec.h"
#include "route/status-set.h"

namespace mesh::route {

struct RetryPolicy {
  uint32_t maxRetries = 0;
  bool unlimited = false;        // whatever `maxRetries` says; the budget bounds them
  bool responsesOnly = false;    // failures and time-outs are not tried again
  uint64_t maxRequestBytes = 0;  // 0: only requests without a body
  StatusSet statuses;
  uint32_t grpcCodes = 0;               // bit n: code n
  uint32_t timeoutMs = 0;               // for the head of each response but the last try's; 0: none
  std::optional<RetryBackoff> backoff;  // absent: at once
  std::shared_ptr<RetryBudget> budget;  // null: unlimited

  // Whether another try may follow when so many were made.
  bool allowsAfter(uint32_t tries) const { return unlimited || tries <= maxRetries; }
  bool retriesStatus(uint16_t status) const { return statuses.contains(status); }
  bool retriesGrpc(uint8_t code) const { return code < 32 && (grpcCodes >> code & 1) != 0; }
  // Whether a body of this length, when it is known, may be kept for another try.
  bool keepsBody(uint64_t bytes) const { return bytes <= maxRequestBytes; }
};

// Without its budget, which the registry has.
RetryPolicy compileRetry(const Retry& spec);

}  // namespace mesh::route

// What a request asks for itself in `l5d-` fields, where its rule allows it (reference §4.8, §4.9):
// time-outs, and to be sent again. Fields that cannot be read are ignored; all are taken out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"
#include "route/retry.h"
#include "route/rule.h"

namespace mesh::route {

struct RequestPolicy {
  StreamTimeouts timeouts;
  std::optional<RetryPolicy> retry;

  // No clock runs and nothing is kept to be sent again.
  bool plain() const {
    return !retry && timeouts.requestMs == 0 && timeouts.responseMs == 0 && timeouts.idleMs == 0 &&
           timeouts.headMs == 0;
  }
};

// What holds for this request. Takes the fields out of `fields` where the rule obeys them, and
// touches nothing where it does not.
RequestPolicy policyOf(const Rule& rule, FieldTable& fields);

// Digits and a unit of ms, s, m, h, d; "0" needs none. No more than a timer can hold.
std::optional<uint32_t> parseDurationMs(std::string_view text);

}  // namespace mesh::route

// What is done with a request once its route is found. Immutable; kept alive by its table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/reason.h"
#include "route/distribution.h"
#include "route/retry.h"
#include "route/spec.h"
#include "route/status-set.h"

namespace mesh::route {

struct Rule {
  uint32_t id = 0;
  std::string name;
  RouteKind kind = RouteKind::Http;
  std::vector<Filter> filters;  // see filters.h; those of a backend come after them
  BackendPicker distribution;
  StreamTimeouts timeouts;
  std::optional<RetryPolicy> retry;
  bool allowRequestOverrides = false;
  StatusSet failureStatuses;
  std::vector<uint32_t> authorizations;  // of the table's server
};

// For connections that are not HTTP.
struct TcpRoute {
  uint32_t id = 0;
  std::string name;
  BackendPicker distribution;
  Reason refusal = Reason::None;  // not None: connections end with it
  std::vector<uint32_t> authorizations;
};

}  // namespace mesh::route

// An endpoint as a target is told of it: what all workers share, and what sets it apart.
#pragma once

#include <memory>

#include "balance/endpoint.h"
#include "contract/commands.h"

namespace mesh {

// Null traits: none. Those of an endpoint that is there already take the place of what it had.
struct EndpointAddition {
  std::shared_ptr<EndpointShared> endpoint;
  std::shared_ptr<const contract::EndpointTraits> traits{};
};

}  // namespace mesh

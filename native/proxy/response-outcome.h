// What the head of a final response says about the endpoint that gave it.
#pragma once

#include "http/head.h"
#include "proxy/load-token.h"

namespace mesh {

// With the hint when to try again, where it counts (reference §4.12). `grpcStatus`: of the head, -1: none.
ResponseOutcome outcomeOf(const ResponseHead& head, int8_t grpcStatus);

}  // namespace mesh

// The one place where a reason becomes an HTTP answer (reference §7.2) and a sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/reason.h"
#include "base/socket-address.h"

namespace mesh {

// What is known about a failure when it has to be answered.
struct FailureFacts {
  Reason reason = Reason::None;
  int error = 0;           // errno, 0: none
  std::string detail;      // the rule broken, the authority, what discovery said
  SocketAddress endpoint;  // invalid: none was chosen
  std::string authority;   // logical authority of the target; may be empty
};

// The status a request that failed for this reason is answered with.
uint16_t statusOf(Reason reason);
// The same for gRPC (reference §7.2).
uint8_t grpcStatusOf(Reason reason);
// Chain of causes, from the service down to the system's word: `l5d-proxy-error` and logs.
std::string describeFailure(const FailureFacts& facts);
// Whether text may stand in a field value (RFC 9110 §5.5); where not, this is said instead.
std::string_view fieldValueOf(std::string_view message);
// A complete response without a body that closes the connection. The message becomes
// `l5d-proxy-error` when `emitHeaders` is set and it is a legal field value.
std::string errorResponse(uint16_t status, std::string_view message, bool emitHeaders);

}  // namespace mesh

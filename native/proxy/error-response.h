// The one place where a reason becomes an answer (reference §7.2) and a sentence (§7.5); so do
// redirects and failures that a route's filter asks for. How an answer looks on the wire is
// answer-rendering.h's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/reason.h"
#include "base/socket-address.h"
#include "route/spec.h"

namespace mesh {

// What is known about a failure when it has to be answered. What is empty is not spoken of.
struct FailureFacts {
  Reason reason = Reason::None;
  int error = 0;           // errno, 0: none
  std::string detail;      // the rule broken, the authority, what discovery said
  SocketAddress endpoint;  // invalid: none was chosen
  std::string authority;   // logical authority of the target
  std::string route;       // names as the control logic gave them
  std::string backend;
  std::string serverName;     // that a TLS client asked for
  bool byServerName = false;  // decided where it goes
};

// What a client is told in place of an endpoint's response.
struct Answer {
  uint16_t status = 0;     // to a request that is not gRPC
  uint8_t grpcStatus = 0;  // to one that is: under HTTP status 200
  // The client's connection ends with it. Otherwise it may go on, once the request has been read to
  // its end.
  bool closes = true;
  std::string message;   // any text
  std::string location;  // of a redirect; else empty
};

Answer answerFor(const FailureFacts& facts);
// Status 300..399. A location that cannot be said is an internal error.
Answer redirectAnswer(uint16_t status, std::string location);
Answer injectedAnswer(const route::HttpFailure& failure);
Answer injectedAnswer(const route::GrpcFailure& failure);

// The status a request that failed for this reason is answered with, and the same for gRPC.
uint16_t statusOf(Reason reason);
uint8_t grpcStatusOf(Reason reason);
// Chain of causes, from the service down to the system's word: `l5d-proxy-error` and logs.
std::string describeFailure(const FailureFacts& facts);
// `text`, or what is said in its place when it may not stand in a field (RFC 9110 §5.5).
std::string_view fieldValueOf(std::string_view text);

}  // namespace mesh

// Why a connection or a request ended otherwise than by the wish of its two peers. The closed list
// is `enum Reason` in src/dataplane/contract.proto, where each is explained; contract/reasons.cc
// fails to compile when the two differ.
#pragma once

#include <cstdint>
#include <string_view>

namespace mesh {

enum class Reason : uint8_t {
  None = 0,
  ClientClosed = 1,
  ClientReset = 2,
  ClientHeadTimeout = 3,
  ClientIdleTimeout = 4,
  MalformedRequest = 5,
  RequestHeadTooLarge = 6,
  UnsupportedVersion = 7,
  DetectTimeout = 8,
  KeepaliveTimeout = 9,
  NoOriginalDestination = 20,
  LoopRefused = 21,
  DiscoveryTimeout = 22,
  DiscoveryFailed = 23,
  NoRoute = 24,
  NoEndpoints = 25,
  FailFast = 26,
  QueueFull = 27,
  NoReadyBackend = 28,
  NoDispatcher = 29,
  InvalidPolicy = 30,
  InjectedFailure = 31,
  Forbidden = 32,
  Unauthorized = 33,
  RateLimited = 34,
  AddressNotAllowed = 35,
  TooManyInFlight = 36,
  ConnectRefused = 40,
  ConnectTimeout = 41,
  ConnectFailed = 42,
  EndpointRemoved = 43,
  EndpointClosed = 44,
  EndpointReset = 45,
  MalformedResponse = 46,
  ResponseHeadTooLarge = 47,
  ResponseTimeout = 48,
  RequestTimeout = 49,
  ResponseHeadersTimeout = 50,
  StreamIdleTimeout = 51,
  RouteTimeout = 52,
  HalfCloseTimeout = 60,
  IdleTimeout = 61,
  OutOfDescriptors = 62,
  OutOfMemoryBudget = 63,
  Draining = 64,
  Internal = 65,
};

// The stable name, in lower case: "connect_refused".
std::string_view reasonName(Reason reason);

}  // namespace mesh

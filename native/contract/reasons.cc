// The closed list of reasons exists twice, in contract.proto and in base/reason.h. This file does
// not compile when the two differ: both switches are exhaustive, and the numbers are compared.
#include <cstddef>

#include "contract/enums.h"

namespace mesh::contract {
namespace {

constexpr pb::Reason reasonTo(Reason value) {
  switch (value) {
    case Reason::None:
      return pb::NONE;
    case Reason::ClientClosed:
      return pb::CLIENT_CLOSED;
    case Reason::ClientReset:
      return pb::CLIENT_RESET;
    case Reason::ClientHeadTimeout:
      return pb::CLIENT_HEAD_TIMEOUT;
    case Reason::ClientIdleTimeout:
      return pb::CLIENT_IDLE_TIMEOUT;
    case Reason::MalformedRequest:
      return pb::MALFORMED_REQUEST;
    case Reason::RequestHeadTooLarge:
      return pb::REQUEST_HEAD_TOO_LARGE;
    case Reason::UnsupportedVersion:
      return pb::UNSUPPORTED_VERSION;
    case Reason::DetectTimeout:
      return pb::DETECT_TIMEOUT;
    case Reason::KeepaliveTimeout:
      return pb::KEEPALIVE_TIMEOUT;
    case Reason::NoOriginalDestination:
      return pb::NO_ORIGINAL_DESTINATION;
    case Reason::LoopRefused:
      return pb::LOOP_REFUSED;
    case Reason::DiscoveryTimeout:
      return pb::DISCOVERY_TIMEOUT;
    case Reason::DiscoveryFailed:
      return pb::DISCOVERY_FAILED;
    case Reason::NoRoute:
      return pb::NO_ROUTE;
    case Reason::NoEndpoints:
      return pb::NO_ENDPOINTS;
    case Reason::FailFast:
      return pb::FAIL_FAST;
    case Reason::QueueFull:
      return pb::QUEUE_FULL;
    case Reason::NoReadyBackend:
      return pb::NO_READY_BACKEND;
    case Reason::NoDispatcher:
      return pb::NO_DISPATCHER;
    case Reason::InvalidPolicy:
      return pb::INVALID_POLICY;
    case Reason::InjectedFailure:
      return pb::INJECTED_FAILURE;
    case Reason::Forbidden:
      return pb::FORBIDDEN;
    case Reason::Unauthorized:
      return pb::UNAUTHORIZED;
    case Reason::RateLimited:
      return pb::RATE_LIMITED;
    case Reason::AddressNotAllowed:
      return pb::ADDRESS_NOT_ALLOWED;
    case Reason::TooManyInFlight:
      return pb::TOO_MANY_IN_FLIGHT;
    case Reason::ConnectRefused:
      return pb::CONNECT_REFUSED;
    case Reason::ConnectTimeout:
      return pb::CONNECT_TIMEOUT;
    case Reason::ConnectFailed:
      return pb::CONNECT_FAILED;
    case Reason::EndpointRemoved:
      return pb::ENDPOINT_REMOVED;
    case Reason::EndpointClosed:
      return pb::ENDPOINT_CLOSED;
    case Reason::EndpointReset:
      return pb::ENDPOINT_RESET;
    case Reason::MalformedResponse:
      return pb::MALFORMED_RESPONSE;
    case Reason::ResponseHeadTooLarge:
      return pb::RESPONSE_HEAD_TOO_LARGE;
    case Reason::ResponseTimeout:
      return pb::RESPONSE_TIMEOUT;
    case Reason::RequestTimeout:
      return pb::REQUEST_TIMEOUT;
    case Reason::ResponseHeadersTimeout:
      return pb::RESPONSE_HEADERS_TIMEOUT;
    case Reason::StreamIdleTimeout:
      return pb::STREAM_IDLE_TIMEOUT;
    case Reason::RouteTimeout:
      return pb::ROUTE_TIMEOUT;
    case Reason::HalfCloseTimeout:
      return pb::HALF_CLOSE_TIMEOUT;
    case Reason::IdleTimeout:
      return pb::IDLE_TIMEOUT;
    case Reason::OutOfDescriptors:
      return pb::OUT_OF_DESCRIPTORS;
    case Reason::OutOfMemoryBudget:
      return pb::OUT_OF_MEMORY_BUDGET;
    case Reason::Draining:
      return pb::DRAINING;
    case Reason::Internal:
      return pb::INTERNAL;
  }
  return pb::INTERNAL;
}

constexpr std::optional<Reason> reasonOf(pb::Reason value) {
  switch (value) {
    case pb::NONE:
      return Reason::None;
    case pb::CLIENT_CLOSED:
      return Reason::ClientClosed;
    case pb::CLIENT_RESET:
      return Reason::ClientReset;
    case pb::CLIENT_HEAD_TIMEOUT:
      return Reason::ClientHeadTimeout;
    case pb::CLIENT_IDLE_TIMEOUT:
      return Reason::ClientIdleTimeout;
    case pb::MALFORMED_REQUEST:
      return Reason::MalformedRequest;
    case pb::REQUEST_HEAD_TOO_LARGE:
      return Reason::RequestHeadTooLarge;
    case pb::UNSUPPORTED_VERSION:
      return Reason::UnsupportedVersion;
    case pb::DETECT_TIMEOUT:
      return Reason::DetectTimeout;
    case pb::KEEPALIVE_TIMEOUT:
      return Reason::KeepaliveTimeout;
    case pb::NO_ORIGINAL_DESTINATION:
      return Reason::NoOriginalDestination;
    case pb::LOOP_REFUSED:
      return Reason::LoopRefused;
    case pb::DISCOVERY_TIMEOUT:
      return Reason::DiscoveryTimeout;
    case pb::DISCOVERY_FAILED:
      return Reason::DiscoveryFailed;
    case pb::NO_ROUTE:
      return Reason::NoRoute;
    case pb::NO_ENDPOINTS:
      return Reason::NoEndpoints;
    case pb::FAIL_FAST:
      return Reason::FailFast;
    case pb::QUEUE_FULL:
      return Reason::QueueFull;
    case pb::NO_READY_BACKEND:
      return Reason::NoReadyBackend;
    case pb::NO_DISPATCHER:
      return Reason::NoDispatcher;
    case pb::INVALID_POLICY:
      return Reason::InvalidPolicy;
    case pb::INJECTED_FAILURE:
      return Reason::InjectedFailure;
    case pb::FORBIDDEN:
      return Reason::Forbidden;
    case pb::UNAUTHORIZED:
      return Reason::Unauthorized;
    case pb::RATE_LIMITED:
      return Reason::RateLimited;
    case pb::ADDRESS_NOT_ALLOWED:
      return Reason::AddressNotAllowed;
    case pb::TOO_MANY_IN_FLIGHT:
      return Reason::TooManyInFlight;
    case pb::CONNECT_REFUSED:
      return Reason::ConnectRefused;
    case pb::CONNECT_TIMEOUT:
      return Reason::ConnectTimeout;
    case pb::CONNECT_FAILED:
      return Reason::ConnectFailed;
    case pb::ENDPOINT_REMOVED:
      return Reason::EndpointRemoved;
    case pb::ENDPOINT_CLOSED:
      return Reason::EndpointClosed;
    case pb::ENDPOINT_RESET:
      return Reason::EndpointReset;
    case pb::MALFORMED_RESPONSE:
      return Reason::MalformedResponse;
    case pb::RESPONSE_HEAD_TOO_LARGE:
      return Reason::ResponseHeadTooLarge;
    case pb::RESPONSE_TIMEOUT:
      return Reason::ResponseTimeout;
    case pb::REQUEST_TIMEOUT:
      return Reason::RequestTimeout;
    case pb::RESPONSE_HEADERS_TIMEOUT:
      return Reason::ResponseHeadersTimeout;
    case pb::STREAM_IDLE_TIMEOUT:
      return Reason::StreamIdleTimeout;
    case pb::ROUTE_TIMEOUT:
      return Reason::RouteTimeout;
    case pb::HALF_CLOSE_TIMEOUT:
      return Reason::HalfCloseTimeout;
    case pb::IDLE_TIMEOUT:
      return Reason::IdleTimeout;
    case pb::OUT_OF_DESCRIPTORS:
      return Reason::OutOfDescriptors;
    case pb::OUT_OF_MEMORY_BUDGET:
      return Reason::OutOfMemoryBudget;
    case pb::DRAINING:
      return Reason::Draining;
    case pb::INTERNAL:
      return Reason::Internal;
    case pb::Reason_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Reason_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

// Every number of the contract is the same number here, and goes there and back unchanged.
constexpr bool reasonsAgree() {
  for (int number = pb::Reason_MIN; number <= pb::Reason_MAX; ++number) {
    std::optional<Reason> reason = reasonOf(static_cast<pb::Reason>(number));
    if (!reason) continue;
    if (static_cast<int>(*reason) != number || reasonTo(*reason) != number) return false;
  }
  return true;
}
static_assert(reasonsAgree(), "enum Reason of contract.proto and mesh::Reason differ");

}  // namespace

std::optional<Reason> reasonFrom(pb::Reason value) { return reasonOf(value); }
pb::Reason toContract(Reason value) { return reasonTo(value); }

}  // namespace mesh::contract

// The stable names of reasons. The switch has no default, so that a new reason without a name does
// not compile.
#include "base/reason.h"

#include "base/check.h"

namespace mesh {

std::string_view reasonName(Reason reason) {
  switch (reason) {
    case Reason::None:
      return "none";
    case Reason::ClientClosed:
      return "client_closed";
    case Reason::ClientReset:
      return "client_reset";
    case Reason::ClientHeadTimeout:
      return "client_head_timeout";
    case Reason::ClientIdleTimeout:
      return "client_idle_timeout";
    case Reason::MalformedRequest:
      return "malformed_request";
    case Reason::RequestHeadTooLarge:
      return "request_head_too_large";
    case Reason::UnsupportedVersion:
      return "unsupported_version";
    case Reason::DetectTimeout:
      return "detect_timeout";
    case Reason::KeepaliveTimeout:
      return "keepalive_timeout";
    case Reason::NoOriginalDestination:
      return "no_original_destination";
    case Reason::LoopRefused:
      return "loop_refused";
    case Reason::DiscoveryTimeout:
      return "discovery_timeout";
    case Reason::DiscoveryFailed:
      return "discovery_failed";
    case Reason::NoRoute:
      return "no_route";
    case Reason::NoEndpoints:
      return "no_endpoints";
    case Reason::FailFast:
      return "fail_fast";
    case Reason::QueueFull:
      return "queue_full";
    case Reason::NoReadyBackend:
      return "no_ready_backend";
    case Reason::NoDispatcher:
      return "no_dispatcher";
    case Reason::InvalidPolicy:
      return "invalid_policy";
    case Reason::InjectedFailure:
      return "injected_failure";
    case Reason::Forbidden:
      return "forbidden";
    case Reason::Unauthorized:
      return "unauthorized";
    case Reason::RateLimited:
      return "rate_limited";
    case Reason::AddressNotAllowed:
      return "address_not_allowed";
    case Reason::TooManyInFlight:
      return "too_many_in_flight";
    case Reason::ConnectRefused:
      return "connect_refused";
    case Reason::ConnectTimeout:
      return "connect_timeout";
    case Reason::ConnectFailed:
      return "connect_failed";
    case Reason::EndpointRemoved:
      return "endpoint_removed";
    case Reason::EndpointClosed:
      return "endpoint_closed";
    case Reason::EndpointReset:
      return "endpoint_reset";
    case Reason::MalformedResponse:
      return "malformed_response";
    case Reason::ResponseHeadTooLarge:
      return "response_head_too_large";
    case Reason::ResponseTimeout:
      return "response_timeout";
    case Reason::RequestTimeout:
      return "request_timeout";
    case Reason::ResponseHeadersTimeout:
      return "response_headers_timeout";
    case Reason::StreamIdleTimeout:
      return "stream_idle_timeout";
    case Reason::RouteTimeout:
      return "route_timeout";
    case Reason::HalfCloseTimeout:
      return "half_close_timeout";
    case Reason::IdleTimeout:
      return "idle_timeout";
    case Reason::OutOfDescriptors:
      return "out_of_descriptors";
    case Reason::OutOfMemoryBudget:
      return "out_of_memory_budget";
    case Reason::Draining:
      return "draining";
    case Reason::Internal:
      return "internal";
  }
  checkFailed("reason is one of the enumeration", __FILE__, __LINE__);
}

}  // namespace mesh

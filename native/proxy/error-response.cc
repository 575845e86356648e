// See error-response.h.
#include "proxy/error-response.h"

#include <cstring>

namespace mesh {

namespace {
// One class of the reference's table (§7.2).
struct AnswerClass {
  uint16_t status;
  uint8_t grpcStatus;
  bool closes;
};

constexpr uint8_t GRPC_DEADLINE_EXCEEDED = 4;
constexpr uint8_t GRPC_NOT_FOUND = 5;
constexpr uint8_t GRPC_PERMISSION_DENIED = 7;
constexpr uint8_t GRPC_RESOURCE_EXHAUSTED = 8;
constexpr uint8_t GRPC_FAILED_PRECONDITION = 9;
constexpr uint8_t GRPC_ABORTED = 10;
constexpr uint8_t GRPC_INTERNAL = 13;
constexpr uint8_t GRPC_UNAVAILABLE = 14;

constexpr AnswerClass INTERNAL{.status = 500, .grpcStatus = GRPC_INTERNAL, .closes = true};

// A request that broke the rules, or came without its end, leaves nobody sure of where the next one
// begins: those close. The rest is the reference's choice.
AnswerClass classOf(Reason reason) {
  switch (reason) {
    case Reason::MalformedRequest:
      return {.status = 400, .grpcStatus = GRPC_INTERNAL, .closes = true};
    case Reason::RequestHeadTooLarge:
      return {.status = 431, .grpcStatus = GRPC_RESOURCE_EXHAUSTED, .closes = true};
    case Reason::UnsupportedVersion:
      return {.status = 505, .grpcStatus = GRPC_INTERNAL, .closes = true};
    case Reason::ClientHeadTimeout:
      return {.status = 408, .grpcStatus = GRPC_DEADLINE_EXCEEDED, .closes = true};
    case Reason::LoopRefused:
      return {.status = 508, .grpcStatus = GRPC_ABORTED, .closes = true};
    case Reason::NoRoute:
      return {.status = 404, .grpcStatus = GRPC_NOT_FOUND, .closes = false};
    case Reason::Forbidden:
    case Reason::Unauthorized:
      return {.status = 403, .grpcStatus = GRPC_PERMISSION_DENIED, .closes = false};
    case Reason::RateLimited:
      return {.status = 429, .grpcStatus = GRPC_RESOURCE_EXHAUSTED, .closes = false};
    case Reason::AddressNotAllowed:
      return {.status = 403, .grpcStatus = GRPC_PERMISSION_DENIED, .closes = true};
    case Reason::NoOriginalDestination:
    case Reason::DiscoveryFailed:
    case Reason::NoDispatcher:
    case Reason::ConnectRefused:
    case Reason::ConnectFailed:
    case Reason::EndpointRemoved:
    case Reason::EndpointClosed:
    case Reason::EndpointReset:
    case Reason::MalformedResponse:
    case Reason::ResponseHeadTooLarge:
    // Of an endpoint: towards a client nobody is left to be answered.
    case Reason::KeepaliveTimeout:
      return {.status = 502, .grpcStatus = GRPC_UNAVAILABLE, .closes = true};
    case Reason::NoEndpoints:
    case Reason::QueueFull:
    case Reason::NoReadyBackend:
    case Reason::TooManyInFlight:
    case Reason::OutOfDescriptors:
    case Reason::OutOfMemoryBudget:
    case Reason::Draining:
      return {.status = 503, .grpcStatus = GRPC_UNAVAILABLE, .closes = true};
    case Reason::DiscoveryTimeout:
    case Reason::FailFast:
    case Reason::ConnectTimeout:
    case Reason::RouteTimeout:
      return {.status = 504, .grpcStatus = GRPC_DEADLINE_EXCEEDED, .closes = true};
    // Time-outs of the stream, before it had its head.
    case Reason::ResponseTimeout:
    case Reason::RequestTimeout:
    case Reason::ResponseHeadersTimeout:
    case Reason::StreamIdleTimeout:
      return {.status = 504, .grpcStatus = GRPC_DEADLINE_EXCEEDED, .closes = false};
    // The filter has the status; this is what is said when it cannot be had.
    case Reason::InjectedFailure:
      return {.status = 500, .grpcStatus = GRPC_FAILED_PRECONDITION, .closes = false};
    case Reason::InvalidPolicy:
    // Ends of connections that no request waits behind.
    case Reason::None:
    case Reason::ClientClosed:
    case Reason::ClientReset:
    case Reason::ClientIdleTimeout:
    case Reason::DetectTimeout:
    case Reason::HalfCloseTimeout:
    case Reason::IdleTimeout:
    case Reason::Internal:
      return INTERNAL;
  }
  return INTERNAL;
}

std::string_view leafText(Reason reason) {
  switch (reason) {
    case Reason::None:
      return "no failure";
    case Reason::ClientClosed:
      return "client closed the connection";
    case Reason::ClientReset:
      return "client reset the connection";
    case Reason::ClientHeadTimeout:
      return "request head not complete in time";
    case Reason::ClientIdleTimeout:
      return "connection idle for too long";
    case Reason::MalformedRequest:
      return "malformed request";
    case Reason::RequestHeadTooLarge:
      return "request head too large";
    case Reason::UnsupportedVersion:
      return "unsupported HTTP version";
    case Reason::DetectTimeout:
      return "protocol detection timed out";
    case Reason::KeepaliveTimeout:
      return "keep-alive PING not answered in time";
    case Reason::NoOriginalDestination:
      return "original destination unknown";
    case Reason::LoopRefused:
      return "destination is the proxy itself";
    case Reason::DiscoveryTimeout:
      return "discovery timed out";
    case Reason::DiscoveryFailed:
      return "discovery failed";
    case Reason::NoRoute:
      return "no route";
    case Reason::NoEndpoints:
      return "no endpoints";
    case Reason::FailFast:
      return "service in fail-fast";
    case Reason::QueueFull:
      return "service unavailable";
    case Reason::NoReadyBackend:
      return "service unavailable: no backend is ready";
    case Reason::NoDispatcher:
      return "backend has no dispatcher";
    case Reason::InvalidPolicy:
      return "invalid client policy";
    case Reason::InjectedFailure:
      return "injected failure";
    case Reason::Forbidden:
      return "forbidden TCP route";
    case Reason::Unauthorized:
      return "unauthorized";
    case Reason::RateLimited:
      return "rate limit exceeded";
    case Reason::AddressNotAllowed:
      return "inbound connections are not allowed on this IP address";
    case Reason::TooManyInFlight:
      return "service unavailable: too many requests in flight";
    case Reason::ConnectRefused:
      return "connection refused";
    case Reason::ConnectTimeout:
      return "connect timed out";
    case Reason::ConnectFailed:
      return "connect failed";
    case Reason::EndpointRemoved:
      return "endpoint removed by discovery";
    case Reason::EndpointClosed:
      return "endpoint closed the connection before a complete response";
    case Reason::EndpointReset:
      return "endpoint reset the connection";
    case Reason::MalformedResponse:
      return "malformed response";
    case Reason::ResponseHeadTooLarge:
      return "response head too large";
    case Reason::ResponseTimeout:
      return "timed out waiting for the end of the response";
    case Reason::RequestTimeout:
      return "timed out waiting for the whole request";
    case Reason::ResponseHeadersTimeout:
      return "timed out waiting for response headers";
    case Reason::StreamIdleTimeout:
      return "stream idle for too long";
    case Reason::RouteTimeout:
      return "timed out waiting for a response of the route";
    case Reason::HalfCloseTimeout:
      return "half-closed for too long";
    case Reason::IdleTimeout:
      return "idle for too long";
    case Reason::OutOfDescriptors:
      return "out of file descriptors";
    case Reason::OutOfMemoryBudget:
      return "out of buffer memory";
    case Reason::Draining:
      return "proxy is shutting down";
    case Reason::Internal:
      return "internal error";
  }
  return "internal error";
}

}  // namespace

uint16_t statusOf(Reason reason) { return classOf(reason).status; }
uint8_t grpcStatusOf(Reason reason) { return classOf(reason).grpcStatus; }

std::string describeFailure(const FailureFacts& facts) {
  std::string text;
  const auto within = [&](std::string_view kind, std::string_view name) {
    if (!name.empty()) text.append(kind).append(" ").append(name).append(": ");
  };
  within("logical service", facts.authority);
  within("SNI", facts.serverName);
  within("route", facts.route);
  within("backend", facts.backend);
  if (facts.endpoint.valid()) within("endpoint", facts.endpoint.toString());
  const bool tlsRoute = facts.byServerName && facts.reason == Reason::Forbidden;
  const std::string_view leaf = tlsRoute ? "forbidden TLS route" : leafText(facts.reason);
  if (facts.detail.find(leaf) != std::string::npos) {
    // It says the reason itself, with what is known of it.
    text += facts.detail;
  } else {
    text += leaf;
    if (!facts.detail.empty()) text += ": " + facts.detail;
  }
  if (facts.error != 0) {
    text += ": ";
    text += std::strerror(facts.error);
    text += " (os error " + std::to_string(facts.error) + ")";
  }
  return text;
}

Answer answerFor(const FailureFacts& facts) {
  const AnswerClass kind = classOf(facts.reason);
  return {.status = kind.status,
          .grpcStatus = kind.grpcStatus,
          .closes = kind.closes,
          .message = describeFailure(facts),
          .location = {}};
}

Answer redirectAnswer(uint16_t status, std::string location) {
  // Made of what the client sent and of the configuration: either may be no field value.
  if (location.empty() || fieldValueOf(location) != location) {
    return {.status = INTERNAL.status,
            .grpcStatus = INTERNAL.grpcStatus,
            .closes = INTERNAL.closes,
            .message = "invalid redirect",
            .location = {}};
  }
  return {.status = status,
          .grpcStatus = GRPC_NOT_FOUND,
          .closes = false,
          .message = "redirected",
          .location = std::move(location)};
}

Answer injectedAnswer(const route::HttpFailure& failure) {
  return {.status = failure.status,
          .grpcStatus = GRPC_FAILED_PRECONDITION,
          .closes = false,
          .message = failure.message,
          .location = {}};
}

Answer injectedAnswer(const route::GrpcFailure& failure) {
  return {.status = 200,
          .grpcStatus = failure.code,
          .closes = false,
          .message = failure.message,
          .location = {}};
}

std::string_view fieldValueOf(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return "unexpected error";
  }
  return text;
}

}  // namespace mesh

// See enums.h. Everything but Reason, which has its own file.
#include "contract/enums.h"

namespace mesh::contract {
namespace {

constexpr std::optional<Direction> direction(pb::Direction value) {
  switch (value) {
    case pb::OUTBOUND:
      return Direction::Outbound;
    case pb::INBOUND:
      return Direction::Inbound;
    case pb::DIRECTION_UNSPECIFIED:
    case pb::Direction_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Direction_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::Direction direction(Direction value) {
  switch (value) {
    case Direction::None:
      return pb::DIRECTION_UNSPECIFIED;
    case Direction::Outbound:
      return pb::OUTBOUND;
    case Direction::Inbound:
      return pb::INBOUND;
  }
  return pb::DIRECTION_UNSPECIFIED;
}

constexpr std::optional<OriginalDestinationSource> source(pb::OriginalDestinationSource value) {
  switch (value) {
    case pb::SOURCE_CAPTURE_MAP:
      return OriginalDestinationSource::CaptureMap;
    case pb::SOURCE_LOCAL_ADDRESS:
      return OriginalDestinationSource::LocalAddress;
    case pb::SOURCE_SOCKET_OPTION:
      return OriginalDestinationSource::SocketOption;
    case pb::SOURCE_FIXED:
      return OriginalDestinationSource::Fixed;
    case pb::SOURCE_HTTP_PROXY:
      return OriginalDestinationSource::HttpProxy;
    case pb::SOURCE_ADDRESS:
      return OriginalDestinationSource::Address;
    case pb::SOURCE_NONE:
      return OriginalDestinationSource::Nowhere;
    case pb::SOURCE_UNSPECIFIED:
    case pb::OriginalDestinationSource_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::OriginalDestinationSource_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::OriginalDestinationSource source(OriginalDestinationSource value) {
  switch (value) {
    case OriginalDestinationSource::CaptureMap:
      return pb::SOURCE_CAPTURE_MAP;
    case OriginalDestinationSource::LocalAddress:
      return pb::SOURCE_LOCAL_ADDRESS;
    case OriginalDestinationSource::SocketOption:
      return pb::SOURCE_SOCKET_OPTION;
    case OriginalDestinationSource::Fixed:
      return pb::SOURCE_FIXED;
    case OriginalDestinationSource::HttpProxy:
      return pb::SOURCE_HTTP_PROXY;
    case OriginalDestinationSource::Address:
      return pb::SOURCE_ADDRESS;
    case OriginalDestinationSource::Nowhere:
      return pb::SOURCE_NONE;
  }
  return pb::SOURCE_UNSPECIFIED;
}

constexpr std::optional<Protocol> protocol(pb::Protocol value) {
  switch (value) {
    case pb::DETECT:
      return Protocol::Detect;
    case pb::HTTP1:
      return Protocol::Http1;
    case pb::OPAQUE:
      return Protocol::Opaque;
    case pb::HTTP2:
      return Protocol::Http2;
    case pb::TLS:
      return Protocol::Tls;
    case pb::Protocol_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Protocol_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::Protocol protocol(Protocol value) {
  switch (value) {
    case Protocol::Detect:
      return pb::DETECT;
    case Protocol::Http1:
      return pb::HTTP1;
    case Protocol::Opaque:
      return pb::OPAQUE;
    case Protocol::Http2:
      return pb::HTTP2;
    case Protocol::Tls:
      return pb::TLS;
  }
  return pb::DETECT;
}

constexpr std::optional<LogLevel> logLevel(pb::LogLevel value) {
  switch (value) {
    case pb::LOG_TRACE:
      return LogLevel::Trace;
    case pb::LOG_DEBUG:
      return LogLevel::Debug;
    case pb::LOG_INFO:
      return LogLevel::Info;
    case pb::LOG_WARN:
      return LogLevel::Warn;
    case pb::LOG_ERROR:
      return LogLevel::Error;
    case pb::LOG_OFF:
      return LogLevel::Off;
    case pb::LogLevel_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::LogLevel_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::LogLevel logLevel(LogLevel value) {
  switch (value) {
    case LogLevel::Trace:
      return pb::LOG_TRACE;
    case LogLevel::Debug:
      return pb::LOG_DEBUG;
    case LogLevel::Info:
      return pb::LOG_INFO;
    case LogLevel::Warn:
      return pb::LOG_WARN;
    case LogLevel::Error:
      return pb::LOG_ERROR;
    case LogLevel::Off:
      return pb::LOG_OFF;
  }
  return pb::LOG_OFF;
}

constexpr std::optional<Family> family(pb::Family value) {
  switch (value) {
    case pb::FAMILY_UNSPECIFIED:
      return Family::None;
    case pb::REQUEST_TOTAL:
      return Family::RequestTotal;
    case pb::RESPONSE_TOTAL:
      return Family::ResponseTotal;
    case pb::RESPONSE_LATENCY_MS:
      return Family::ResponseLatencyMs;
    case pb::TCP_OPEN_TOTAL:
      return Family::TcpOpenTotal;
    case pb::TCP_OPEN_CONNECTIONS:
      return Family::TcpOpenConnections;
    case pb::TCP_CLOSE_TOTAL:
      return Family::TcpCloseTotal;
    case pb::TCP_CONNECTION_DURATION_MS:
      return Family::TcpConnectionDurationMs;
    case pb::TCP_READ_BYTES_TOTAL:
      return Family::TcpReadBytesTotal;
    case pb::TCP_WRITE_BYTES_TOTAL:
      return Family::TcpWriteBytesTotal;
    case pb::DETECT_RESULTS_TOTAL:
      return Family::DetectResultsTotal;
    case pb::REQUEST_ERRORS_TOTAL:
      return Family::RequestErrorsTotal;
    case pb::CONNECTION_ERRORS_TOTAL:
      return Family::ConnectionErrorsTotal;
    case pb::ACCEPT_ERRORS_TOTAL:
      return Family::AcceptErrorsTotal;
    case pb::REQUEST_REPLAYS_TOTAL:
      return Family::RequestReplaysTotal;
    case pb::DIALS_TOTAL:
      return Family::DialsTotal;
    case pb::BUFFER_BYTES:
      return Family::BufferBytes;
    case pb::ROUTE_REQUEST_DURATION_MS:
      return Family::RouteRequestDurationMs;
    case pb::ROUTE_REQUEST_STATUSES_TOTAL:
      return Family::RouteRequestStatusesTotal;
    case pb::ROUTE_REQUEST_FRAME_BYTES:
      return Family::RouteRequestFrameBytes;
    case pb::ROUTE_RETRY_REQUESTS_TOTAL:
      return Family::RouteRetryRequestsTotal;
    case pb::ROUTE_RETRY_SUCCESSES_TOTAL:
      return Family::RouteRetrySuccessesTotal;
    case pb::ROUTE_RETRY_OVERFLOW_TOTAL:
      return Family::RouteRetryOverflowTotal;
    case pb::ROUTE_RETRY_LIMIT_EXCEEDED_TOTAL:
      return Family::RouteRetryLimitExceededTotal;
    case pb::BACKEND_REQUESTS_TOTAL:
      return Family::BackendRequestsTotal;
    case pb::BACKEND_RESPONSE_DURATION_MS:
      return Family::BackendResponseDurationMs;
    case pb::BACKEND_RESPONSE_STATUSES_TOTAL:
      return Family::BackendResponseStatusesTotal;
    case pb::BACKEND_RESPONSE_FRAME_BYTES:
      return Family::BackendResponseFrameBytes;
    case pb::DETECT_DURATION_US:
      return Family::DetectDurationUs;
    case pb::TCP_PROTOCOL_CONNECTIONS_TOTAL:
      return Family::TcpProtocolConnectionsTotal;
    case pb::TCP_ROUTE_OPEN_TOTAL:
      return Family::TcpRouteOpenTotal;
    case pb::TCP_ROUTE_CLOSE_TOTAL:
      return Family::TcpRouteCloseTotal;
    case pb::HTTP_AUTHZ_ALLOW_TOTAL:
      return Family::HttpAuthzAllowTotal;
    case pb::HTTP_AUTHZ_DENY_TOTAL:
      return Family::HttpAuthzDenyTotal;
    case pb::HTTP_ROUTE_NOT_FOUND_TOTAL:
      return Family::HttpRouteNotFoundTotal;
    case pb::HTTP_RATE_LIMIT_TOTAL:
      return Family::HttpRateLimitTotal;
    case pb::TCP_AUTHZ_ALLOW_TOTAL:
      return Family::TcpAuthzAllowTotal;
    case pb::TCP_AUTHZ_DENY_TOTAL:
      return Family::TcpAuthzDenyTotal;
    case pb::TCP_AUTHZ_TERMINATE_TOTAL:
      return Family::TcpAuthzTerminateTotal;
    case pb::HTTP_SERVER_ERRORS_TOTAL:
      return Family::HttpServerErrorsTotal;
    case pb::TCP_SERVER_ERRORS_TOTAL:
      return Family::TcpServerErrorsTotal;
    case pb::SERVER_REQUESTS_TOTAL:
      return Family::ServerRequestsTotal;
    case pb::SERVER_REQUEST_DURATION_MS:
      return Family::ServerRequestDurationMs;
    case pb::SERVER_RESPONSE_DURATION_MS:
      return Family::ServerResponseDurationMs;
    case pb::SERVER_REQUEST_FRAME_BYTES:
      return Family::ServerRequestFrameBytes;
    case pb::SERVER_RESPONSE_FRAME_BYTES:
      return Family::ServerResponseFrameBytes;
    case pb::SERVER_STATUSES_TOTAL:
      return Family::ServerStatusesTotal;
    case pb::PROFILE_REQUEST_TOTAL:
      return Family::ProfileRequestTotal;
    case pb::PROFILE_RESPONSE_TOTAL:
      return Family::ProfileResponseTotal;
    case pb::PROFILE_RESPONSE_LATENCY_MS:
      return Family::ProfileResponseLatencyMs;
    case pb::PROFILE_ACTUAL_REQUEST_TOTAL:
      return Family::ProfileActualRequestTotal;
    case pb::PROFILE_ACTUAL_RESPONSE_TOTAL:
      return Family::ProfileActualResponseTotal;
    case pb::PROFILE_RETRYABLE_TOTAL:
      return Family::ProfileRetryableTotal;
    case pb::TLS_ROUTE_OPEN_TOTAL:
      return Family::TlsRouteOpenTotal;
    case pb::TLS_ROUTE_CLOSE_TOTAL:
      return Family::TlsRouteCloseTotal;
    case pb::Family_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Family_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::Family family(Family value) {
  switch (value) {
    case Family::None:
      return pb::FAMILY_UNSPECIFIED;
    case Family::RequestTotal:
      return pb::REQUEST_TOTAL;
    case Family::ResponseTotal:
      return pb::RESPONSE_TOTAL;
    case Family::ResponseLatencyMs:
      return pb::RESPONSE_LATENCY_MS;
    case Family::TcpOpenTotal:
      return pb::TCP_OPEN_TOTAL;
    case Family::TcpOpenConnections:
      return pb::TCP_OPEN_CONNECTIONS;
    case Family::TcpCloseTotal:
      return pb::TCP_CLOSE_TOTAL;
    case Family::TcpConnectionDurationMs:
      return pb::TCP_CONNECTION_DURATION_MS;
    case Family::TcpReadBytesTotal:
      return pb::TCP_READ_BYTES_TOTAL;
    case Family::TcpWriteBytesTotal:
      return pb::TCP_WRITE_BYTES_TOTAL;
    case Family::DetectResultsTotal:
      return pb::DETECT_RESULTS_TOTAL;
    case Family::RequestErrorsTotal:
      return pb::REQUEST_ERRORS_TOTAL;
    case Family::ConnectionErrorsTotal:
      return pb::CONNECTION_ERRORS_TOTAL;
    case Family::AcceptErrorsTotal:
      return pb::ACCEPT_ERRORS_TOTAL;
    case Family::RequestReplaysTotal:
      return pb::REQUEST_REPLAYS_TOTAL;
    case Family::DialsTotal:
      return pb::DIALS_TOTAL;
    case Family::BufferBytes:
      return pb::BUFFER_BYTES;
    case Family::RouteRequestDurationMs:
      return pb::ROUTE_REQUEST_DURATION_MS;
    case Family::RouteRequestStatusesTotal:
      return pb::ROUTE_REQUEST_STATUSES_TOTAL;
    case Family::RouteRequestFrameBytes:
      return pb::ROUTE_REQUEST_FRAME_BYTES;
    case Family::RouteRetryRequestsTotal:
      return pb::ROUTE_RETRY_REQUESTS_TOTAL;
    case Family::RouteRetrySuccessesTotal:
      return pb::ROUTE_RETRY_SUCCESSES_TOTAL;
    case Family::RouteRetryOverflowTotal:
      return pb::ROUTE_RETRY_OVERFLOW_TOTAL;
    case Family::RouteRetryLimitExceededTotal:
      return pb::ROUTE_RETRY_LIMIT_EXCEEDED_TOTAL;
    case Family::BackendRequestsTotal:
      return pb::BACKEND_REQUESTS_TOTAL;
    case Family::BackendResponseDurationMs:
      return pb::BACKEND_RESPONSE_DURATION_MS;
    case Family::BackendResponseStatusesTotal:
      return pb::BACKEND_RESPONSE_STATUSES_TOTAL;
    case Family::BackendResponseFrameBytes:
      return pb::BACKEND_RESPONSE_FRAME_BYTES;
    case Family::DetectDurationUs:
      return pb::DETECT_DURATION_US;
    case Family::TcpProtocolConnectionsTotal:
      return pb::TCP_PROTOCOL_CONNECTIONS_TOTAL;
    case Family::TcpRouteOpenTotal:
      return pb::TCP_ROUTE_OPEN_TOTAL;
    case Family::TcpRouteCloseTotal:
      return pb::TCP_ROUTE_CLOSE_TOTAL;
    case Family::HttpAuthzAllowTotal:
      return pb::HTTP_AUTHZ_ALLOW_TOTAL;
    case Family::HttpAuthzDenyTotal:
      return pb::HTTP_AUTHZ_DENY_TOTAL;
    case Family::HttpRouteNotFoundTotal:
      return pb::HTTP_ROUTE_NOT_FOUND_TOTAL;
    case Family::HttpRateLimitTotal:
      return pb::HTTP_RATE_LIMIT_TOTAL;
    case Family::TcpAuthzAllowTotal:
      return pb::TCP_AUTHZ_ALLOW_TOTAL;
    case Family::TcpAuthzDenyTotal:
      return pb::TCP_AUTHZ_DENY_TOTAL;
    case Family::TcpAuthzTerminateTotal:
      return pb::TCP_AUTHZ_TERMINATE_TOTAL;
    case Family::HttpServerErrorsTotal:
      return pb::HTTP_SERVER_ERRORS_TOTAL;
    case Family::TcpServerErrorsTotal:
      return pb::TCP_SERVER_ERRORS_TOTAL;
    case Family::ServerRequestsTotal:
      return pb::SERVER_REQUESTS_TOTAL;
    case Family::ServerRequestDurationMs:
      return pb::SERVER_REQUEST_DURATION_MS;
    case Family::ServerResponseDurationMs:
      return pb::SERVER_RESPONSE_DURATION_MS;
    case Family::ServerRequestFrameBytes:
      return pb::SERVER_REQUEST_FRAME_BYTES;
    case Family::ServerResponseFrameBytes:
      return pb::SERVER_RESPONSE_FRAME_BYTES;
    case Family::ServerStatusesTotal:
      return pb::SERVER_STATUSES_TOTAL;
    case Family::ProfileRequestTotal:
      return pb::PROFILE_REQUEST_TOTAL;
    case Family::ProfileResponseTotal:
      return pb::PROFILE_RESPONSE_TOTAL;
    case Family::ProfileResponseLatencyMs:
      return pb::PROFILE_RESPONSE_LATENCY_MS;
    case Family::ProfileActualRequestTotal:
      return pb::PROFILE_ACTUAL_REQUEST_TOTAL;
    case Family::ProfileActualResponseTotal:
      return pb::PROFILE_ACTUAL_RESPONSE_TOTAL;
    case Family::ProfileRetryableTotal:
      return pb::PROFILE_RETRYABLE_TOTAL;
    case Family::TlsRouteOpenTotal:
      return pb::TLS_ROUTE_OPEN_TOTAL;
    case Family::TlsRouteCloseTotal:
      return pb::TLS_ROUTE_CLOSE_TOTAL;
  }
  return pb::FAMILY_UNSPECIFIED;
}

constexpr std::optional<Peer> peer(pb::Peer value) {
  switch (value) {
    case pb::PEER_UNSPECIFIED:
      return Peer::None;
    case pb::SRC:
      return Peer::Src;
    case pb::DST:
      return Peer::Dst;
    case pb::Peer_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Peer_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::Peer peer(Peer value) {
  switch (value) {
    case Peer::None:
      return pb::PEER_UNSPECIFIED;
    case Peer::Src:
      return pb::SRC;
    case Peer::Dst:
      return pb::DST;
  }
  return pb::PEER_UNSPECIFIED;
}

constexpr std::optional<Classification> classification(pb::Classification value) {
  switch (value) {
    case pb::CLASSIFICATION_UNSPECIFIED:
      return Classification::None;
    case pb::SUCCESS:
      return Classification::Success;
    case pb::FAILURE:
      return Classification::Failure;
    case pb::Classification_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Classification_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::Classification classification(Classification value) {
  switch (value) {
    case Classification::None:
      return pb::CLASSIFICATION_UNSPECIFIED;
    case Classification::Success:
      return pb::SUCCESS;
    case Classification::Failure:
      return pb::FAILURE;
  }
  return pb::CLASSIFICATION_UNSPECIFIED;
}

constexpr std::optional<bool> forward(pb::TargetKind value) {
  switch (value) {
    case pb::FORWARD:
      return true;
    case pb::BALANCE:
      return false;
    case pb::TargetKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::TargetKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<EndpointProtocol> endpointProtocol(pb::EndpointProtocol value) {
  switch (value) {
    case pb::AS_CLIENT:
      return EndpointProtocol::AsClient;
    case pb::ENDPOINT_HTTP1:
      return EndpointProtocol::Http1;
    case pb::ENDPOINT_HTTP2:
      return EndpointProtocol::Http2;
    case pb::ENDPOINT_HTTP2_ORIG_PROTO:
      return EndpointProtocol::Http2OrigProto;
    case pb::EndpointProtocol_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::EndpointProtocol_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<PollerKind> poller(pb::Poller value) {
  switch (value) {
    case pb::POLLER_EPOLL:
      return PollerKind::Epoll;
    case pb::POLLER_LIBUV:
      return PollerKind::Libuv;
    case pb::Poller_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::Poller_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<route::RouteKind> routeKind(pb::RouteKind value) {
  switch (value) {
    case pb::ROUTE_HTTP:
      return route::RouteKind::Http;
    case pb::ROUTE_GRPC:
      return route::RouteKind::Grpc;
    case pb::ROUTE_PROFILE:
      return route::RouteKind::Profile;
    case pb::RouteKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::RouteKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<route::DistributionKind> distributionKind(pb::DistributionKind value) {
  switch (value) {
    case pb::DISTRIBUTION_EMPTY:
      return route::DistributionKind::Empty;
    case pb::FIRST_AVAILABLE:
      return route::DistributionKind::FirstAvailable;
    case pb::RANDOM_AVAILABLE:
      return route::DistributionKind::RandomAvailable;
    case pb::DistributionKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::DistributionKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<authz::Authentication> authentication(pb::ClientAuthentication value) {
  switch (value) {
    case pb::ANYONE:
      return authz::Authentication::Anyone;
    case pb::MESH_TLS:
      return authz::Authentication::MeshTls;
    case pb::IDENTITY:
      return authz::Authentication::Identity;
    case pb::ClientAuthentication_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::ClientAuthentication_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr std::optional<LimitScope> limitScope(pb::RateLimitScope value) {
  switch (value) {
    case pb::SCOPE_UNSPECIFIED:
      return LimitScope::None;
    case pb::SCOPE_TOTAL:
      return LimitScope::Total;
    case pb::SCOPE_IDENTITY:
      return LimitScope::Identity;
    case pb::RateLimitScope_INT_MIN_SENTINEL_DO_NOT_USE_:
    case pb::RateLimitScope_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

constexpr pb::RateLimitScope limitScope(LimitScope value) {
  switch (value) {
    case LimitScope::None:
      return pb::SCOPE_UNSPECIFIED;
    case LimitScope::Total:
      return pb::SCOPE_TOTAL;
    case LimitScope::Identity:
      return pb::SCOPE_IDENTITY;
  }
  return pb::SCOPE_UNSPECIFIED;
}

// Every enumerator goes there and back unchanged, and keeps its number.
template <typename Wire, typename From, typename To>
constexpr bool agree(Wire first, Wire last, From from, To to) {
  for (int number = first; number <= last; ++number) {
    auto value = from(static_cast<Wire>(number));
    if (value && (static_cast<int>(*value) != number || to(*value) != number)) return false;
  }
  return true;
}
#define AGREE(Enum, convert)                                                                       \
  static_assert(agree(                                                                             \
                    pb::Enum##_MIN, pb::Enum##_MAX, [](pb::Enum value) { return convert(value); }, \
                    [](auto value) { return convert(value); }),                                    \
                #Enum " differs from contract.proto")
AGREE(Direction, direction);
AGREE(OriginalDestinationSource, source);
AGREE(Protocol, protocol);
AGREE(LogLevel, logLevel);
AGREE(Family, family);
AGREE(Peer, peer);
AGREE(Classification, classification);
AGREE(RateLimitScope, limitScope);
#undef AGREE

}  // namespace

std::optional<Direction> directionFrom(pb::Direction value) { return direction(value); }
std::optional<OriginalDestinationSource> sourceFrom(pb::OriginalDestinationSource value) {
  return source(value);
}
std::optional<Protocol> protocolFrom(pb::Protocol value) { return protocol(value); }
std::optional<LogLevel> logLevelFrom(pb::LogLevel value) { return logLevel(value); }
std::optional<PollerKind> pollerFrom(pb::Poller value) { return poller(value); }
std::optional<bool> forwardFrom(pb::TargetKind value) { return forward(value); }
std::optional<EndpointProtocol> endpointProtocolFrom(pb::EndpointProtocol value) {
  return endpointProtocol(value);
}
std::optional<route::RouteKind> routeKindFrom(pb::RouteKind value) { return routeKind(value); }
std::optional<route::DistributionKind> distributionKindFrom(pb::DistributionKind value) {
  return distributionKind(value);
}
std::optional<authz::Authentication> authenticationFrom(pb::ClientAuthentication value) {
  return authentication(value);
}

pb::Direction toContract(Direction value) { return direction(value); }
pb::LogLevel toContract(LogLevel value) { return logLevel(value); }
pb::Family toContract(Family value) { return family(value); }
pb::Peer toContract(Peer value) { return peer(value); }
pb::Classification toContract(Classification value) { return classification(value); }
pb::RateLimitScope toContract(LimitScope value) { return limitScope(value); }

}  // namespace mesh::contract

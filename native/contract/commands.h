// The border as the data plane uses it: plain structures, decoded from and encoded to the messages
// of src/dataplane/contract.proto, where every field is explained. Decoding validates: a command
// that comes out of here is whole and in range. The only folder that includes protobuf.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "authz/server-policy.h"
#include "balance/backoff.h"
#include "balance/connection-pool.h"
#include "base/reason.h"
#include "base/result.h"
#include "base/socket-address.h"
#include "ebpf/capture.h"
#include "http1/parser.h"
#include "io/poller.h"
#include "io/socket.h"
#include "metrics/recorder.h"
#include "route/spec.h"

namespace mesh::contract {

enum class LogLevel : uint8_t { Trace = 0, Debug = 1, Info = 2, Warn = 3, Error = 4, Off = 5 };
enum class Protocol : uint8_t { Detect = 0, Http1 = 1, Opaque = 2, Http2 = 3, Tls = 4 };
enum class OriginalDestinationSource : uint8_t {
  CaptureMap = 1,
  LocalAddress = 2,
  SocketOption = 3,
  Fixed = 4,
  HttpProxy = 5,
  Address = 6,
  Nowhere = 7,
};

enum class EndpointProtocol : uint8_t { AsClient, Http1, Http2, Http2OrigProto };

// ---------------------------------------------------------------- commands

// PINGs of HTTP/2 connections; `intervalMs` 0: none.
struct Http2KeepAlive {
  uint32_t intervalMs = 0;
  uint32_t timeoutMs = 0;
  bool whileIdle = false;
};

struct Settings {
  uint32_t workers = 1;
  PollerKind poller = PollerKind::Epoll;
  TcpOptions tcp;
  uint32_t halfCloseTimeoutMs = 0;
  uint32_t discoveryTimeoutMs = 0;
  uint32_t acceptBatch = 0;
  http1::Limits http;
  uint32_t requestHeadTimeoutMs = 0;
  uint32_t clientIdleTimeoutMs = 0;
  Http2KeepAlive http2KeepAlive;  // towards clients
  uint32_t directionBudgetBytes = 0;
  uint32_t spliceThresholdBytes = 0;
  uint64_t totalBudgetBytes = 0;
  Recorder::Settings metrics;
  LogLevel logLevel = LogLevel::Info;
  bool emitErrorHeaders = false;
  // Requests without a response head; 0: unlimited.
  uint32_t outboundMaxInFlight = 0;
  uint32_t inboundMaxInFlight = 0;
};

struct Listen {
  uint32_t id = 0;
  Direction direction = Direction::None;
  SocketAddress address;
  OriginalDestinationSource source = OriginalDestinationSource::Fixed;
  uint32_t destinationId = 0;
  SocketAddress originalDestination;  // invalid, but with OriginalDestinationSource::Address
  uint32_t backlog = 0;               // 0: the kernel's largest
  bool paused = false;                // connections wait until it is resumed
};

struct CloseListener {
  uint32_t id = 0;
};
struct ResumeListener {
  uint32_t id = 0;
};

// Everything 0: responses never take an endpoint out.
struct FailureAccrual {
  uint32_t maxConsecutiveFailures = 0;
  double minSuccessRatio = 0;
  uint32_t windowMs = 0;
  uint32_t minRequests = 0;
  BackoffSettings backoff;
  bool mayEjectLast = false;
};

// `penaltyMs` 0: failures count with the latency they had.
struct LoadPenalty {
  uint32_t penaltyMs = 0;
  uint32_t maxRetryAfterMs = 0;
};

struct PutTarget {
  uint32_t id = 0;
  std::string authority;
  bool forward = false;
  uint32_t connectTimeoutMs = 0;
  uint32_t failFastTimeoutMs = 0;
  uint32_t queueCapacity = 0;
  ConnectionPool::Settings pool;
  uint64_t ewmaDefaultRttNs = 0;
  uint64_t ewmaDecayNs = 0;
  BackoffSettings backoff;
  uint32_t responseTimeoutMs = 0;
  SocketAddress source;  // invalid: the kernel chooses
  EndpointProtocol endpointProtocol = EndpointProtocol::AsClient;
  FailureAccrual failureAccrual;
  LoadPenalty loadPenalty;
  Http2KeepAlive http2KeepAlive;  // towards endpoints
  bool refuseLoopback = false;
};

// What sets an endpoint apart from the others of its target. Never changed once it is shared.
struct EndpointTraits {
  bool takesOrigProto = false;
  std::string authorityOverride;                   // empty: none
  std::optional<Http2KeepAlive> http2KeepAlive{};  // absent: as the target has it

  bool any() const { return takesOrigProto || !authorityOverride.empty() || http2KeepAlive; }
};

struct EndpointSpec {
  SocketAddress address;
  uint32_t weight = 1;
  std::shared_ptr<const EndpointTraits> traits{};  // null: none
};

struct UpdateEndpoints {
  uint32_t targetId = 0;
  bool reset = false;
  std::vector<EndpointSpec> add;
  std::vector<SocketAddress> remove;
};

struct RemoveTarget {
  uint32_t id = 0;
};

// Exactly one of the ids is not 0.
struct AuthorityTarget {
  std::string authority;  // lower case
  uint32_t targetId = 0;
  uint32_t routeTableId = 0;
};

struct PutDestination {
  uint32_t id = 0;
  Direction direction = Direction::None;
  SocketAddress address;  // invalid for fixed destinations
  Protocol protocol = Protocol::Detect;
  uint32_t detectTimeoutMs = 0;
  uint32_t targetId = 0;
  std::vector<AuthorityTarget> authorities;
  bool discoverAuthorities = false;
  uint32_t idleTimeoutMs = 0;
  uint32_t routeTableId = 0;      // in place of the target
  Reason refusal = Reason::None;  // not None: connections end with it
  std::string refusalDetail;
};

struct RemoveDestination {
  uint32_t id = 0;
};

struct FailDiscovery {
  Direction direction = Direction::None;
  SocketAddress address;
  uint32_t destinationId = 0;
  std::string authority;
  std::string detail;
};

struct RemoveRouteTable {
  uint32_t id = 0;
};

struct SetLogLevel {
  LogLevel level = LogLevel::Info;
};

struct Drain {
  uint32_t graceMs = 0;
};

struct Inspect {};

struct AttachCapture {
  // `inboundListenerFds` and `ownSource` are filled by the data plane.
  CaptureSettings capture;
  std::vector<uint32_t> inboundListenerIds;
};

struct DetachCapture {};

using Command =
    std::variant<Listen, CloseListener, ResumeListener, PutTarget, UpdateEndpoints, RemoveTarget,
                 PutDestination, RemoveDestination, FailDiscovery, SetLogLevel, Drain, Inspect,
                 AttachCapture, DetachCapture, route::TableSpec, RemoveRouteTable>;

// `field` is the path of the bad field, empty when the system refused; then `osError` is set.
struct CommandError {
  std::string field;
  std::string message;
  int osError = 0;
};

Result<Settings, CommandError> decodeSettings(std::string_view bytes);
Result<Command, CommandError> decodeCommand(std::string_view bytes);

// ---------------------------------------------------------------- answers

enum class EndpointState : uint8_t { Ready = 0, Backoff = 1, Ejected = 2 };
enum class EjectionRule : uint8_t { None = 0, ConsecutiveFailures = 1, SuccessRatio = 2 };

struct EndpointPicture {
  SocketAddress address;
  EndpointState state = EndpointState::Ready;
  EjectionRule ejectedBy = EjectionRule::None;
  uint32_t inFlight = 0;
  uint32_t idleConnections = 0;
  double ewmaMs = 0;
  int lastErrno = 0;
  uint32_t nextAttemptMs = 0;
  uint32_t weight = 1;
};

struct TargetPicture {
  uint32_t id = 0;
  std::vector<EndpointPicture> endpoints;
  uint32_t waiting = 0;
};

struct Picture {
  std::vector<TargetPicture> targets;
  uint64_t connections = 0;
  uint64_t bufferBytes = 0;
};

// Bytes of contract.CommandResult.
std::string encodeSuccess();
std::string encodeError(const CommandError& error);
std::string encodeBound(const SocketAddress& bound);
std::string encodePicture(const Picture& picture);
std::string encodeCaptureStatus(const std::vector<std::string>& hooks);
// Bytes of contract.CommandError alone (for refused settings).
std::string encodeBareError(const CommandError& error);

// ---------------------------------------------------------------- events

struct SeriesDefined {
  uint32_t worker = 0;
  SeriesDefinition series;
};

struct DiscoverDestination {
  Direction direction = Direction::None;
  SocketAddress address;
};

struct DiscoverAuthority {
  uint32_t destinationId = 0;
  std::string authority;
};

struct DestinationIdle {
  uint32_t id = 0;
};

struct LogLine {
  LogLevel level = LogLevel::Info;
  uint64_t timeMs = 0;
  uint32_t worker = 0;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

struct Drained {};

struct Failure {
  uint64_t timeMs = 0;
  Direction direction = Direction::None;
  Reason reason = Reason::None;
  std::string detail;
  SocketAddress client;
  SocketAddress originalDestination;
  uint32_t targetId = 0;
  SocketAddress endpoint;
  std::string method;
  std::string path;
  uint16_t status = 0;
  uint32_t routeId = 0;
  uint32_t tries = 0;
};

using Event = std::variant<SeriesDefined, DiscoverDestination, DiscoverAuthority, DestinationIdle,
                           LogLine, Drained, Failure>;

// Bytes of contract.EventBatch.
std::string encodeEvents(std::span<const Event> events, uint64_t droppedLogs);

// A contract.Snapshot in protobuf's text format, as bytes of contract.Settings and of each
// contract.Command, with the places they begin at; for running the data plane without Node. The
// message of an error begins with LINE:COLUMN. Needs the full protobuf runtime: defined in bench/,
// not in the add-on.
struct TextSnapshot {
  // Both from 1.
  struct Place {
    int line;
    int column;
  };
  struct Part {
    std::string bytes;
    Place place;
  };
  Part settings;
  std::vector<Part> commands;
};
Result<TextSnapshot, CommandError> readTextSnapshot(const std::string& text);

}  // namespace mesh::contract

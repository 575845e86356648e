// decodeCommand: bytes of contract.Command to one of the plain structures, or the first bad field.
// What only the engine can know (whether an id exists, whether two commands fit) is not asked here.
#include <memory>
#include <unordered_set>
#include <utility>

#include "contract/decode-capture.h"
#include "contract/decode-routes.h"
#include "contract/problems.h"

namespace mesh::contract {
namespace {

constexpr uint32_t MAX_WEIGHT = 10'000;
constexpr uint32_t MAX_QUEUE = 1'000'000;
// A signed 32-bit number for listen(2), which takes less where the kernel has a bound.
constexpr uint32_t MAX_BACKLOG = 2'147'483'647;
constexpr uint32_t MIN_ACCRUAL_WINDOW_MS = 10;
constexpr uint32_t MAX_ACCRUAL_REQUESTS = 1'000'000;
constexpr uint64_t NS_PER_MS = 1'000'000;

Direction readDirection(const Path& path, pb::Direction value, Problems& problems) {
  return problems.known(path, directionFrom(value), value, Direction::None);
}

// An address that must be there.
SocketAddress readAddress(const Path& path, bool present, const pb::SocketAddress& message,
                          Problems& problems, PortZero zero = PortZero::Refused) {
  if (present) return problems.address(path, message, zero);
  problems.required(path, false);
  return {};
}

Listen read(const Path& path, const pb::Listen& message, Problems& problems) {
  Listen out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.direction = readDirection(path / "direction", message.direction(), problems);
  out.address = readAddress(path / "address", message.has_address(), message.address(), problems,
                            PortZero::Allowed);
  out.source = problems.known(path / "source", sourceFrom(message.source()), message.source(),
                              OriginalDestinationSource::Fixed);
  if (out.source == OriginalDestinationSource::Fixed ||
      out.source == OriginalDestinationSource::HttpProxy) {
    problems.notZero(path / "destination_id", message.destination_id());
  } else {
    problems.onlyZero(path / "destination_id", message.destination_id(), "with this source");
  }
  out.destinationId = message.destination_id();
  if (out.source == OriginalDestinationSource::Address) {
    out.originalDestination =
        readAddress(path / "original_destination", message.has_original_destination(),
                    message.original_destination(), problems);
  } else if (message.has_original_destination()) {
    problems.report(path / "original_destination", "must be absent with this source");
  }
  problems.inRange(path / "backlog", message.backlog(), 0, MAX_BACKLOG);
  out.backlog = message.backlog();
  out.paused = message.paused();
  return out;
}

ResumeListener read(const Path& path, const pb::ResumeListener& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  return {.id = message.id()};
}

CloseListener read(const Path& path, const pb::CloseListener& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  return {message.id()};
}

// The back-off of a target's dials and that of its ejections are given alike.
template <typename Message>
void checkBackoffBounds(const Path& path, const Message& message, Problems& problems) {
  problems.inRange(path / "backoff_min_ms", message.backoff_min_ms(), 1, MAX_MS);
  problems.inRange(path / "backoff_max_ms", message.backoff_max_ms(), message.backoff_min_ms(),
                   MAX_MS);
}

template <typename Message>
BackoffSettings backoffOf(const Message& message) {
  return {.minMs = message.backoff_min_ms(),
          .maxMs = message.backoff_max_ms(),
          .jitter = message.backoff_jitter()};
}

// What a BALANCE target needs and a FORWARD target does not use.
void readBalancing(const Path& path, const pb::PutTarget& message, Problems& problems) {
  problems.inRange(path / "fail_fast_timeout_ms", message.fail_fast_timeout_ms(), 1, MAX_MS);
  problems.inRange(path / "ewma_default_rtt_ms", message.ewma_default_rtt_ms(), 1, MAX_MS);
  problems.inRange(path / "ewma_decay_ms", message.ewma_decay_ms(), 1, MAX_MS);
  checkBackoffBounds(path, message, problems);
}

// What a rule that is off would use is not asked for.
FailureAccrual readAccrual(const Path& path, const pb::FailureAccrual& message,
                           Problems& problems) {
  FailureAccrual out;
  problems.between(path / "min_success_ratio", message.min_success_ratio(), 0, 1);
  const bool byRatio = message.min_success_ratio() > 0;
  if (byRatio) {
    problems.inRange(path / "window_ms", message.window_ms(), MIN_ACCRUAL_WINDOW_MS, MAX_MS);
    problems.inRange(path / "min_requests", message.min_requests(), 1, MAX_ACCRUAL_REQUESTS);
  }
  if (byRatio || message.max_consecutive_failures() > 0) {
    checkBackoffBounds(path, message, problems);
  }
  problems.between(path / "backoff_jitter", message.backoff_jitter(), 0, 1);
  out.maxConsecutiveFailures = message.max_consecutive_failures();
  out.minSuccessRatio = message.min_success_ratio();
  out.windowMs = message.window_ms();
  out.minRequests = message.min_requests();
  out.backoff = backoffOf(message);
  out.mayEjectLast = message.may_eject_last();
  return out;
}

LoadPenalty readPenalty(const Path& path, const pb::LoadPenalty& message, Problems& problems) {
  problems.inRange(path / "penalty_ms", message.penalty_ms(), 1, MAX_MS);
  problems.inRange(path / "max_retry_after_ms", message.max_retry_after_ms(), 0, MAX_MS);
  return {.penaltyMs = message.penalty_ms(), .maxRetryAfterMs = message.max_retry_after_ms()};
}

PutTarget read(const Path& path, const pb::PutTarget& message, Problems& problems) {
  PutTarget out;
  problems.notZero(path / "id", message.id());
  out.forward = problems.known(path / "kind", forwardFrom(message.kind()), message.kind(), true);
  out.endpointProtocol =
      problems.known(path / "endpoint_protocol", endpointProtocolFrom(message.endpoint_protocol()),
                     message.endpoint_protocol(), EndpointProtocol::AsClient);
  problems.inRange(path / "connect_timeout_ms", message.connect_timeout_ms(), 1, MAX_MS);
  if (!out.forward) readBalancing(path, message, problems);
  problems.inRange(path / "queue_capacity", message.queue_capacity(), 0, MAX_QUEUE);
  problems.inRange(path / "pool_idle_timeout_ms", message.pool_idle_timeout_ms(), 0, MAX_MS);
  problems.between(path / "backoff_jitter", message.backoff_jitter(), 0, 1);
  problems.inRange(path / "response_timeout_ms", message.response_timeout_ms(), 0, MAX_MS);
  if (message.has_source()) {
    out.source = problems.address(path / "source", message.source(), PortZero::Allowed);
    // A fixed port would allow one connection at a time.
    problems.onlyZero(path / "source" / "port", message.source().port(), "in a source address");
  }
  if (message.has_failure_accrual()) {
    out.failureAccrual = readAccrual(path / "failure_accrual", message.failure_accrual(), problems);
  }
  if (message.has_load_penalty()) {
    out.loadPenalty = readPenalty(path / "load_penalty", message.load_penalty(), problems);
  }
  out.http2KeepAlive = readKeepAlive(path / "http2_keepalive", message.has_http2_keepalive(),
                                     message.http2_keepalive(), problems);
  out.id = message.id();
  out.authority = message.authority();
  out.connectTimeoutMs = message.connect_timeout_ms();
  out.failFastTimeoutMs = message.fail_fast_timeout_ms();
  out.queueCapacity = message.queue_capacity();
  out.pool.maxIdle = message.pool_max_idle();
  out.pool.idleTimeoutMs = message.pool_idle_timeout_ms();
  out.ewmaDefaultRttNs = message.ewma_default_rtt_ms() * NS_PER_MS;
  out.ewmaDecayNs = message.ewma_decay_ms() * NS_PER_MS;
  out.backoff = backoffOf(message);
  out.responseTimeoutMs = message.response_timeout_ms();
  out.refuseLoopback = message.refuse_loopback();
  return out;
}

// Null where there is nothing to tell.
std::shared_ptr<const EndpointTraits> readTraits(const Path& path, const pb::Endpoint& message,
                                                 Problems& problems) {
  EndpointTraits out;
  out.takesOrigProto = message.takes_orig_proto();
  if (!message.authority_override().empty()) {
    problems.authority(path / "authority_override", message.authority_override());
    out.authorityOverride = message.authority_override();
  }
  if (message.has_http2_keepalive()) {
    out.http2KeepAlive =
        readKeepAlive(path / "http2_keepalive", true, message.http2_keepalive(), problems);
  }
  return out.any() ? std::make_shared<const EndpointTraits>(std::move(out)) : nullptr;
}

UpdateEndpoints read(const Path& path, const pb::UpdateEndpoints& message, Problems& problems) {
  UpdateEndpoints out;
  problems.notZero(path / "target_id", message.target_id());
  out.targetId = message.target_id();
  out.reset = message.reset();
  out.add.reserve(static_cast<size_t>(message.add_size()));
  out.remove.reserve(static_cast<size_t>(message.remove_size()));
  std::unordered_set<SocketAddress> added;
  for (int i = 0; i < message.add_size(); ++i) {
    Path at = path.at("add", i);
    const pb::Endpoint& endpoint = message.add(i);
    SocketAddress address =
        readAddress(at / "address", endpoint.has_address(), endpoint.address(), problems);
    problems.inRange(at / "weight", endpoint.weight(), 0, MAX_WEIGHT);
    out.add.push_back({.address = address,
                       .weight = endpoint.weight() == 0 ? 1 : endpoint.weight(),
                       .traits = readTraits(at, endpoint, problems)});
    if (message.remove_size() > 0) added.insert(address);
  }
  for (int i = 0; i < message.remove_size(); ++i) {
    Path at = path.at("remove", i);
    SocketAddress address = problems.address(at, message.remove(i));
    if (added.contains(address)) problems.report(at, "is in `add` too");
    out.remove.push_back(address);
  }
  return out;
}

RemoveTarget read(const Path& path, const pb::RemoveTarget& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  return {message.id()};
}

AuthorityTarget readAuthority(const Path& path, const pb::AuthorityTarget& message,
                              Problems& problems) {
  problems.authority(path / "authority", message.authority());
  if (message.route_table_id() == 0) {
    problems.notZero(path / "target_id", message.target_id());
  } else {
    problems.onlyZero(path / "target_id", message.target_id(), "with a route table");
  }
  return {.authority = message.authority(),
          .targetId = message.target_id(),
          .routeTableId = message.route_table_id()};
}

PutDestination read(const Path& path, const pb::PutDestination& message, Problems& problems) {
  PutDestination out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.direction = readDirection(path / "direction", message.direction(), problems);
  if (message.has_address()) {
    out.address = problems.address(path / "address", message.address());
  }
  out.protocol = problems.known(path / "protocol", protocolFrom(message.protocol()),
                                message.protocol(), Protocol::Opaque);
  const bool looks = out.protocol == Protocol::Detect || out.protocol == Protocol::Tls;
  problems.inRange(path / "detect_timeout_ms", message.detect_timeout_ms(), looks ? 1 : 0, MAX_MS);
  const bool opaque = out.protocol == Protocol::Opaque || out.protocol == Protocol::Tls;
  if (message.route_table_id() != 0) {
    problems.onlyZero(path / "target_id", message.target_id(), "with a route table");
  } else if (opaque && message.target_id() == 0 && message.refusal() == pb::NONE) {
    problems.report(path / "target_id", "must not be 0: opaque bytes name no authority");
  }
  std::unordered_set<std::string_view> seen;
  for (int i = 0; i < message.authorities_size(); ++i) {
    Path at = path.at("authorities", i);
    const pb::AuthorityTarget& entry = message.authorities(i);
    out.authorities.push_back(readAuthority(at, entry, problems));
    if (!seen.insert(entry.authority()).second) {
      problems.report(at / "authority", "is there twice");
    }
  }
  problems.inRange(path / "idle_timeout_ms", message.idle_timeout_ms(), 0, MAX_MS);
  out.refusal = problems.known(path / "refusal", reasonFrom(message.refusal()), message.refusal(),
                               Reason::Internal);
  if (out.refusal == Reason::None && !message.refusal_detail().empty()) {
    problems.report(path / "refusal_detail", "must be empty without a refusal");
  }
  out.refusalDetail = message.refusal_detail();
  out.detectTimeoutMs = message.detect_timeout_ms();
  out.targetId = message.target_id();
  out.routeTableId = message.route_table_id();
  out.discoverAuthorities = message.discover_authorities();
  out.idleTimeoutMs = message.idle_timeout_ms();
  return out;
}

RemoveDestination read(const Path& path, const pb::RemoveDestination& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  return {message.id()};
}

RemoveRouteTable read(const Path& path, const pb::RemoveRouteTable& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  return {message.id()};
}

// Answers either DiscoverDestination (direction, address) or DiscoverAuthority (destination_id,
// authority). The authority comes back as it was asked for, so it is not judged here.
FailDiscovery read(const Path& path, const pb::FailDiscovery& message, Problems& problems) {
  FailDiscovery out;
  if (message.destination_id() == 0) {
    out.direction = readDirection(path / "direction", message.direction(), problems);
    out.address = readAddress(path / "address", message.has_address(), message.address(), problems);
    if (!message.authority().empty()) {
      problems.report(path / "destination_id", "must not be 0 with an authority");
    }
  } else {
    if (message.authority().empty()) problems.required(path / "authority", false);
    if (message.has_address()) {
      problems.report(path / "address", "must be absent with a destination_id");
    }
  }
  out.destinationId = message.destination_id();
  out.authority = message.authority();
  out.detail = message.detail();
  return out;
}

SetLogLevel read(const Path& path, const pb::SetLogLevel& message, Problems& problems) {
  return {problems.known(path / "level", logLevelFrom(message.level()), message.level(),
                         LogLevel::Info)};
}

Drain read(const Path& path, const pb::Drain& message, Problems& problems) {
  problems.inRange(path / "grace_ms", message.grace_ms(), 0, MAX_MS);
  return {message.grace_ms()};
}

Command readKind(const pb::Command& message, Problems& problems) {
  switch (message.kind_case()) {
    case pb::Command::kListen:
      return read(Path("listen"), message.listen(), problems);
    case pb::Command::kCloseListener:
      return read(Path("close_listener"), message.close_listener(), problems);
    case pb::Command::kResumeListener:
      return read(Path("resume_listener"), message.resume_listener(), problems);
    case pb::Command::kPutTarget:
      return read(Path("put_target"), message.put_target(), problems);
    case pb::Command::kUpdateEndpoints:
      return read(Path("update_endpoints"), message.update_endpoints(), problems);
    case pb::Command::kRemoveTarget:
      return read(Path("remove_target"), message.remove_target(), problems);
    case pb::Command::kPutDestination:
      return read(Path("put_destination"), message.put_destination(), problems);
    case pb::Command::kRemoveDestination:
      return read(Path("remove_destination"), message.remove_destination(), problems);
    case pb::Command::kFailDiscovery:
      return read(Path("fail_discovery"), message.fail_discovery(), problems);
    case pb::Command::kSetLogLevel:
      return read(Path("set_log_level"), message.set_log_level(), problems);
    case pb::Command::kDrain:
      return read(Path("drain"), message.drain(), problems);
    case pb::Command::kInspect:
      return Inspect{};
    case pb::Command::kAttachCapture:
      return readAttachCapture(Path("attach_capture"), message.attach_capture(), problems);
    case pb::Command::kDetachCapture:
      return DetachCapture{};
    case pb::Command::kPutRouteTable:
      return readRouteTable(Path("put_route_table"), message.put_route_table(), problems);
    case pb::Command::kRemoveRouteTable:
      return read(Path("remove_route_table"), message.remove_route_table(), problems);
    case pb::Command::KIND_NOT_SET:
      break;
  }
  problems.report(Path("kind"), "is required: the command says nothing this data plane knows");
  return Inspect{};
}

}  // namespace

Result<Command, CommandError> decodeCommand(std::string_view bytes) {
  pb::Command message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return CommandError{"command", "these bytes are no contract.Command", 0};
  }
  Problems problems;
  Command command = readKind(message, problems);
  if (problems.any()) return problems.first();
  return command;
}

}  // namespace mesh::contract

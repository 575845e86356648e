// decodeSettings: bytes of contract.Settings to Settings, or the first bad field.
#include "contract/problems.h"

namespace mesh::contract {
namespace {

// A head is parsed in one piece and written in one: with what forwarding adds to it, it must fit
// the largest pooled buffer (256 KiB).
constexpr uint32_t MAX_HEAD_BYTES = 131'072;
constexpr uint32_t MAX_DIRECTION_BUDGET_BYTES = 1'048'576;
constexpr int MAX_BOUNDS = 128;
// With MAX_BOUNDS this fits the memory a Recorder can have.
constexpr uint32_t MAX_SERIES = 100'000;

void readTcp(const Path& path, const pb::TcpSettings& message, Problems& problems,
             Settings& settings) {
  problems.inRange(path / "keepalive_ms", message.keepalive_ms(), 0, MAX_MS);
  problems.inRange(path / "user_timeout_ms", message.user_timeout_ms(), 0, MAX_MS);
  problems.inRange(path / "half_close_timeout_ms", message.half_close_timeout_ms(), 1, MAX_MS);
  problems.inRange(path / "discovery_timeout_ms", message.discovery_timeout_ms(), 1, MAX_MS);
  problems.inRange(path / "accept_batch", message.accept_batch(), 1, 1024);
  settings.tcp.keepaliveMs = message.keepalive_ms();
  settings.tcp.userTimeoutMs = message.user_timeout_ms();
  settings.halfCloseTimeoutMs = message.half_close_timeout_ms();
  settings.discoveryTimeoutMs = message.discovery_timeout_ms();
  settings.acceptBatch = message.accept_batch();
}

void readHttp(const Path& path, const pb::HttpSettings& message, Problems& problems,
              Settings& settings) {
  problems.inRange(path / "max_head_bytes", message.max_head_bytes(), 1024, MAX_HEAD_BYTES);
  problems.inRange(path / "max_fields", message.max_fields(), 1, MAX_FIELDS);
  problems.inRange(path / "request_head_timeout_ms", message.request_head_timeout_ms(), 1, MAX_MS);
  problems.inRange(path / "client_idle_timeout_ms", message.client_idle_timeout_ms(), 1, MAX_MS);
  settings.http2KeepAlive = readKeepAlive(path / "http2_keepalive", message.has_http2_keepalive(),
                                          message.http2_keepalive(), problems);
  settings.http.maxHeadBytes = message.max_head_bytes();
  settings.http.maxFields = message.max_fields();
  settings.requestHeadTimeoutMs = message.request_head_timeout_ms();
  settings.clientIdleTimeoutMs = message.client_idle_timeout_ms();
}

void readBuffers(const Path& path, const pb::BufferSettings& message, Problems& problems,
                 Settings& settings) {
  problems.inRange(path / "direction_budget_bytes", message.direction_budget_bytes(), 4096,
                   MAX_DIRECTION_BUDGET_BYTES);
  // Less than one direction's budget could never carry a byte.
  problems.inRange(path / "total_budget_bytes", message.total_budget_bytes(),
                   message.direction_budget_bytes(), UINT64_MAX);
  settings.directionBudgetBytes = message.direction_budget_bytes();
  settings.spliceThresholdBytes = message.splice_threshold_bytes();
  settings.totalBudgetBytes = message.total_budget_bytes();
}

// Whether there may be none but +Inf.
enum class NoBounds : uint8_t { Refused, Allowed };

std::vector<uint32_t> readBounds(const Path& path, std::string_view name,
                                 const google::protobuf::RepeatedField<uint32_t>& values,
                                 Problems& problems, NoBounds none = NoBounds::Refused) {
  if (values.empty() && none == NoBounds::Refused) problems.report(path / name, "is required");
  if (values.size() > MAX_BOUNDS) {
    problems.report(path / name, "must have at most " + std::to_string(MAX_BOUNDS) + " values");
  }
  for (int i = 1; i < values.size(); ++i) {
    if (values[i] <= values[i - 1]) {
      problems.report(path.at(name, i), "must be above the bound before it");
    }
  }
  return {values.begin(), values.end()};
}

void readMetrics(const Path& path, const pb::MetricSettings& message, Problems& problems,
                 Recorder::Settings& settings) {
  settings.latencyBoundsMs =
      readBounds(path, "latency_bounds_ms", message.latency_bounds_ms(), problems);
  settings.durationBoundsMs =
      readBounds(path, "duration_bounds_ms", message.duration_bounds_ms(), problems);
  settings.routeDurationBoundsMs =
      readBounds(path, "route_duration_bounds_ms", message.route_duration_bounds_ms(), problems,
                 NoBounds::Allowed);
  settings.backendDurationBoundsMs =
      readBounds(path, "backend_duration_bounds_ms", message.backend_duration_bounds_ms(), problems,
                 NoBounds::Allowed);
  settings.frameBoundsBytes = readBounds(path, "frame_bounds_bytes", message.frame_bounds_bytes(),
                                         problems, NoBounds::Allowed);
  settings.detectDurationBoundsUs =
      readBounds(path, "detect_duration_bounds_us", message.detect_duration_bounds_us(), problems,
                 NoBounds::Allowed);
  problems.inRange(path / "max_series_per_worker", message.max_series_per_worker(), 1, MAX_SERIES);
  settings.maxSeries = message.max_series_per_worker();
}

}  // namespace

Result<Settings, CommandError> decodeSettings(std::string_view bytes) {
  pb::Settings message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return CommandError{"settings", "these bytes are no contract.Settings", 0};
  }
  Problems problems;
  Settings settings;
  problems.inRange(Path("workers"), message.workers(), 1, 64);
  problems.required(Path("tcp"), message.has_tcp());
  problems.required(Path("http"), message.has_http());
  problems.required(Path("buffers"), message.has_buffers());
  problems.required(Path("metrics"), message.has_metrics());
  settings.workers = message.workers();
  settings.poller = problems.known(Path("poller"), pollerFrom(message.poller()), message.poller(),
                                   PollerKind::Epoll);
  readTcp(Path("tcp"), message.tcp(), problems, settings);
  readHttp(Path("http"), message.http(), problems, settings);
  readBuffers(Path("buffers"), message.buffers(), problems, settings);
  readMetrics(Path("metrics"), message.metrics(), problems, settings.metrics);
  settings.logLevel = problems.known(Path("log_level"), logLevelFrom(message.log_level()),
                                     message.log_level(), LogLevel::Info);
  settings.emitErrorHeaders = message.emit_error_headers();
  settings.outboundMaxInFlight = message.outbound_max_in_flight();
  settings.inboundMaxInFlight = message.inbound_max_in_flight();
  if (problems.any()) return problems.first();
  return settings;
}

}  // namespace mesh::contract

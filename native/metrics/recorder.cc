// Interning, counting and reading. One thread writes, so a counter is a load and a store, not a
// locked addition; the reader sees each value whole because the cells are atomics.
#include "metrics/recorder.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace mesh {

namespace {

constexpr size_t FAMILIES = static_cast<size_t>(Family::TlsRouteCloseTotal) + 1;

struct Key {
  Family family;
  LabelSet labels;
  bool operator==(const Key& other) const = default;
};

// Order-dependent mixing with the finaliser of splitmix64.
class Mixer {
 public:
  void mix(uint64_t value) {
    state_ = (state_ ^ value) * 0xBF58476D1CE4E5B9ULL;
    state_ ^= state_ >> 29;
  }
  size_t value() const { return static_cast<size_t>(state_); }

 private:
  uint64_t state_ = 0x9E3779B97F4A7C15ULL;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    const LabelSet& labels = key.labels;
    Mixer mixer;
    mixer.mix(uint64_t{static_cast<uint8_t>(key.family)} << 48 |
              uint64_t{static_cast<uint8_t>(labels.direction)} << 40 |
              uint64_t{static_cast<uint8_t>(labels.peer)} << 32 |
              uint64_t{static_cast<uint8_t>(labels.classification)} << 24 |
              uint64_t{static_cast<uint8_t>(labels.reason)} << 16 | labels.statusCode);
    mixer.mix(uint64_t{labels.targetId} << 32 | static_cast<uint32_t>(labels.errnoValue));
    mixer.mix(labels.targetAddress.hash());
    mixer.mix(labels.endpoint.hash());
    mixer.mix(std::hash<std::string_view>()(labels.detected));
    mixer.mix(uint64_t{labels.routeId} << 32 | labels.backendId);
    mixer.mix(uint64_t{labels.serverId} << 32 | labels.authorizationId);
    mixer.mix(labels.serverPort);
    mixer.mix(uint64_t{labels.rateLimitId} << 32 |
              uint64_t{static_cast<uint8_t>(labels.limitScope)} << 24 |
              (labels.portSkipped ? uint64_t{1} << 16 : 0) |
              (labels.overflow ? uint64_t{1} << 8 : 0) | static_cast<uint8_t>(labels.grpcStatus));
    mixer.mix(labels.noBudget ? 1 : 0);
    mixer.mix(std::hash<std::string>()(labels.serverName));
    return mixer.value();
  }
};

}  // namespace

// `detected` is compared as text: the same literal has several addresses in several files.
bool LabelSet::operator==(const LabelSet& other) const {
  return direction == other.direction && peer == other.peer &&
         targetAddress == other.targetAddress && targetId == other.targetId &&
         endpoint == other.endpoint && statusCode == other.statusCode &&
         classification == other.classification && reason == other.reason &&
         errnoValue == other.errnoValue && overflow == other.overflow && routeId == other.routeId &&
         backendId == other.backendId && grpcStatus == other.grpcStatus &&
         serverId == other.serverId && authorizationId == other.authorizationId &&
         rateLimitId == other.rateLimitId && limitScope == other.limitScope &&
         portSkipped == other.portSkipped && serverPort == other.serverPort &&
         noBudget == other.noBudget && serverName == other.serverName &&
         std::string_view(detected) == other.detected;
}

struct Recorder::Interned {
  std::unordered_map<Key, SeriesId, KeyHash> series;
  std::array<SeriesId, FAMILIES> overflow{};  // 0: not needed yet
};

Recorder::Recorder(Settings settings, Announce announce)
    : settings_(std::move(settings)),
      announce_(std::move(announce)),
      interned_(std::make_unique<Interned>()),
      chunks_(std::make_unique<std::atomic<Cell*>[]>(MAX_CHUNKS)) {
  for (size_t family = 0; family < FAMILIES; ++family) {
    const std::vector<uint32_t>* bounds = boundsOf(static_cast<Family>(family));
    if (bounds == nullptr) continue;
    const bool ascending =
        std::adjacent_find(bounds->begin(), bounds->end(), std::greater_equal<>()) == bounds->end();
    MESH_CHECK(ascending && bounds->size() + 2 <= CHUNK);
  }
  chunks_[0].store(new Cell[CHUNK](), std::memory_order_relaxed);
}

Recorder::~Recorder() {
  for (uint32_t chunk = 0; chunk < MAX_CHUNKS; ++chunk) {
    delete[] chunks_[chunk].load(std::memory_order_relaxed);
  }
}

SeriesId Recorder::intern(Family family, const LabelSet& labels) {
  MESH_CHECK(family != Family::None && static_cast<size_t>(family) < FAMILIES);
  const Key key{.family = family, .labels = labels};
  const auto known = interned_->series.find(key);
  if (known != interned_->series.end()) return known->second;

  // The cells are bounded too: one chunk for each family's overflow series is kept back.
  constexpr uint64_t AVAILABLE = uint64_t{CHUNK} * (MAX_CHUNKS - FAMILIES);
  const uint64_t end = uint64_t{size_.load(std::memory_order_relaxed)} + widthOf(family);
  if (interned_->series.size() >= settings_.maxSeries || end > AVAILABLE) return overflow(family);
  const SeriesId series = define(family, labels);
  interned_->series.emplace(key, series);
  return series;
}

SeriesId Recorder::overflow(Family family) {
  SeriesId& series = interned_->overflow[static_cast<size_t>(family)];
  if (series == 0) {
    LabelSet labels;
    labels.overflow = true;
    series = define(family, labels);
  }
  return series;
}

SeriesId Recorder::define(Family family, const LabelSet& labels) {
  const SeriesId offset = size_.load(std::memory_order_relaxed);
  const uint32_t width = widthOf(family);
  // A width is at most one chunk, so at most one new chunk is needed.
  const uint32_t lastChunk = (offset + width - 1) / CHUNK;
  MESH_CHECK(lastChunk < MAX_CHUNKS);
  if (chunks_[lastChunk].load(std::memory_order_relaxed) == nullptr) {
    chunks_[lastChunk].store(new Cell[CHUNK](), std::memory_order_relaxed);
  }
  // A reader that sees the new size sees the chunk and its zeros.
  size_.store(offset + width, std::memory_order_release);
  announce_({.offset = offset, .width = width, .family = family, .labels = labels});
  return offset;
}

const std::vector<uint32_t>* Recorder::boundsOf(Family family) const {
  switch (family) {
    case Family::ResponseLatencyMs:
    case Family::ProfileResponseLatencyMs:
      return &settings_.latencyBoundsMs;
    case Family::TcpConnectionDurationMs:
      return &settings_.durationBoundsMs;
    case Family::RouteRequestDurationMs:
    case Family::ServerResponseDurationMs:
      return &settings_.routeDurationBoundsMs;
    case Family::BackendResponseDurationMs:
    case Family::ServerRequestDurationMs:
      return &settings_.backendDurationBoundsMs;
    case Family::RouteRequestFrameBytes:
    case Family::BackendResponseFrameBytes:
    case Family::ServerRequestFrameBytes:
    case Family::ServerResponseFrameBytes:
      return &settings_.frameBoundsBytes;
    case Family::DetectDurationUs:
      return &settings_.detectDurationBoundsUs;
    case Family::None:
    case Family::RequestTotal:
    case Family::ResponseTotal:
    case Family::TcpOpenTotal:
    case Family::TcpOpenConnections:
    case Family::TcpCloseTotal:
    case Family::TcpReadBytesTotal:
    case Family::TcpWriteBytesTotal:
    case Family::DetectResultsTotal:
    case Family::RequestErrorsTotal:
    case Family::ConnectionErrorsTotal:
    case Family::AcceptErrorsTotal:
    case Family::RequestReplaysTotal:
    case Family::DialsTotal:
    case Family::BufferBytes:
    case Family::RouteRequestStatusesTotal:
    case Family::RouteRetryRequestsTotal:
    case Family::RouteRetrySuccessesTotal:
    case Family::RouteRetryOverflowTotal:
    case Family::RouteRetryLimitExceededTotal:
    case Family::BackendRequestsTotal:
    case Family::BackendResponseStatusesTotal:
    case Family::TcpProtocolConnectionsTotal:
    case Family::TcpRouteOpenTotal:
    case Family::TcpRouteCloseTotal:
    case Family::HttpAuthzAllowTotal:
    case Family::HttpAuthzDenyTotal:
    case Family::HttpRouteNotFoundTotal:
    case Family::HttpRateLimitTotal:
    case Family::TcpAuthzAllowTotal:
    case Family::TcpAuthzDenyTotal:
    case Family::TcpAuthzTerminateTotal:
    case Family::HttpServerErrorsTotal:
    case Family::TcpServerErrorsTotal:
    case Family::ServerRequestsTotal:
    case Family::ServerStatusesTotal:
    case Family::ProfileRequestTotal:
    case Family::ProfileResponseTotal:
    case Family::ProfileActualRequestTotal:
    case Family::ProfileActualResponseTotal:
    case Family::ProfileRetryableTotal:
    case Family::TlsRouteOpenTotal:
    case Family::TlsRouteCloseTotal:
      return nullptr;
  }
  return nullptr;
}

uint32_t Recorder::widthOf(Family family) const {
  const std::vector<uint32_t>* bounds = boundsOf(family);
  // A count for each bound and for +Inf, then the sum.
  return bounds == nullptr ? 1 : static_cast<uint32_t>(bounds->size()) + 2;
}

Recorder::Cell& Recorder::cell(SeriesId index) {
  MESH_CHECK(index != 0 && index < size_.load(std::memory_order_relaxed));
  return chunks_[index / CHUNK].load(std::memory_order_relaxed)[index % CHUNK];
}

void Recorder::change(SeriesId index, uint64_t difference) {
  Cell& value = cell(index);
  value.store(value.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
}

void Recorder::set(SeriesId series, uint64_t value) {
  cell(series).store(value, std::memory_order_relaxed);
}

void Recorder::observe(SeriesId series, Family family, uint64_t value) {
  const std::vector<uint32_t>* bounds = boundsOf(family);
  MESH_CHECK(bounds != nullptr);
  // Bounds are inclusive; what is above them all belongs to the bucket behind the last, +Inf.
  const auto bucket = std::lower_bound(bounds->begin(), bounds->end(), value) - bounds->begin();
  change(series + static_cast<uint32_t>(bucket), 1);
  change(series + static_cast<uint32_t>(bounds->size()) + 1, value);
}

void Recorder::snapshot(std::vector<uint64_t>& out) const {
  const uint32_t size = size_.load(std::memory_order_acquire);
  out.reserve(out.size() + size);
  for (uint32_t begin = 0; begin < size; begin += CHUNK) {
    const Cell* values = chunks_[begin / CHUNK].load(std::memory_order_relaxed);
    const uint32_t count = std::min(CHUNK, size - begin);
    for (uint32_t i = 0; i < count; ++i) {
      out.push_back(values[i].load(std::memory_order_relaxed));
    }
  }
}

}  // namespace mesh

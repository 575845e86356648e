// Counting on one worker: a label set is interned once and then is a plain index; counting is one
// relaxed load and store in memory that only this worker writes. Another thread may read
// everything at any time. Interning announces a new series to a sink; it never fails: over the
// budget all new label sets of a family share its overflow series, which has no other label.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/reason.h"
#include "base/socket-address.h"

namespace mesh {

enum class Direction : uint8_t { None = 0, Outbound = 1, Inbound = 2 };
enum class Peer : uint8_t { None = 0, Src = 1, Dst = 2 };
enum class Classification : uint8_t { None = 0, Success = 1, Failure = 2 };
enum class LimitScope : uint8_t { None = 0, Total = 1, Identity = 2 };

// Same numbers as `enum Family` of the contract.
enum class Family : uint8_t {
  None = 0,
  RequestTotal = 1,
  ResponseTotal = 2,
  ResponseLatencyMs = 3,
  TcpOpenTotal = 4,
  TcpOpenConnections = 5,
  TcpCloseTotal = 6,
  TcpConnectionDurationMs = 7,
  TcpReadBytesTotal = 8,
  TcpWriteBytesTotal = 9,
  DetectResultsTotal = 10,
  RequestErrorsTotal = 11,
  ConnectionErrorsTotal = 12,
  AcceptErrorsTotal = 13,
  RequestReplaysTotal = 14,
  DialsTotal = 15,
  BufferBytes = 16,
  RouteRequestDurationMs = 17,
  RouteRequestStatusesTotal = 18,
  RouteRequestFrameBytes = 19,
  RouteRetryRequestsTotal = 20,
  RouteRetrySuccessesTotal = 21,
  RouteRetryOverflowTotal = 22,
  RouteRetryLimitExceededTotal = 23,
  BackendRequestsTotal = 24,
  BackendResponseDurationMs = 25,
  BackendResponseStatusesTotal = 26,
  BackendResponseFrameBytes = 27,
  DetectDurationUs = 28,
  TcpProtocolConnectionsTotal = 29,
  TcpRouteOpenTotal = 30,
  TcpRouteCloseTotal = 31,
  HttpAuthzAllowTotal = 40,
  HttpAuthzDenyTotal = 41,
  HttpRouteNotFoundTotal = 42,
  HttpRateLimitTotal = 43,
  TcpAuthzAllowTotal = 44,
  TcpAuthzDenyTotal = 45,
  TcpAuthzTerminateTotal = 46,
  HttpServerErrorsTotal = 47,
  TcpServerErrorsTotal = 48,
  ServerRequestsTotal = 49,
  ServerRequestDurationMs = 50,
  ServerResponseDurationMs = 51,
  ServerRequestFrameBytes = 52,
  ServerResponseFrameBytes = 53,
  ServerStatusesTotal = 54,
  ProfileRequestTotal = 60,
  ProfileResponseTotal = 61,
  ProfileResponseLatencyMs = 62,
  ProfileActualRequestTotal = 63,
  ProfileActualResponseTotal = 64,
  ProfileRetryableTotal = 65,
  TlsRouteOpenTotal = 66,
  TlsRouteCloseTotal = 67,
};

struct LabelSet {
  Direction direction = Direction::None;
  Peer peer = Peer::None;
  SocketAddress targetAddress;
  uint32_t targetId = 0;
  SocketAddress endpoint;
  uint16_t statusCode = 0;
  Classification classification = Classification::None;
  Reason reason = Reason::None;
  int errnoValue = 0;
  const char* detected = "";  // a literal
  bool overflow = false;
  uint32_t routeId = 0;
  uint32_t backendId = 0;
  int8_t grpcStatus = -1;  // -1: none
  uint32_t serverId = 0;
  uint32_t authorizationId = 0;
  uint32_t rateLimitId = 0;
  LimitScope limitScope = LimitScope::None;
  bool portSkipped = false;
  uint16_t serverPort = 0;
  bool noBudget = false;
  std::string serverName;
  bool operator==(const LabelSet& other) const;
};

// Position of a series in the worker's memory. 0 is never a series.
using SeriesId = uint32_t;

struct SeriesDefinition {
  SeriesId offset;
  uint32_t width;
  Family family;
  LabelSet labels;
};

class Recorder {
 public:
  struct Settings {
    // Ascending, each above the one before; empty: +Inf alone.
    std::vector<uint32_t> latencyBoundsMs;
    std::vector<uint32_t> durationBoundsMs;
    std::vector<uint32_t> routeDurationBoundsMs;
    std::vector<uint32_t> backendDurationBoundsMs;
    std::vector<uint32_t> frameBoundsBytes;
    std::vector<uint32_t> detectDurationBoundsUs;
    uint32_t maxSeries = 10'000;  // overflow series come on top
  };
  using Announce = std::function<void(const SeriesDefinition&)>;
  Recorder(Settings settings, Announce announce);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // The series of a label set, the same for the same labels. Announced when it is new, before it
  // is returned. Allocates then only.
  SeriesId intern(Family family, const LabelSet& labels);

  void add(SeriesId series, uint64_t amount = 1) { change(series, amount); }
  void subtract(SeriesId series, uint64_t amount = 1) { change(series, 0 - amount); }  // gauges
  void set(SeriesId series, uint64_t value);                                           // gauges
  // Histograms: `value` in the unit of the family's bounds; `series` is one of `family`.
  void observe(SeriesId series, Family family, uint64_t value);
  void observe(SeriesId latencySeries, uint64_t value) {
    observe(latencySeries, Family::ResponseLatencyMs, value);
  }
  void observeDuration(SeriesId durationSeries, uint64_t value) {
    observe(durationSeries, Family::TcpConnectionDurationMs, value);
  }

  // Any thread. Appends the values [0, size) to `out`. Each value is one that was there; values of
  // one histogram may be an observation apart.
  void snapshot(std::vector<uint64_t>& out) const;

 private:
  // Memory grows in chunks that never move, so a reader needs no lock. A histogram may lie across
  // two of them: every cell is looked up by itself.
  static constexpr uint32_t CHUNK = 4096;
  static constexpr uint32_t MAX_CHUNKS = 4096;
  using Cell = std::atomic<uint64_t>;
  struct Interned;

  Cell& cell(SeriesId index);
  void change(SeriesId index, uint64_t difference);
  // Null for counters and gauges.
  const std::vector<uint32_t>* boundsOf(Family family) const;
  uint32_t widthOf(Family family) const;
  SeriesId define(Family family, const LabelSet& labels);
  SeriesId overflow(Family family);

  const Settings settings_;
  const Announce announce_;
  std::unique_ptr<Interned> interned_;
  // Cells that are in use; what is below has its chunk. Written by the worker with release order.
  std::atomic<uint32_t> size_{1};
  std::unique_ptr<std::atomic<Cell*>[]> chunks_;
};

}  // namespace mesh

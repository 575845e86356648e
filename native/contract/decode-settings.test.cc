// Settings that are right come out whole; each field that is wrong is named.
#include "contract.pb.h"
#include "contract/commands.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;

pb::Settings goodSettings() {
  pb::Settings settings;
  settings.set_workers(2);
  settings.set_poller(pb::POLLER_LIBUV);
  settings.set_log_level(pb::LOG_WARN);
  settings.set_emit_error_headers(true);
  settings.set_outbound_max_in_flight(11);
  settings.set_inbound_max_in_flight(12);
  pb::TcpSettings& tcp = *settings.mutable_tcp();
  tcp.set_keepalive_ms(10'000);
  tcp.set_user_timeout_ms(30'000);
  tcp.set_half_close_timeout_ms(60'000);
  tcp.set_discovery_timeout_ms(10'000);
  tcp.set_accept_batch(16);
  pb::HttpSettings& http = *settings.mutable_http();
  http.set_max_head_bytes(65'536);
  http.set_max_fields(256);
  http.set_request_head_timeout_ms(15'000);
  http.set_client_idle_timeout_ms(600'000);
  pb::BufferSettings& buffers = *settings.mutable_buffers();
  buffers.set_direction_budget_bytes(262'144);
  buffers.set_splice_threshold_bytes(65'536);
  buffers.set_total_budget_bytes(1ULL << 33);
  pb::MetricSettings& metrics = *settings.mutable_metrics();
  for (uint32_t bound : {1u, 10u, 100u}) metrics.add_latency_bounds_ms(bound);
  for (uint32_t bound : {100u, 1000u}) metrics.add_duration_bounds_ms(bound);
  for (uint32_t bound : {7u, 70u}) metrics.add_detect_duration_bounds_us(bound);
  metrics.set_max_series_per_worker(5'000);
  return settings;
}

TEST_CASE("settings come out as they went in") {
  auto decoded = decodeSettings(goodSettings().SerializeAsString());
  REQUIRE(decoded.ok());
  const Settings& settings = decoded.value();
  CHECK(settings.workers == 2);
  CHECK(settings.poller == PollerKind::Libuv);
  CHECK(settings.logLevel == LogLevel::Warn);
  CHECK(settings.emitErrorHeaders);
  CHECK(settings.outboundMaxInFlight == 11);
  CHECK(settings.inboundMaxInFlight == 12);
  CHECK(settings.tcp.keepaliveMs == 10'000);
  CHECK(settings.tcp.userTimeoutMs == 30'000);
  CHECK(settings.halfCloseTimeoutMs == 60'000);
  CHECK(settings.discoveryTimeoutMs == 10'000);
  CHECK(settings.acceptBatch == 16);
  CHECK(settings.http.maxHeadBytes == 65'536);
  CHECK(settings.http.maxFields == 256);
  CHECK(settings.requestHeadTimeoutMs == 15'000);
  CHECK(settings.clientIdleTimeoutMs == 600'000);
  CHECK(settings.directionBudgetBytes == 262'144);
  CHECK(settings.spliceThresholdBytes == 65'536);
  CHECK(settings.totalBudgetBytes == 1ULL << 33);
  CHECK(settings.metrics.latencyBoundsMs == std::vector<uint32_t>{1, 10, 100});
  CHECK(settings.metrics.durationBoundsMs == std::vector<uint32_t>{100, 1000});
  CHECK(settings.metrics.detectDurationBoundsUs == std::vector<uint32_t>{7, 70});
  CHECK(settings.metrics.maxSeries == 5'000);
}

TEST_CASE("PINGs towards clients, and bounds of more histograms, are there when they are given") {
  pb::Settings message = goodSettings();
  auto without = decodeSettings(message.SerializeAsString());
  REQUIRE(without.ok());
  CHECK(without.value().http2KeepAlive.intervalMs == 0);
  CHECK(without.value().metrics.routeDurationBoundsMs.empty());
  pb::Http2KeepAlive& pings = *message.mutable_http()->mutable_http2_keepalive();
  pings.set_interval_ms(10);
  pings.set_timeout_ms(3);
  pings.set_while_idle(true);
  pb::MetricSettings& metrics = *message.mutable_metrics();
  metrics.add_route_duration_bounds_ms(1);
  metrics.add_backend_duration_bounds_ms(2);
  metrics.add_frame_bounds_bytes(3);
  auto with = decodeSettings(message.SerializeAsString());
  REQUIRE(with.ok());
  CHECK(with.value().http2KeepAlive.intervalMs == 10);
  CHECK(with.value().http2KeepAlive.timeoutMs == 3);
  CHECK(with.value().http2KeepAlive.whileIdle);
  CHECK(with.value().metrics.routeDurationBoundsMs == std::vector<uint32_t>{1});
  CHECK(with.value().metrics.backendDurationBoundsMs == std::vector<uint32_t>{2});
  CHECK(with.value().metrics.frameBoundsBytes == std::vector<uint32_t>{3});
}

TEST_CASE("a bad setting is refused with its path") {
  struct Row {
    const char* field;
    std::function<void(pb::Settings&)> spoil;
  };
  const Row rows[] = {
      {"workers", [](auto& s) { s.set_workers(0); }},
      {"workers", [](auto& s) { s.set_workers(65); }},
      {"poller", [](auto& s) { s.set_poller(static_cast<pb::Poller>(9)); }},
      {"log_level", [](auto& s) { s.set_log_level(static_cast<pb::LogLevel>(6)); }},
      {"tcp", [](auto& s) { s.clear_tcp(); }},
      {"http", [](auto& s) { s.clear_http(); }},
      {"buffers", [](auto& s) { s.clear_buffers(); }},
      {"metrics", [](auto& s) { s.clear_metrics(); }},
      {"tcp.keepalive_ms", [](auto& s) { s.mutable_tcp()->set_keepalive_ms(1u << 31); }},
      {"tcp.user_timeout_ms", [](auto& s) { s.mutable_tcp()->set_user_timeout_ms(1u << 31); }},
      {"tcp.half_close_timeout_ms",
       [](auto& s) { s.mutable_tcp()->clear_half_close_timeout_ms(); }},
      {"tcp.discovery_timeout_ms", [](auto& s) { s.mutable_tcp()->clear_discovery_timeout_ms(); }},
      {"tcp.accept_batch", [](auto& s) { s.mutable_tcp()->set_accept_batch(1025); }},
      {"http.max_head_bytes", [](auto& s) { s.mutable_http()->set_max_head_bytes(131'073); }},
      {"http.max_fields", [](auto& s) { s.mutable_http()->set_max_fields(257); }},
      {"http.request_head_timeout_ms",
       [](auto& s) { s.mutable_http()->clear_request_head_timeout_ms(); }},
      {"http.client_idle_timeout_ms",
       [](auto& s) { s.mutable_http()->clear_client_idle_timeout_ms(); }},
      {"buffers.direction_budget_bytes",
       [](auto& s) { s.mutable_buffers()->set_direction_budget_bytes(4095); }},
      {"buffers.total_budget_bytes",
       [](auto& s) { s.mutable_buffers()->set_total_budget_bytes(262'143); }},
      {"metrics.latency_bounds_ms",
       [](auto& s) { s.mutable_metrics()->clear_latency_bounds_ms(); }},
      {"metrics.latency_bounds_ms[3]",
       [](auto& s) { s.mutable_metrics()->add_latency_bounds_ms(100); }},
      {"metrics.duration_bounds_ms[1]",
       [](auto& s) { s.mutable_metrics()->set_duration_bounds_ms(1, 99); }},
      {"http.http2_keepalive.interval_ms",
       [](auto& s) { s.mutable_http()->mutable_http2_keepalive()->set_timeout_ms(1); }},
      {"http.http2_keepalive.timeout_ms",
       [](auto& s) { s.mutable_http()->mutable_http2_keepalive()->set_interval_ms(1); }},
      {"metrics.route_duration_bounds_ms[1]",
       [](auto& s) {
         for (int i = 0; i < 2; ++i) s.mutable_metrics()->add_route_duration_bounds_ms(1);
       }},
      {"metrics.backend_duration_bounds_ms[1]",
       [](auto& s) {
         for (int i = 0; i < 2; ++i) s.mutable_metrics()->add_backend_duration_bounds_ms(1);
       }},
      {"metrics.frame_bounds_bytes",
       [](auto& s) {
         for (uint32_t i = 0; i < 129; ++i) s.mutable_metrics()->add_frame_bounds_bytes(i);
       }},
      {"metrics.detect_duration_bounds_us[1]",
       [](auto& s) { s.mutable_metrics()->set_detect_duration_bounds_us(1, 7); }},
      {"metrics.max_series_per_worker",
       [](auto& s) { s.mutable_metrics()->set_max_series_per_worker(0); }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.field);
    pb::Settings settings = goodSettings();
    row.spoil(settings);
    auto decoded = decodeSettings(settings.SerializeAsString());
    REQUIRE(!decoded.ok());
    CHECK(decoded.error().field == row.field);
    CHECK(!decoded.error().message.empty());
    CHECK(decoded.error().osError == 0);
  }
}

TEST_CASE("bytes that are no message are refused") {
  auto decoded = decodeSettings("\x0a\xff");
  REQUIRE(!decoded.ok());
  CHECK(decoded.error().field == "settings");
}

}  // namespace
}  // namespace mesh::contract

// What the data plane says, read back with the generated classes.
#include "contract.pb.h"
#include "contract/commands.h"
#include "contract/utf8.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;

SocketAddress address(const char* text) { return SocketAddress::parse(text).value(); }

template <typename Message>
Message read(const std::string& bytes) {
  Message message;
  REQUIRE(message.ParseFromString(bytes));
  return message;
}

pb::Event roundTrip(const Event& event) {
  std::vector<Event> events{event};
  auto batch = read<pb::EventBatch>(encodeEvents(events, 0));
  REQUIRE(batch.events_size() == 1);
  return batch.events(0);
}

TEST_CASE("success is an answer without anything in it") {
  auto result = read<pb::CommandResult>(encodeSuccess());
  CHECK(!result.has_error());
  CHECK(!result.has_bound());
  CHECK(!result.has_inspection());
  CHECK(!result.has_capture());
}

TEST_CASE("an error keeps field, message and errno, inside a result and bare") {
  CommandError error{"listen.address", "in use", EADDRINUSE};
  auto result = read<pb::CommandResult>(encodeError(error));
  CHECK(result.error().field() == "listen.address");
  CHECK(result.error().message() == "in use");
  CHECK(result.error().os_error() == EADDRINUSE);
  CHECK(read<pb::CommandError>(encodeBareError(error)).message() == "in use");
}

TEST_CASE("the bound address has its family's bytes in network order") {
  auto v4 = read<pb::CommandResult>(encodeBound(address("127.0.0.1:8080")));
  CHECK(v4.bound().ip() == std::string("\x7f\0\0\1", 4));
  CHECK(v4.bound().port() == 8080);
  CHECK(read<pb::CommandResult>(encodeBound(address("[::1]:1"))).bound().ip().size() == 16);
}

TEST_CASE("a picture keeps every figure") {
  Picture picture;
  picture.connections = 12;
  picture.bufferBytes = 1ULL << 40;
  EndpointPicture waiting{address("192.0.2.1:80"),
                          EndpointState::Ejected,
                          EjectionRule::SuccessRatio,
                          3,
                          4,
                          1.5,
                          ECONNREFUSED,
                          250,
                          10};
  EndpointPicture ready{
      address("[2001:db8::1]:80"), EndpointState::Ready, EjectionRule::None, 0, 0, 30, 0, 0, 1};
  picture.targets.push_back({7, {waiting, ready}, 5});
  auto result = read<pb::CommandResult>(encodePicture(picture));
  CHECK(result.inspection().connections() == 12);
  CHECK(result.inspection().buffer_bytes() == 1ULL << 40);
  REQUIRE(result.inspection().targets_size() == 1);
  const pb::TargetInspection& target = result.inspection().targets(0);
  CHECK(target.id() == 7);
  CHECK(target.waiting() == 5);
  REQUIRE(target.endpoints_size() == 2);
  CHECK(target.endpoints(0).state() == pb::ENDPOINT_EJECTED);
  CHECK(target.endpoints(0).ejected_by() == pb::SUCCESS_RATIO);
  CHECK(target.endpoints(0).in_flight() == 3);
  CHECK(target.endpoints(0).idle_connections() == 4);
  CHECK(target.endpoints(0).ewma_ms() == 1.5);
  CHECK(target.endpoints(0).last_errno() == ECONNREFUSED);
  CHECK(target.endpoints(0).next_attempt_ms() == 250);
  CHECK(target.endpoints(0).weight() == 10);
  CHECK(target.endpoints(1).state() == pb::ENDPOINT_READY);
  CHECK(target.endpoints(1).address().port() == 80);
}

TEST_CASE("capture status lists the hooks in order") {
  auto result = read<pb::CommandResult>(encodeCaptureStatus({"cgroup/connect4", "sk_lookup"}));
  REQUIRE(result.capture().hooks_size() == 2);
  CHECK(result.capture().hooks(0) == "cgroup/connect4");
  CHECK(result.capture().hooks(1) == "sk_lookup");
}

TEST_CASE("a batch keeps the order of events and the number of lost log lines") {
  std::vector<Event> events{DestinationIdle{1}, Drained{}, DestinationIdle{2}};
  auto batch = read<pb::EventBatch>(encodeEvents(events, 9));
  CHECK(batch.dropped_logs() == 9);
  REQUIRE(batch.events_size() == 3);
  CHECK(batch.events(0).destination_idle().id() == 1);
  CHECK(batch.events(1).has_drained());
  CHECK(batch.events(2).destination_idle().id() == 2);
}

TEST_CASE("a series has its place, its family and only the labels that apply") {
  LabelSet labels;
  labels.direction = Direction::Inbound;
  labels.peer = Peer::Src;
  labels.targetAddress = address("192.0.2.1:80");
  labels.targetId = 3;
  labels.endpoint = address("192.0.2.2:80");
  labels.statusCode = 503;
  labels.classification = Classification::Failure;
  labels.reason = Reason::ConnectRefused;
  labels.errnoValue = ECONNRESET;
  labels.detected = "http/1";
  labels.serverId = 21;
  labels.authorizationId = 22;
  labels.rateLimitId = 23;
  labels.limitScope = LimitScope::Identity;
  labels.portSkipped = true;
  labels.serverPort = 8080;
  auto event = roundTrip(SeriesDefined{2, {5, 8, Family::ResponseLatencyMs, labels}});
  const pb::SeriesDefined& series = event.series_defined();
  CHECK(series.worker() == 2);
  CHECK(series.offset() == 5);
  CHECK(series.width() == 8);
  CHECK(series.family() == pb::RESPONSE_LATENCY_MS);
  CHECK(series.labels().direction() == pb::INBOUND);
  CHECK(series.labels().peer() == pb::SRC);
  CHECK(series.labels().target_address().port() == 80);
  CHECK(series.labels().target_id() == 3);
  CHECK(series.labels().endpoint().ip() == std::string("\xc0\0\2\2", 4));
  CHECK(series.labels().status_code() == 503);
  CHECK(series.labels().classification() == pb::FAILURE);
  CHECK(series.labels().reason() == pb::CONNECT_REFUSED);
  CHECK(series.labels().errno_name() == "ECONNRESET");
  CHECK(series.labels().detected() == "http/1");
  CHECK(series.labels().server_id() == 21);
  CHECK(series.labels().authorization_id() == 22);
  CHECK(series.labels().rate_limit_id() == 23);
  CHECK(series.labels().rate_limit_scope() == pb::SCOPE_IDENTITY);
  CHECK(series.labels().port_skipped());
  CHECK(series.labels().server_port() == 8080);
  CHECK(!series.labels().overflow());
  CHECK(series.labels().server_name().empty());
  CHECK(!series.labels().no_budget());

  LabelSet named;
  named.serverName = "web.mesh";
  named.noBudget = true;
  auto byName = roundTrip(SeriesDefined{0, {1, 1, Family::TlsRouteOpenTotal, named}});
  CHECK(byName.series_defined().family() == pb::TLS_ROUTE_OPEN_TOTAL);
  CHECK(byName.series_defined().labels().server_name() == "web.mesh");
  CHECK(byName.series_defined().labels().no_budget());

  LabelSet overflow;
  overflow.overflow = true;
  auto bare = roundTrip(SeriesDefined{0, {1, 1, Family::BufferBytes, overflow}});
  CHECK(bare.series_defined().labels().overflow());
  CHECK(!bare.series_defined().labels().has_target_address());
  CHECK(!bare.series_defined().labels().has_endpoint());
  CHECK(bare.series_defined().labels().errno_name().empty());
}

TEST_CASE("discoveries, log lines and failures keep their fields") {
  auto destination = roundTrip(DiscoverDestination{Direction::Outbound, address("192.0.2.1:81")});
  CHECK(destination.discover_destination().direction() == pb::OUTBOUND);
  CHECK(destination.discover_destination().address().port() == 81);

  auto authority = roundTrip(DiscoverAuthority{4, "web.local:80"});
  CHECK(authority.discover_authority().destination_id() == 4);
  CHECK(authority.discover_authority().authority() == "web.local:80");

  auto log = roundTrip(LogLine{LogLevel::Error, 1'700'000'000'000, 1, "boom", {{"a", "b"}}});
  CHECK(log.log().level() == pb::LOG_ERROR);
  CHECK(log.log().time_ms() == 1'700'000'000'000);
  CHECK(log.log().worker() == 1);
  CHECK(log.log().message() == "boom");
  CHECK(log.log().fields().at("a") == "b");

  Failure failure;
  failure.timeMs = 5;
  failure.direction = Direction::Inbound;
  failure.reason = Reason::FailFast;
  failure.detail = "web.local";
  failure.client = address("192.0.2.9:1000");
  failure.originalDestination = address("192.0.2.1:80");
  failure.targetId = 6;
  failure.method = "GET";
  failure.path = "/x";
  failure.status = 503;
  auto failed = roundTrip(failure);
  CHECK(failed.failure().time_ms() == 5);
  CHECK(failed.failure().direction() == pb::INBOUND);
  CHECK(failed.failure().reason() == pb::FAIL_FAST);
  CHECK(failed.failure().detail() == "web.local");
  CHECK(failed.failure().client().port() == 1000);
  CHECK(failed.failure().original_destination().port() == 80);
  CHECK(!failed.failure().has_endpoint());
  CHECK(failed.failure().target_id() == 6);
  CHECK(failed.failure().method() == "GET");
  CHECK(failed.failure().path() == "/x");
  CHECK(failed.failure().status() == 503);
}

TEST_CASE("bytes of a peer that are not UTF-8 become replacement characters") {
  CHECK(toUtf8("plain") == "plain");
  CHECK(toUtf8("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89") ==
        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(toUtf8("a\xff"
               "b") == "a" + bad + "b");
  CHECK(toUtf8("\xc3") == bad);                                // cut short
  CHECK(toUtf8("\xc0\xaf") == bad + bad);                      // overlong
  CHECK(toUtf8("\xe0\x80\xaf") == bad + bad + bad);            // overlong
  CHECK(toUtf8("\xed\xa0\x80") == bad + bad + bad);            // surrogate
  CHECK(toUtf8("\xf4\x90\x80\x80") == bad + bad + bad + bad);  // above U+10FFFF
  auto event = roundTrip(DiscoverAuthority{4, "\xff.local"});
  CHECK(event.discover_authority().authority() == bad + ".local");
}

}  // namespace
}  // namespace mesh::contract

// Every command kind: the good one comes out whole, each field that is wrong is named. Written in
// protobuf's text format, so that a row reads like the contract.
#include "contract.pb.h"
#include "contract/commands.h"

#include <doctest/doctest.h>
#include <google/protobuf/text_format.h>

#include <string>

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;

Result<Command, CommandError> decode(const std::string& text) {
  pb::Command message;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return decodeCommand(message.SerializeAsString());
}

template <typename T>
T decoded(const std::string& text) {
  auto command = decode(text);
  REQUIRE(command.ok());
  const T* kind = std::get_if<T>(&command.value());
  REQUIRE(kind != nullptr);
  return *kind;
}

std::string fieldOf(const std::string& text) {
  auto command = decode(text);
  REQUIRE(!command.ok());
  CHECK(!command.error().message.empty());
  CHECK(command.error().osError == 0);
  return command.error().field;
}

SocketAddress address(const char* text) { return SocketAddress::parse(text).value(); }

const std::string V4 = R"(ip: "\177\000\000\001" port: 8080)";
const std::string MAPPED = R"(ip: "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\001" port: 80)";
const std::string V6 = R"(ip: "\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\001" port: 443)";

TEST_CASE("listen: each source with what it needs") {
  auto map = decoded<Listen>(
      "listen { id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP "
      R"(address { ip: "\177\000\000\001" } })");
  CHECK(map.id == 1);
  CHECK(map.direction == Direction::Outbound);
  CHECK(map.source == OriginalDestinationSource::CaptureMap);
  CHECK(map.address == address("127.0.0.1:0"));
  auto proxy = decoded<Listen>(
      "listen { id: 2 direction: INBOUND source: SOURCE_HTTP_PROXY "
      "destination_id: 7 address { " +
      V6 + " } }");
  CHECK(proxy.direction == Direction::Inbound);
  CHECK(proxy.source == OriginalDestinationSource::HttpProxy);
  CHECK(proxy.destinationId == 7);
  CHECK(proxy.address == address("[2001:db8::1]:443"));
  CHECK(proxy.backlog == 0);
  CHECK(!proxy.originalDestination.valid());
  auto fixed = decoded<Listen>(
      "listen { id: 3 direction: INBOUND source: SOURCE_ADDRESS backlog: 7 original_destination "
      "{ " +
      V6 + " } address { " + V4 + " } }");
  CHECK(fixed.source == OriginalDestinationSource::Address);
  CHECK(fixed.originalDestination == address("[2001:db8::1]:443"));
  CHECK(fixed.backlog == 7);
  auto none = decoded<Listen>("listen { id: 4 direction: INBOUND source: SOURCE_NONE address { " +
                              V4 + " } }");
  CHECK(none.source == OriginalDestinationSource::Nowhere);
}

TEST_CASE("listen: a bad field is named") {
  struct Row {
    const char* field;
    std::string text;
  };
  const Row rows[] = {
      {"listen.id", "direction: OUTBOUND source: SOURCE_CAPTURE_MAP address { " + V4 + " }"},
      {"listen.direction", "id: 1 source: SOURCE_CAPTURE_MAP address { " + V4 + " }"},
      {"listen.direction", "id: 1 direction: 3 source: SOURCE_CAPTURE_MAP address { " + V4 + " }"},
      {"listen.address", "id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP"},
      {"listen.address.ip",
       "id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP address { port: 1 }"},
      {"listen.address.ip",
       R"(id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP address { ip: "12345" })"},
      {"listen.address.ip",
       "id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP address { " + MAPPED + " }"},
      {"listen.address.port",
       R"(id: 1 direction: OUTBOUND source: SOURCE_CAPTURE_MAP address { ip: "1234" port: 65536 })"},
      {"listen.source", "id: 1 direction: OUTBOUND address { " + V4 + " }"},
      {"listen.source", "id: 1 direction: OUTBOUND source: 8 address { " + V4 + " }"},
      {"listen.destination_id",
       "id: 1 direction: OUTBOUND source: SOURCE_FIXED address { " + V4 + " }"},
      {"listen.destination_id",
       "id: 1 direction: OUTBOUND source: SOURCE_SOCKET_OPTION destination_id: 1 address { " + V4 +
           " }"},
      {"listen.destination_id",
       "id: 1 direction: OUTBOUND source: SOURCE_NONE destination_id: 1 address { " + V4 + " }"},
      {"listen.original_destination",
       "id: 1 direction: OUTBOUND source: SOURCE_ADDRESS address { " + V4 + " }"},
      {"listen.original_destination.port",
       R"(id: 1 direction: OUTBOUND source: SOURCE_ADDRESS original_destination { ip: "1234" } )"
       "address { " +
           V4 + " }"},
      {"listen.original_destination",
       "id: 1 direction: OUTBOUND source: SOURCE_NONE original_destination { " + V4 +
           " } address { " + V4 + " }"},
      {"listen.backlog",
       "id: 1 direction: OUTBOUND source: SOURCE_NONE backlog: 2147483648 address { " + V4 + " }"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(fieldOf("listen { " + row.text + " }") == row.field);
  }
}

const std::string BALANCE =
    "id: 3 kind: BALANCE connect_timeout_ms: 1000 fail_fast_timeout_ms: 3000 queue_capacity: 100 "
    "pool_idle_timeout_ms: 3000 pool_max_idle: 50 ewma_default_rtt_ms: 30 ewma_decay_ms: 10000 "
    "backoff_min_ms: 100 backoff_max_ms: 60000 backoff_jitter: 0.1 response_timeout_ms: 5000 ";

TEST_CASE("put_target: a balanced target comes out as it went in") {
  auto target = decoded<PutTarget>("put_target { " + BALANCE +
                                   "authority: 'web.local:80' "
                                   "labels { key: 'zone' value: 'a' } "
                                   R"(source { ip: "\177\000\000\006" } })");
  CHECK(target.id == 3);
  CHECK(target.authority == "web.local:80");
  CHECK(!target.forward);
  CHECK(target.connectTimeoutMs == 1000);
  CHECK(target.failFastTimeoutMs == 3000);
  CHECK(target.queueCapacity == 100);
  CHECK(target.pool.idleTimeoutMs == 3000);
  CHECK(target.pool.maxIdle == 50);
  CHECK(target.ewmaDefaultRttNs == 30'000'000);
  CHECK(target.ewmaDecayNs == 10'000'000'000);
  CHECK(target.backoff.minMs == 100);
  CHECK(target.backoff.maxMs == 60'000);
  CHECK(target.backoff.jitter == doctest::Approx(0.1));
  CHECK(target.responseTimeoutMs == 5000);
  CHECK(target.source == address("127.0.0.6:0"));
}

TEST_CASE("put_target: a forwarding target needs no balancing") {
  auto target = decoded<PutTarget>("put_target { id: 4 kind: FORWARD connect_timeout_ms: 1000 }");
  CHECK(target.forward);
  CHECK(!target.source.valid());
  CHECK_FALSE(target.refuseLoopback);
  CHECK(decoded<PutTarget>(
            "put_target { id: 4 kind: FORWARD connect_timeout_ms: 1000 refuse_loopback: true }")
            .refuseLoopback);
}

TEST_CASE("put_target: accrual, penalty and PINGs, absent and given") {
  const auto without = decoded<PutTarget>("put_target { " + BALANCE + "}");
  CHECK(without.failureAccrual.maxConsecutiveFailures == 0);
  CHECK(without.failureAccrual.minSuccessRatio == 0);
  CHECK(without.loadPenalty.penaltyMs == 0);
  CHECK(without.http2KeepAlive.intervalMs == 0);
  const auto with = decoded<PutTarget>(
      "put_target { " + BALANCE +
      "failure_accrual { max_consecutive_failures: 7 min_success_ratio: 0.5 window_ms: 10 "
      "min_requests: 5 backoff_min_ms: 1 backoff_max_ms: 2 backoff_jitter: 0.25 "
      "may_eject_last: true } "
      "load_penalty { penalty_ms: 5000 max_retry_after_ms: 300000 } "
      "http2_keepalive { interval_ms: 10 timeout_ms: 3 while_idle: true } }");
  CHECK(with.failureAccrual.maxConsecutiveFailures == 7);
  CHECK(with.failureAccrual.minSuccessRatio == 0.5);
  CHECK(with.failureAccrual.windowMs == 10);
  CHECK(with.failureAccrual.minRequests == 5);
  CHECK(with.failureAccrual.backoff.minMs == 1);
  CHECK(with.failureAccrual.backoff.maxMs == 2);
  CHECK(with.failureAccrual.backoff.jitter == 0.25);
  CHECK(with.failureAccrual.mayEjectLast);
  CHECK(with.loadPenalty.penaltyMs == 5'000);
  CHECK(with.loadPenalty.maxRetryAfterMs == 300'000);
  CHECK(with.http2KeepAlive.intervalMs == 10);
  CHECK(with.http2KeepAlive.timeoutMs == 3);
  CHECK(with.http2KeepAlive.whileIdle);
}

TEST_CASE("put_target: a bad field of accrual, penalty or PINGs is named") {
  struct Row {
    const char* field;
    const char* text;
  };
  const Row rows[] = {
      {"put_target.failure_accrual.min_success_ratio",
       "failure_accrual { min_success_ratio: 1.1 window_ms: 10 min_requests: 1 }"},
      {"put_target.failure_accrual.window_ms",
       "failure_accrual { min_success_ratio: 1 window_ms: 9 min_requests: 1 }"},
      {"put_target.failure_accrual.min_requests",
       "failure_accrual { min_success_ratio: 1 window_ms: 10 }"},
      {"put_target.failure_accrual.min_requests",
       "failure_accrual { min_success_ratio: 1 window_ms: 10 min_requests: 1000001 }"},
      {"put_target.failure_accrual.backoff_min_ms",
       "failure_accrual { max_consecutive_failures: 1 backoff_max_ms: 1 }"},
      {"put_target.failure_accrual.backoff_max_ms",
       "failure_accrual { max_consecutive_failures: 1 backoff_min_ms: 2 backoff_max_ms: 1 }"},
      {"put_target.failure_accrual.backoff_jitter", "failure_accrual { backoff_jitter: -0.1 }"},
      {"put_target.load_penalty.penalty_ms", "load_penalty { }"},
      {"put_target.load_penalty.max_retry_after_ms",
       "load_penalty { penalty_ms: 1 max_retry_after_ms: 2147483648 }"},
      {"put_target.http2_keepalive.interval_ms", "http2_keepalive { timeout_ms: 1 }"},
      {"put_target.http2_keepalive.timeout_ms", "http2_keepalive { interval_ms: 1 }"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(fieldOf("put_target { " + BALANCE + row.text + " }") == row.field);
  }
}

TEST_CASE("put_target: a bad field is named") {
  struct Row {
    const char* field;
    const char* text;
  };
  const Row rows[] = {
      {"put_target.id", "id: 0"},
      {"put_target.kind", "kind: 2"},
      {"put_target.connect_timeout_ms", "connect_timeout_ms: 0"},
      {"put_target.connect_timeout_ms", "connect_timeout_ms: 2147483648"},
      {"put_target.fail_fast_timeout_ms", "fail_fast_timeout_ms: 0"},
      {"put_target.queue_capacity", "queue_capacity: 1000001"},
      {"put_target.pool_idle_timeout_ms", "pool_idle_timeout_ms: 2147483648"},
      {"put_target.ewma_default_rtt_ms", "ewma_default_rtt_ms: 0"},
      {"put_target.ewma_decay_ms", "ewma_decay_ms: 0"},
      {"put_target.backoff_min_ms", "backoff_min_ms: 0"},
      {"put_target.backoff_max_ms", "backoff_max_ms: 99"},
      {"put_target.backoff_jitter", "backoff_jitter: 1.1"},
      {"put_target.backoff_jitter", "backoff_jitter: -0.1"},
      {"put_target.backoff_jitter", "backoff_jitter: nan"},
      {"put_target.response_timeout_ms", "response_timeout_ms: 2147483648"},
      {"put_target.source.ip", "source { port: 0 }"},
      {"put_target.source.port", R"(source { ip: "1234" port: 1 })"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    pb::Command message;
    REQUIRE(
        google::protobuf::TextFormat::ParseFromString("put_target { " + BALANCE + "}", &message));
    REQUIRE(google::protobuf::TextFormat::MergeFromString(
        std::string("put_target { ") + row.text + " }", &message));
    // Merging cannot write proto3's zeros over values: clear those by hand.
    std::string text(row.text);
    if (text.size() > 3 && text.substr(text.size() - 3) == ": 0") {
      const auto* field =
          pb::PutTarget::descriptor()->FindFieldByName(text.substr(0, text.size() - 3));
      REQUIRE(field != nullptr);
      message.put_target().GetReflection()->ClearField(message.mutable_put_target(), field);
    }
    auto command = decodeCommand(message.SerializeAsString());
    REQUIRE(!command.ok());
    CHECK(command.error().field == row.field);
  }
}

TEST_CASE("update_endpoints: additions, default weights and removals") {
  auto update = decoded<UpdateEndpoints>(
      "update_endpoints { target_id: 3 reset: true "
      "add { address { " +
      V4 +
      " } weight: 10000 } "
      "add { address { " +
      V6 +
      " } } "
      R"(remove { ip: "1234" port: 1 } })");
  CHECK(update.targetId == 3);
  CHECK(update.reset);
  REQUIRE(update.add.size() == 2);
  CHECK(update.add[0].address == address("127.0.0.1:8080"));
  CHECK(update.add[0].weight == 10'000);
  CHECK(update.add[1].address == address("[2001:db8::1]:443"));
  CHECK(update.add[1].weight == 1);
  CHECK(update.remove == std::vector<SocketAddress>{address("49.50.51.52:1")});
}

TEST_CASE("update_endpoints: what sets an endpoint apart is there where it is given") {
  const auto update = decoded<UpdateEndpoints>(
      "update_endpoints { target_id: 3 add { address { " + V4 + " } } add { address { " + V4 +
      " } takes_orig_proto: true authority_override: 'web.other:81' "
      "http2_keepalive { interval_ms: 10 timeout_ms: 3 while_idle: true } } add { address { " +
      V6 + " } authority_override: 'web' } }");
  REQUIRE(update.add.size() == 3);
  CHECK(update.add[0].traits == nullptr);
  REQUIRE(update.add[1].traits != nullptr);
  CHECK(update.add[1].traits->takesOrigProto);
  CHECK(update.add[1].traits->authorityOverride == "web.other:81");
  REQUIRE(update.add[1].traits->http2KeepAlive);
  CHECK(update.add[1].traits->http2KeepAlive->intervalMs == 10);
  CHECK(update.add[1].traits->http2KeepAlive->timeoutMs == 3);
  CHECK(update.add[1].traits->http2KeepAlive->whileIdle);
  REQUIRE(update.add[2].traits != nullptr);
  CHECK_FALSE(update.add[2].traits->takesOrigProto);
  CHECK_FALSE(update.add[2].traits->http2KeepAlive);
}

TEST_CASE("update_endpoints: a bad element is named by its index") {
  const std::string good = "add { address { " + V4 + " } } ";
  CHECK(fieldOf("update_endpoints { " + good + "}") == "update_endpoints.target_id");
  CHECK(fieldOf("update_endpoints { target_id: 1 " + good + good + good +
                R"(add { address { ip: "1234" } } })") == "update_endpoints.add[3].address.port");
  CHECK(fieldOf("update_endpoints { target_id: 1 " + good + "add { weight: 1 } }") ==
        "update_endpoints.add[1].address");
  CHECK(fieldOf("update_endpoints { target_id: 1 add { weight: 10001 address { " + V4 + " } } }") ==
        "update_endpoints.add[0].weight");
  const auto with = [](const std::string& text) {
    return fieldOf("update_endpoints { target_id: 1 add { address { " + V4 + " } " + text + " } }");
  };
  CHECK(with("authority_override: 'Web'") == "update_endpoints.add[0].authority_override");
  CHECK(with("authority_override: 'a/b'") == "update_endpoints.add[0].authority_override");
  CHECK(with("http2_keepalive { timeout_ms: 1 }") ==
        "update_endpoints.add[0].http2_keepalive.interval_ms");
  CHECK(with("http2_keepalive { interval_ms: 1 }") ==
        "update_endpoints.add[0].http2_keepalive.timeout_ms");
  CHECK(fieldOf("update_endpoints { target_id: 1 remove { " + MAPPED + " } }") ==
        "update_endpoints.remove[0].ip");
  CHECK(fieldOf("update_endpoints { target_id: 1 " + good + "remove { " + V4 + " } }") ==
        "update_endpoints.remove[0]");
}

TEST_CASE("put_destination: with an address, and without one") {
  auto captured = decoded<PutDestination>(
      "put_destination { id: 5 direction: INBOUND address { " + V4 +
      " } protocol: HTTP1 "
      "target_id: 3 authorities { authority: 'web.local:80' target_id: 3 } "
      "authorities { authority: '[2001:db8::1]' target_id: 4 } discover_authorities: true "
      "idle_timeout_ms: 600000 }");
  CHECK(captured.id == 5);
  CHECK(captured.direction == Direction::Inbound);
  CHECK(captured.address == address("127.0.0.1:8080"));
  CHECK(captured.protocol == Protocol::Http1);
  CHECK(captured.targetId == 3);
  REQUIRE(captured.authorities.size() == 2);
  CHECK(captured.authorities[0].authority == "web.local:80");
  CHECK(captured.authorities[0].targetId == 3);
  CHECK(captured.authorities[1].authority == "[2001:db8::1]");
  CHECK(captured.authorities[1].targetId == 4);
  CHECK(captured.discoverAuthorities);
  CHECK(captured.idleTimeoutMs == 600'000);
  auto fixed = decoded<PutDestination>(
      "put_destination { id: 6 direction: OUTBOUND protocol: DETECT detect_timeout_ms: 10000 }");
  CHECK(!fixed.address.valid());
  CHECK(fixed.protocol == Protocol::Detect);
  CHECK(fixed.detectTimeoutMs == 10'000);
  auto http2 =
      decoded<PutDestination>("put_destination { id: 6 direction: OUTBOUND protocol: HTTP2 }");
  CHECK(http2.protocol == Protocol::Http2);
  auto tls = decoded<PutDestination>(
      "put_destination { id: 6 direction: OUTBOUND protocol: TLS detect_timeout_ms: 1 target_id: 1 "
      "}");
  CHECK(tls.protocol == Protocol::Tls);
}

TEST_CASE("put_destination: a route table in place of a target") {
  const auto opaque = decoded<PutDestination>(
      "put_destination { id: 6 direction: OUTBOUND protocol: OPAQUE route_table_id: 4 "
      "authorities { authority: 'web' route_table_id: 5 } }");
  CHECK(opaque.targetId == 0);
  CHECK(opaque.routeTableId == 4);
  CHECK(opaque.authorities.at(0).targetId == 0);
  CHECK(opaque.authorities.at(0).routeTableId == 5);
  const std::string head = "put_destination { id: 6 direction: OUTBOUND protocol: OPAQUE ";
  CHECK(fieldOf(head + "target_id: 1 route_table_id: 4 }") == "put_destination.target_id");
  CHECK(fieldOf(head + "target_id: 1 "
                       "authorities { authority: 'a' target_id: 1 route_table_id: 5 } }") ==
        "put_destination.authorities[0].target_id");
}

TEST_CASE("put_destination: one that is refused needs no target") {
  const std::string head = "put_destination { id: 6 direction: INBOUND protocol: OPAQUE ";
  const auto refused =
      decoded<PutDestination>(head + "refusal: ADDRESS_NOT_ALLOWED refusal_detail: 'not here' }");
  CHECK(refused.refusal == Reason::AddressNotAllowed);
  CHECK(refused.refusalDetail == "not here");
  CHECK(decoded<PutDestination>(head + "target_id: 1 }").refusal == Reason::None);
  CHECK(fieldOf(head + "refusal: 19 }") == "put_destination.refusal");
  CHECK(fieldOf(head + "target_id: 1 refusal_detail: 'why' }") == "put_destination.refusal_detail");
}

TEST_CASE("remove_route_table: by its id") {
  CHECK(decoded<RemoveRouteTable>("remove_route_table { id: 3 }").id == 3);
  CHECK(fieldOf("remove_route_table { }") == "remove_route_table.id");
}

TEST_CASE("put_destination: a bad field is named") {
  struct Row {
    const char* field;
    std::string text;
  };
  const std::string head = "id: 5 direction: OUTBOUND protocol: HTTP1 ";
  const Row rows[] = {
      {"put_destination.id", "direction: OUTBOUND protocol: HTTP1"},
      {"put_destination.direction", "id: 5 protocol: HTTP1"},
      {"put_destination.address.ip", head + "address { port: 1 }"},
      {"put_destination.address.port", head + R"(address { ip: "1234" })"},
      {"put_destination.protocol", "id: 5 direction: OUTBOUND protocol: 5 target_id: 1"},
      {"put_destination.detect_timeout_ms", "id: 5 direction: OUTBOUND protocol: DETECT"},
      {"put_destination.detect_timeout_ms", "id: 5 direction: OUTBOUND protocol: TLS target_id: 1"},
      {"put_destination.target_id", "id: 5 direction: OUTBOUND protocol: OPAQUE"},
      {"put_destination.target_id",
       "id: 5 direction: OUTBOUND protocol: TLS detect_timeout_ms: 1000"},
      {"put_destination.authorities[0].authority", head + "authorities { target_id: 1 }"},
      {"put_destination.authorities[0].authority",
       head + "authorities { authority: 'Web.local' target_id: 1 }"},
      {"put_destination.authorities[0].authority",
       head + "authorities { authority: 'http://web' target_id: 1 }"},
      {"put_destination.authorities[0].authority",
       head + "authorities { authority: '" + std::string(260, 'a') + "' target_id: 1 }"},
      {"put_destination.authorities[0].target_id", head + "authorities { authority: 'web' }"},
      {"put_destination.authorities[1].authority",
       head + "authorities { authority: 'web' target_id: 1 } "
              "authorities { authority: 'web' target_id: 2 }"},
      {"put_destination.idle_timeout_ms", head + "idle_timeout_ms: 2147483648"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(fieldOf("put_destination { " + row.text + " }") == row.field);
  }
}

TEST_CASE("fail_discovery: for an address, or for an authority of a destination") {
  auto plain = decoded<FailDiscovery>(
      "fail_discovery { direction: OUTBOUND detail: 'no such name' "
      "address { " +
      V4 + " } }");
  CHECK(plain.direction == Direction::Outbound);
  CHECK(plain.address == address("127.0.0.1:8080"));
  CHECK(plain.detail == "no such name");
  auto named =
      decoded<FailDiscovery>("fail_discovery { destination_id: 9 authority: 'web.local' }");
  CHECK(named.destinationId == 9);
  CHECK(named.authority == "web.local");
  CHECK(!named.address.valid());

  CHECK(fieldOf("fail_discovery { address { " + V4 + " } }") == "fail_discovery.direction");
  CHECK(fieldOf("fail_discovery { direction: OUTBOUND }") == "fail_discovery.address");
  CHECK(fieldOf("fail_discovery { direction: OUTBOUND authority: 'web' address { " + V4 + " } }") ==
        "fail_discovery.destination_id");
  CHECK(fieldOf("fail_discovery { destination_id: 9 }") == "fail_discovery.authority");
  CHECK(fieldOf("fail_discovery { destination_id: 9 authority: 'web' address { " + V4 + " } }") ==
        "fail_discovery.address");
}

TEST_CASE("the small commands") {
  CHECK(decoded<CloseListener>("close_listener { id: 1 }").id == 1);
  CHECK(decoded<ResumeListener>("resume_listener { id: 1 }").id == 1);
  CHECK(decoded<RemoveTarget>("remove_target { id: 2 }").id == 2);
  CHECK(decoded<RemoveDestination>("remove_destination { id: 3 }").id == 3);
  CHECK(decoded<SetLogLevel>("set_log_level { level: LOG_TRACE }").level == LogLevel::Trace);
  CHECK(decoded<SetLogLevel>("set_log_level { level: LOG_OFF }").level == LogLevel::Off);
  CHECK(decoded<Drain>("drain { grace_ms: 0 }").graceMs == 0);
  decoded<Inspect>("inspect {}");
  decoded<DetachCapture>("detach_capture {}");

  CHECK(fieldOf("close_listener {}") == "close_listener.id");
  CHECK(fieldOf("resume_listener {}") == "resume_listener.id");
  CHECK(fieldOf("remove_target {}") == "remove_target.id");
  CHECK(fieldOf("remove_destination {}") == "remove_destination.id");
  CHECK(fieldOf("set_log_level { level: 6 }") == "set_log_level.level");
  CHECK(fieldOf("drain { grace_ms: 2147483648 }") == "drain.grace_ms");
}

TEST_CASE("bytes that are no command are refused") {
  CHECK(fieldOf("") == "kind");
  auto garbage = decodeCommand("\x0a\xff");
  REQUIRE(!garbage.ok());
  CHECK(garbage.error().field == "command");
}

}  // namespace
}  // namespace mesh::contract

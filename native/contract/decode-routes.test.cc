// Route tables: a full one comes out as it went in, each field that is wrong is named.
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
  REQUIRE(
      google::protobuf::TextFormat::ParseFromString("put_route_table { " + text + " }", &message));
  return decodeCommand(message.SerializeAsString());
}

route::TableSpec decoded(const std::string& text) {
  auto command = decode(text);
  if (!command.ok()) FAIL(command.error().field << ' ' << command.error().message);
  return *std::get_if<route::TableSpec>(&command.value());
}

TEST_CASE("a route table: hosts and matches come out as they went in") {
  const route::TableSpec table = decoded(R"(
    id: 4
    rules { id: 1 } rules { id: 2 }
    hosts { host: "a.b" entries {
      rule: 1
      match {
        path_prefix: "/p" method: "GET"
        headers { name: "x" exact: "1" } headers { name: "y" regex: "2" }
        queries { name: "Q" exact: "" } queries { name: "r" regex: "3" }
      }
    } entries { } }
    hosts { host: "a.b" suffix: true entries { match { path_exact: "/e" } } }
    hosts { host: "[::1]" entries { match { path_regex: "/r" } } }
    hosts { entries { match { grpc { service: "s" method: "m" } } } })");
  CHECK(table.id == 4);
  REQUIRE(table.rules.size() == 2);
  REQUIRE(table.hosts.size() == 4);
  CHECK(table.hosts[0].host == "a.b");
  CHECK_FALSE(table.hosts[0].suffix);
  CHECK(table.hosts[1].suffix);
  REQUIRE(table.hosts[0].entries.size() == 2);
  const route::EntrySpec& entry = table.hosts[0].entries[0];
  CHECK(entry.rule == 1);
  CHECK(std::get<route::PathPrefix>(entry.match.path).prefix == "/p");
  CHECK(entry.match.method == "GET");
  REQUIRE(entry.match.headers.size() == 2);
  CHECK(entry.match.headers[0].name == "x");
  CHECK(entry.match.headers[0].value.text == "1");
  CHECK_FALSE(entry.match.headers[0].value.regex);
  CHECK(entry.match.headers[1].value.text == "2");
  CHECK(entry.match.headers[1].value.regex);
  REQUIRE(entry.match.queries.size() == 2);
  CHECK(entry.match.queries[0].name == "Q");
  CHECK_FALSE(entry.match.queries[0].value.regex);
  CHECK(entry.match.queries[1].value.text == "3");
  CHECK(entry.match.queries[1].value.regex);
  CHECK(std::holds_alternative<std::monostate>(table.hosts[0].entries[1].match.path));
  CHECK(std::get<route::PathExact>(table.hosts[1].entries[0].match.path).path == "/e");
  CHECK(std::get<route::PathRegex>(table.hosts[2].entries[0].match.path).pattern == "/r");
  CHECK(std::get<route::GrpcMatch>(table.hosts[3].entries[0].match.path).service == "s");
  CHECK(std::get<route::GrpcMatch>(table.hosts[3].entries[0].match.path).method == "m");
  CHECK(!table.tcp);
}

TEST_CASE("a route table: rules come out as they went in") {
  const route::TableSpec table = decoded(R"(
    id: 4
    rules {
      id: 7 name: "n" kind: ROUTE_GRPC allow_request_overrides: true
      distribution {
        kind: RANDOM_AVAILABLE
        backends { id: 8 name: "b" target_id: 9 weight: 10 filters { invalid: "why" } }
      }
      timeouts { request_ms: 1 response_ms: 2 idle_ms: 3 head_ms: 4 }
      retry {
        max_retries: 100 max_request_bytes: 5 statuses { first: 500 last: 599 }
        grpc_codes: [1, 4, 8, 13, 14] timeout_ms: 6
        backoff { min_ms: 1 max_ms: 2 jitter: 0.5 }
        budget { id: 3 ratio: 0.2 min_retries_per_second: 10 ttl_ms: 60000 }
      }
      failure_statuses { first: 1 last: 1 } failure_statuses { first: 599 last: 599 }
    }
    tcp { id: 5 name: "t" refusal: FORBIDDEN distribution { kind: FIRST_AVAILABLE } })");
  const route::RuleSpec& rule = table.rules.at(0);
  CHECK(rule.id == 7);
  CHECK(rule.name == "n");
  CHECK(rule.kind == route::RouteKind::Grpc);
  CHECK(rule.allowRequestOverrides);
  CHECK(rule.distribution.kind == route::DistributionKind::RandomAvailable);
  const route::Backend& backend = rule.distribution.backends.at(0);
  CHECK(backend.id == 8);
  CHECK(backend.name == "b");
  CHECK(backend.targetId == 9);
  CHECK(backend.weight == 10);
  CHECK(std::get<route::InvalidFilter>(backend.filters.at(0)).message == "why");
  CHECK(rule.timeouts.requestMs == 1);
  CHECK(rule.timeouts.responseMs == 2);
  CHECK(rule.timeouts.idleMs == 3);
  CHECK(rule.timeouts.headMs == 4);
  REQUIRE(rule.retry);
  CHECK(rule.retry->maxRetries == 100);
  CHECK(rule.retry->maxRequestBytes == 5);
  CHECK(rule.retry->statuses.at(0).first == 500);
  CHECK(rule.retry->statuses.at(0).last == 599);
  CHECK(rule.retry->grpcCodes == (1u << 1 | 1u << 4 | 1u << 8 | 1u << 13 | 1u << 14));
  CHECK(rule.retry->timeoutMs == 6);
  CHECK_FALSE(rule.retry->responsesOnly);
  REQUIRE(rule.retry->backoff);
  CHECK(rule.retry->backoff->minMs == 1);
  CHECK(rule.retry->backoff->maxMs == 2);
  CHECK(rule.retry->backoff->jitter == 0.5);
  REQUIRE(rule.retry->budget);
  CHECK(rule.retry->budget->id == 3);
  CHECK(rule.retry->budget->ratio == 0.2);
  CHECK(rule.retry->budget->minRetriesPerSecond == 10);
  CHECK(rule.retry->budget->ttlMs == 60'000);
  CHECK(rule.failureStatuses.size() == 2);
  REQUIRE(table.tcp);
  CHECK(table.tcp->id == 5);
  CHECK(table.tcp->name == "t");
  CHECK(table.tcp->refusal == Reason::Forbidden);
  CHECK(table.tcp->distribution.kind == route::DistributionKind::FirstAvailable);
}

TEST_CASE("a route table: matches within matches come out as they went in") {
  const route::TableSpec table = decoded(R"(
    id: 4
    rules { id: 1 }
    hosts { entries { match {
      http_version: 2
      headers { name: "x" exact: "\377\000" }
      all { method: "GET" none { path_exact: "/a" } }
      none { path_regex: "/b" }
    } } })");
  const route::RequestMatch& match = table.hosts.at(0).entries.at(0).match;
  CHECK(match.httpVersion == 2);
  CHECK(match.headers.at(0).value.text == std::string("\377\000", 2));
  REQUIRE(match.all.size() == 1);
  CHECK(match.all[0].method == "GET");
  REQUIRE(match.all[0].none.size() == 1);
  CHECK(std::get<route::PathExact>(match.all[0].none[0].path).path == "/a");
  REQUIRE(match.none.size() == 1);
  CHECK(std::get<route::PathRegex>(match.none[0].path).pattern == "/b");
}

TEST_CASE("a route table: matches are at most sixteen deep") {
  const auto nested = [](int depth) {
    std::string match;
    for (int i = 1; i < depth; ++i) match = "none { " + match + " }";
    return decode("id: 1 rules { id: 1 } hosts { entries { match { " + match + " } } }");
  };
  CHECK(nested(16).ok());
  CHECK(!nested(17).ok());
}

TEST_CASE("a route table: retries of responses alone, bounded by their budget") {
  const route::TableSpec table = decoded(R"(
    id: 4
    rules {
      id: 7 kind: ROUTE_PROFILE
      retry { responses_only: true grpc_codes: [1, 2, 16] budget { id: 3 ttl_ms: 1000 } }
    })");
  const route::RuleSpec& rule = table.rules.at(0);
  CHECK(rule.kind == route::RouteKind::Profile);
  REQUIRE(rule.retry);
  CHECK(rule.retry->responsesOnly);
  CHECK(rule.retry->maxRetries == 0);
  CHECK(rule.retry->grpcCodes == (1u << 1 | 1u << 2 | 1u << 16));
  REQUIRE(rule.retry->budget);
}

TEST_CASE("a route table: routes by the names of servers come out as they went in") {
  const route::TableSpec table = decoded(R"(
    id: 4
    tls { host: "a.b" route { id: 5 name: "t" refusal: INVALID_POLICY } }
    tls { host: "a.b" suffix: true
          route { id: 6 distribution { kind: FIRST_AVAILABLE backends { id: 1 target_id: 2 } } } }
    tls { route { id: 7 } })");
  CHECK_FALSE(table.tcp);
  REQUIRE(table.tls.size() == 3);
  CHECK(table.tls[0].host == "a.b");
  CHECK_FALSE(table.tls[0].suffix);
  CHECK(table.tls[0].route.id == 5);
  CHECK(table.tls[0].route.name == "t");
  CHECK(table.tls[0].route.refusal == Reason::InvalidPolicy);
  CHECK(table.tls[1].suffix);
  CHECK(table.tls[1].route.distribution.backends.at(0).targetId == 2);
  CHECK(table.tls[2].host.empty());
  CHECK(table.tls[2].route.id == 7);
}

TEST_CASE("a route table: filters come out as they went in") {
  const route::TableSpec table = decoded(R"(
    id: 4
    rules {
      id: 1
      filters { request_headers {
        add { name: "a" value: "1" } set { name: "b" value: "2" } remove: "c" } }
      filters { response_headers { remove: "d" } }
      filters { redirect { status: 307 scheme: "https" host: "h" port: 1 replace_path: "/p" } }
      filters { redirect { status: 300 replace_prefix: "" } }
      filters { inject { numerator: 1 denominator: 2 http { status: 200 message: "m" } } }
      filters { inject { grpc { code: 16 message: "g" } } }
    })");
  const std::vector<route::Filter>& filters = table.rules.at(0).filters;
  REQUIRE(filters.size() == 6);
  const route::HeaderModifier& request = std::get<route::RequestHeaders>(filters[0]).modifier;
  CHECK(request.add.at(0) == std::pair<std::string, std::string>("a", "1"));
  CHECK(request.set.at(0) == std::pair<std::string, std::string>("b", "2"));
  CHECK(request.remove.at(0) == "c");
  CHECK(std::get<route::ResponseHeaders>(filters[1]).modifier.remove.at(0) == "d");
  const route::Redirect& redirect = std::get<route::Redirect>(filters[2]);
  CHECK(redirect.status == 307);
  CHECK(redirect.scheme == "https");
  CHECK(redirect.host == "h");
  CHECK(redirect.port == 1);
  CHECK(redirect.replacePath == "/p");
  CHECK(!redirect.replacePrefix);
  CHECK(std::get<route::Redirect>(filters[3]).replacePrefix == "");
  const route::FailureInjector& http = std::get<route::FailureInjector>(filters[4]);
  CHECK(http.numerator == 1);
  CHECK(http.denominator == 2);
  CHECK(std::get<route::HttpFailure>(http.failure).status == 200);
  CHECK(std::get<route::HttpFailure>(http.failure).message == "m");
  const route::FailureInjector& grpc = std::get<route::FailureInjector>(filters[5]);
  CHECK(std::get<route::GrpcFailure>(grpc.failure).code == 16);
  CHECK(std::get<route::GrpcFailure>(grpc.failure).message == "g");
}

TEST_CASE("a route table: a bad field is named") {
  struct Row {
    const char* field;
    std::string text;
  };
  const auto match = [](const std::string& text) {
    return "id: 1 rules { id: 1 } hosts { entries { match { " + text + " } } }";
  };
  const auto rule = [](const std::string& text) { return "id: 1 rules { id: 1 " + text + " }"; };
  const auto retry = [&rule](const std::string& text) {
    return rule("retry { max_retries: 1 " + text + " }");
  };
  const auto filter = [&rule](const std::string& text) { return rule("filters { " + text + " }"); };
  const Row rows[] = {
      {"put_route_table.id", ""},
      {"put_route_table.hosts[0].host", "id: 1 hosts { host: 'A' }"},
      {"put_route_table.hosts[0].host", "id: 1 hosts { host: 'a:80' }"},
      {"put_route_table.hosts[0].host", "id: 1 hosts { host: 'a/b' }"},
      {"put_route_table.hosts[0].host", "id: 1 hosts { host: '" + std::string(256, 'a') + "' }"},
      {"put_route_table.hosts[0].suffix", "id: 1 hosts { suffix: true }"},
      {"put_route_table.hosts[1].host", "id: 1 hosts { host: 'a' } hosts { host: 'a' }"},
      {"put_route_table.hosts[1].host", "id: 1 hosts { } hosts { }"},
      {"put_route_table.hosts[0].entries[1].rule",
       "id: 1 rules { id: 1 } hosts { entries { } entries { rule: 1 } }"},
      {"put_route_table.hosts[0].entries[0].match.headers[0].name",
       match("headers { exact: 'x' }")},
      {"put_route_table.hosts[0].entries[0].match.headers[0].name",
       match("headers { name: 'X' exact: 'x' }")},
      {"put_route_table.hosts[0].entries[0].match.headers[0]", match("headers { name: 'x' }")},
      {"put_route_table.hosts[0].entries[0].match.queries[0].name",
       match("queries { regex: 'x' }")},
      {"put_route_table.hosts[0].entries[0].match.queries[1]",
       match("queries { name: 'x' exact: '' } queries { name: 'y' }")},
      {"put_route_table.hosts[0].entries[0].match.http_version", match("http_version: 3")},
      {"put_route_table.hosts[0].entries[0].match.all[1].none[0].headers[0]",
       match("all { } all { none { headers { name: 'x' } } }")},
      {"put_route_table.rules[0].id", "id: 1 rules { }"},
      {"put_route_table.rules[0].kind", rule("kind: 9")},
      {"put_route_table.rules[0].distribution.kind", rule("distribution { kind: 3 }")},
      {"put_route_table.rules[0].distribution.backends[0].id",
       rule("distribution { backends { } }")},
      {"put_route_table.rules[0].distribution.backends[0].filters[0].redirect.status",
       rule("distribution { backends { id: 1 filters { redirect { } } } }")},
      {"put_route_table.rules[0].timeouts.request_ms", rule("timeouts { request_ms: 2147483648 }")},
      {"put_route_table.rules[0].timeouts.response_ms",
       rule("timeouts { response_ms: 2147483648 }")},
      {"put_route_table.rules[0].timeouts.idle_ms", rule("timeouts { idle_ms: 2147483648 }")},
      {"put_route_table.rules[0].timeouts.head_ms", rule("timeouts { head_ms: 2147483648 }")},
      {"put_route_table.rules[0].retry.max_retries", rule("retry { }")},
      {"put_route_table.rules[0].retry.max_retries",
       rule("retry { budget { id: 1 ttl_ms: 1000 } }")},
      {"put_route_table.rules[0].retry.budget", rule("retry { responses_only: true }")},
      {"put_route_table.rules[0].retry.grpc_codes[1]",
       retry("responses_only: true grpc_codes: [16, 17]")},
      {"put_route_table.rules[0].retry.grpc_codes[0]",
       retry("responses_only: true grpc_codes: [0]")},
      {"put_route_table.rules[0].retry.max_retries", rule("retry { max_retries: 101 }")},
      {"put_route_table.rules[0].retry.statuses[0].first", retry("statuses { last: 5 }")},
      {"put_route_table.rules[0].retry.statuses[0].last", retry("statuses { first: 5 last: 4 }")},
      {"put_route_table.rules[0].retry.statuses[0].last", retry("statuses { first: 5 last: 600 }")},
      {"put_route_table.rules[0].retry.grpc_codes[1]", retry("grpc_codes: [1, 2]")},
      {"put_route_table.rules[0].retry.grpc_codes[0]", retry("grpc_codes: [33]")},
      {"put_route_table.rules[0].retry.timeout_ms", retry("timeout_ms: 2147483648")},
      {"put_route_table.rules[0].retry.backoff.min_ms", retry("backoff { max_ms: 1 }")},
      {"put_route_table.rules[0].retry.backoff.max_ms", retry("backoff { min_ms: 2 max_ms: 1 }")},
      {"put_route_table.rules[0].retry.backoff.jitter",
       retry("backoff { min_ms: 1 max_ms: 1 jitter: 1.5 }")},
      {"put_route_table.rules[0].retry.budget.id", retry("budget { ttl_ms: 1000 }")},
      {"put_route_table.rules[0].retry.budget.ratio",
       retry("budget { id: 1 ttl_ms: 1000 ratio: 1000.5 }")},
      {"put_route_table.rules[0].retry.budget.ratio",
       retry("budget { id: 1 ttl_ms: 1000 ratio: nan }")},
      {"put_route_table.rules[0].retry.budget.ttl_ms", retry("budget { id: 1 ttl_ms: 999 }")},
      {"put_route_table.rules[0].retry.budget.ttl_ms", retry("budget { id: 1 ttl_ms: 60001 }")},
      {"put_route_table.rules[0].failure_statuses[0].first", rule("failure_statuses { last: 1 }")},
      {"put_route_table.rules[0].filters[0]", filter("")},
      {"put_route_table.rules[0].filters[0].redirect.status", filter("redirect { status: 400 }")},
      {"put_route_table.rules[0].filters[0].redirect.port",
       filter("redirect { status: 301 port: 65536 }")},
      {"put_route_table.rules[0].filters[0].inject", filter("inject { }")},
      {"put_route_table.rules[0].filters[0].inject.numerator",
       filter("inject { numerator: 2 denominator: 1 grpc { } }")},
      {"put_route_table.rules[0].filters[0].inject.http.status", filter("inject { http { } }")},
      {"put_route_table.rules[0].filters[0].inject.grpc.code",
       filter("inject { grpc { code: 17 } }")},
      {"put_route_table.tcp.id", "id: 1 tcp { }"},
      {"put_route_table.tcp.refusal", "id: 1 tcp { id: 1 refusal: NO_ROUTE }"},
      {"put_route_table.tls[0].host", "id: 1 tls { host: 'A' route { id: 1 } }"},
      {"put_route_table.tls[0].host", "id: 1 tls { host: 'a:443' route { id: 1 } }"},
      {"put_route_table.tls[0].suffix", "id: 1 tls { suffix: true route { id: 1 } }"},
      {"put_route_table.tls[1].host",
       "id: 1 tls { host: 'a' route { id: 1 } } tls { host: 'a' route { id: 2 } }"},
      {"put_route_table.tls[0].route", "id: 1 tls { host: 'a' }"},
      {"put_route_table.tls[1].route.id",
       "id: 1 tls { host: 'a' route { id: 1 } } tls { host: 'b' route { } }"},
      {"put_route_table.tls[0].route.refusal", "id: 1 tls { route { id: 1 refusal: NO_ROUTE } }"},
      {"put_route_table.tcp.distribution.backends[0].id",
       "id: 1 tcp { id: 1 distribution { backends { } } }"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto command = decode(row.text);
    REQUIRE(!command.ok());
    CHECK(command.error().field == row.field);
    CHECK(!command.error().message.empty());
  }
}

}  // namespace
}  // namespace mesh::contract

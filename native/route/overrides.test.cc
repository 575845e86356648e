// What requests may ask for themselves, and where they may not.
#include "route/overrides.h"

#include <doctest/doctest.h>

#include "route/testing.h"

namespace mesh::route {
namespace {

Rule ruleThat(bool allows) {
  return Rule{.id = 1,
              .name = "",
              .filters = {},
              .distribution = BackendPicker({}),
              .timeouts = {.requestMs = 1, .responseMs = 2, .idleMs = 3},
              .retry = {},
              .allowRequestOverrides = allows,
              .failureStatuses = {}};
}

RetryPolicy ownRetry() {
  RetryPolicy retry;
  retry.maxRetries = 7;
  retry.maxRequestBytes = 9;
  retry.statuses.add(503, 503);
  retry.grpcCodes = 1u << 8;
  retry.timeoutMs = 11;
  return retry;
}

TEST_CASE("durations have digits and a unit") {
  struct Row {
    const char* text;
    int64_t ms;  // -1: none
  };
  const Row rows[] = {
      {"1ms", 1},
      {"15s", 15'000},
      {"2m", 120'000},
      {"1h", 3'600'000},
      {"2d", 172'800'000},
      {"0", 0},
      {"0s", 0},
      {" 5s ", 5'000},
      {"00", 0},
      {"007ms", 7},
      {"", -1},
      {" ", -1},
      {"5", -1},
      {"s", -1},
      {"5 s", -1},
      {"1.5s", -1},
      {"-1s", -1},
      {"5S", -1},
      {"5sec", -1},
      {"5s6", -1},
      {"+1s", -1},
      {"99999999999999999999d", 2'147'483'647},
      {"25d", 2'147'483'647},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto ms = parseDurationMs(row.text);
    CHECK((ms ? static_cast<int64_t>(*ms) : -1) == row.ms);
  }
}

TEST_CASE("where the rule does not allow it, nothing is obeyed and nothing taken out") {
  Rule rule = ruleThat(false);
  rule.retry = ownRetry();
  const auto head = request("GET", "w", "/", {{"l5d-timeout", "5s"}, {"l5d-retry-limit", "3"}});
  const RequestPolicy policy = policyOf(rule, head->fields);
  CHECK(policy.timeouts.requestMs == 1);
  REQUIRE(policy.retry);
  CHECK(policy.retry->maxRetries == 7);
  CHECK(head->fields.count == 2);
}

TEST_CASE("all of them are taken out, readable or not, repeated or not, and nothing else is") {
  const auto head = request("GET", "w", "/",
                            {{"a", "1"},
                             {"l5d-timeout", "x"},
                             {"L5d-Request-Timeout", ""},
                             {"l5d-response-timeout", "y"},
                             {"b", "2"},
                             {"l5d-retry-http", ""},
                             {"l5d-retry-http", ""},
                             {"l5d-retry-grpc", ""},
                             {"l5d-retry-limit", "z"},
                             {"l5d-retry-timeout", "z"},
                             {"l5d-other", "3"}});
  policyOf(ruleThat(true), head->fields);
  CHECK(written(head->fields) == "a: 1|b: 2|l5d-other: 3");
}

TEST_CASE("time-outs of the request take the place of the rule's") {
  struct Row {
    Pairs fields;
    uint32_t requestMs;
    uint32_t responseMs;
  };
  const Row rows[] = {
      {{}, 1, 2},
      {{{"l5d-timeout", "5s"}}, 5'000, 2},
      {{{"l5d-request-timeout", "6s"}, {"l5d-timeout", "5s"}}, 6'000, 2},
      {{{"l5d-timeout", "5s"}, {"l5d-request-timeout", "bad"}}, 5'000, 2},
      {{{"l5d-timeout", "5s"}, {"l5d-timeout", "9s"}}, 5'000, 2},
      {{{"l5d-response-timeout", "7ms"}}, 1, 7},
      {{{"l5d-timeout", "1.5s"}}, 1, 2},
      // No time at all is not no time-out.
      {{{"l5d-timeout", "0"}}, 1, 2},
  };
  for (const Row& row : rows) {
    const auto head = request("GET", "w", "/", row.fields);
    const RequestPolicy policy = policyOf(ruleThat(true), head->fields);
    CHECK(policy.timeouts.requestMs == row.requestMs);
    CHECK(policy.timeouts.responseMs == row.responseMs);
    CHECK(policy.timeouts.idleMs == 3);
    CHECK(!policy.retry);
  }
}

TEST_CASE("a timeout of 0 ends the request at once") {
  Rule rule = ruleThat(true);
  rule.timeouts.requestMs = 500;
  const auto head = request("GET", "w", "/", {{"l5d-timeout", "0s"}});
  CHECK(policyOf(rule, head->fields).timeouts.requestMs == 1);
}

TEST_CASE("any readable retry field switches retries on, with defaults for the others") {
  for (const auto& field :
       {std::pair("l5d-retry-http", "5xx"), std::pair("l5d-retry-grpc", "internal"),
        std::pair("l5d-retry-limit", "1"), std::pair("l5d-retry-timeout", "1s")}) {
    CAPTURE(field.first);
    const auto head = request("GET", "w", "/");
    addFields(head->fields, {field});
    const RequestPolicy policy = policyOf(ruleThat(true), head->fields);
    REQUIRE(policy.retry);
    CHECK(policy.retry->maxRetries == 1);
    CHECK(policy.retry->maxRequestBytes == 65'536);
    REQUIRE(policy.retry->backoff);
    CHECK(policy.retry->backoff->minMs == 25);
    CHECK(policy.retry->backoff->maxMs == 250);
    CHECK(policy.retry->backoff->jitter == 1.0);
    CHECK(!policy.retry->budget);
  }
  const auto unreadable =
      request("GET", "w", "/", {{"l5d-retry-limit", "many"}, {"l5d-retry-timeout", "soon"}});
  CHECK(!policyOf(ruleThat(true), unreadable->fields).retry);
}

TEST_CASE("retry fields replace the rule's values one by one") {
  Rule rule = ruleThat(true);
  rule.retry = ownRetry();
  const auto ask = [&rule](Pairs fields) {
    const auto head = request("GET", "w", "/", fields);
    const RequestPolicy policy = policyOf(rule, head->fields);
    REQUIRE(policy.retry);
    return *policy.retry;
  };
  const RetryPolicy none = ask({});
  CHECK(none.maxRetries == 7);
  CHECK(none.retriesStatus(503));
  const RetryPolicy limit = ask({{"l5d-retry-limit", "2"}});
  CHECK(limit.maxRetries == 2);
  CHECK(limit.maxRequestBytes == 9);
  CHECK(!limit.backoff);
  CHECK(limit.timeoutMs == 11);
  CHECK(ask({{"l5d-retry-limit", "0"}}).maxRetries == 0);
  CHECK(ask({{"l5d-retry-limit", "4000000000"}}).maxRetries == 100);
  CHECK(ask({{"l5d-retry-timeout", "3s"}}).timeoutMs == 3'000);
  const RetryPolicy http = ask({{"l5d-retry-http", "404"}});
  CHECK(http.retriesStatus(404));
  CHECK_FALSE(http.retriesStatus(503));
  CHECK(http.retriesGrpc(8));
  const RetryPolicy grpc = ask({{"l5d-retry-grpc", "cancelled,Deadline-Exceeded"}});
  CHECK(grpc.grpcCodes == (1u << 1 | 1u << 4));
  CHECK(grpc.retriesStatus(503));
}

TEST_CASE("lists of statuses: codes, ranges and names; what is none of them is passed over") {
  struct Row {
    const char* list;
    std::vector<StatusRange> statuses;
  };
  const Row rows[] = {
      {"500", {{500, 500}}},
      {"500-504", {{500, 504}}},
      {"5xx", {{500, 599}}},
      {"gateway-error", {{502, 504}}},
      {"404,5XX,x,429-430", {{404, 404}, {500, 599}, {429, 430}}},
      {"404, 405", {{404, 404}}},
      {"504-500,99,600,1000,500-,-500,5xx-5xx,,", {}},
      {"", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list);
    const auto head = request("GET", "w", "/", {{"l5d-retry-http", row.list}});
    const RequestPolicy policy = policyOf(ruleThat(true), head->fields);
    REQUIRE(policy.retry);
    CHECK(policy.retry->statuses == StatusSet(row.statuses));
  }
}

TEST_CASE("lists of gRPC codes: names, without blanks") {
  struct Row {
    const char* list;
    uint32_t codes;
  };
  const Row rows[] = {
      {"cancelled,deadline-exceeded,internal,resource-exhausted,unavailable",
       1u << 1 | 1u << 4 | 1u << 13 | 1u << 8 | 1u << 14},
      {"unavailable, internal", 1u << 14},
      {"aborted,14,", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list);
    const auto head = request("GET", "w", "/", {{"l5d-retry-grpc", row.list}});
    CHECK(policyOf(ruleThat(true), head->fields).retry->grpcCodes == row.codes);
  }
}

}  // namespace
}  // namespace mesh::route

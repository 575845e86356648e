// Failures and hints of responses.
#include "route/classify.h"

#include <doctest/doctest.h>

#include "route/testing.h"

namespace mesh::route {
namespace {

// 1994-11-06T08:49:37Z
constexpr int64_t EXAMPLE = 784'111'777;
constexpr uint64_t IN_2026_MS = 1'770'000'000'000;

std::unique_ptr<RequestHead> fields(Pairs pairs) { return request("GET", "w", "/", pairs); }

TEST_CASE("a request is gRPC by its content type") {
  CHECK(isGrpcRequest(fields({{"Content-Type", "application/grpc"}})->fields));
  CHECK(isGrpcRequest(fields({{"content-type", "application/grpc+proto"}})->fields));
  CHECK(isGrpcRequest(fields({{"content-type", "Application/GRPC"}})->fields));
  CHECK_FALSE(isGrpcRequest(fields({{"content-type", "application/grp"}})->fields));
  CHECK_FALSE(isGrpcRequest(fields({{"x", "application/grpc"}})->fields));
}

TEST_CASE("grpc-status: a code, UNKNOWN for what is none, absent") {
  struct Row {
    const char* value;
    uint8_t status;
  };
  const Row rows[] = {{"0", 0}, {"16", 16}, {"14", 14}, {"17", 2},
                      {"", 2},  {"-1", 2},  {"x", 2},   {"4294967300", 2}};
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(grpcStatusOf(fields({{"grpc-status", row.value}})->fields) == row.status);
  }
  CHECK(!grpcStatusOf(fields({{"grpc-message", "x"}})->fields));
}

TEST_CASE("gRPC failures are the codes that are the server's fault") {
  for (uint8_t code = 0; code <= 16; ++code) {
    const bool failure =
        code == 2 || code == 4 || code == 7 || code == 13 || code == 14 || code == 15;
    CAPTURE(code);
    CHECK(classifyGrpc(code).failure == failure);
    CHECK(classifyGrpc(code).grpcStatus == code);
  }
  CHECK_FALSE(classifyGrpc(std::nullopt).failure);
  CHECK(classifyGrpc(std::nullopt).grpcStatus == 2);
}

TEST_CASE("HTTP failures are what the rule says") {
  Rule rule{.name = "", .filters = {}, .distribution = BackendPicker({})};
  rule.failureStatuses.add(404, 404);
  CHECK(classifyHttp(rule, 404).failure);
  CHECK_FALSE(classifyHttp(rule, 500).failure);
}

TEST_CASE("dates in all three forms are the same moment; what is no date is none") {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK(parseHttpDate(text, IN_2026_MS) == EXAMPLE);
  }
  struct Row {
    const char* text;
    int64_t seconds;
  };
  const Row rows[] = {
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
      {"Thu, 29 Feb 2024 12:00:00 GMT", 1'709'208'000},
      {"Tue, 01 Mar 2101 00:00:00 GMT", 4'139'078'400},
      {"Thu Feb 29 12:00:00 2024", 1'709'208'000},
      {"Friday, 01-Jan-76 00:00:00 GMT", 3'345'062'400},  // 50 years ahead: still 2076
      {"Saturday, 01-Jan-77 00:00:00 GMT", 220'924'800},  // 51: 1977
      {"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'800},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parseHttpDate(row.text, IN_2026_MS) == row.seconds);
  }
  for (const char* text : {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
                           "Sun, 29 Feb 2023 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 nov 1994 08:49:37 gmt",
                           "Son, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 19x4 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK(!parseHttpDate(text, IN_2026_MS));
  }
}

TEST_CASE("retry-after: seconds, or a date, from now on") {
  constexpr uint64_t NOW_MS = static_cast<uint64_t>(EXAMPLE) * 1000 - 1'500;
  struct Row {
    const char* value;
    std::optional<uint64_t> ms;
  };
  const Row rows[] = {
      {"0", 0},
      {"120", 120'000},
      {"99999999999999999999999", 4'000'000'000'000},
      {"Sun, 06 Nov 1994 08:49:37 GMT", 1'500},
      {"Sun, 06 Nov 1993 08:49:37 GMT", 0},
      {"-1", std::nullopt},
      {"1.5", std::nullopt},
      {"", std::nullopt},
      {"soon", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(retryAfterMs(fields({{"Retry-After", row.value}})->fields, NOW_MS) == row.ms);
  }
  CHECK(!retryAfterMs(fields({})->fields, NOW_MS));
}

TEST_CASE("grpc-retry-pushback-ms: milliseconds, and nothing when negative") {
  CHECK(grpcPushbackMs(fields({{"grpc-retry-pushback-ms", "250"}})->fields) == 250);
  CHECK(!grpcPushbackMs(fields({{"grpc-retry-pushback-ms", "-1"}})->fields));
  CHECK(!grpcPushbackMs(fields({{"grpc-retry-pushback-ms", "x"}})->fields));
  CHECK(!grpcPushbackMs(fields({})->fields));
}

}  // namespace
}  // namespace mesh::route

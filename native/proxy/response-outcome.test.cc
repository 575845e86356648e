// Which responses' hints about trying again count (reference §4.12).
#include "proxy/response-outcome.h"

#include <doctest/doctest.h>

#include <memory>

#include "route/testing.h"

namespace mesh {
namespace {

using route::Pairs;

ResponseOutcome outcome(uint16_t status, int8_t grpcStatus, Pairs fields) {
  const auto head = std::make_unique<ResponseHead>();
  head->status = status;
  route::addFields(head->fields, fields);
  return outcomeOf(*head, grpcStatus);
}

TEST_CASE("the hint of a response counts only where its status asks to wait") {
  struct Row {
    uint16_t status;
    int8_t grpcStatus;
    Pairs fields;
    uint32_t hintMs;
  };
  const Row rows[] = {
      {200, -1, {{"retry-after", "7"}}, 0},
      {404, -1, {{"retry-after", "7"}}, 0},
      {429, -1, {{"retry-after", "7"}}, 7'000},
      {500, -1, {{"retry-after", "7"}}, 0},
      {503, -1, {{"retry-after", "7"}}, 7'000},
      {503, -1, {}, 0},
      {503, -1, {{"retry-after", "soon"}}, 0},
      // Each protocol has a field of its own.
      {503, -1, {{"grpc-retry-pushback-ms", "70"}}, 0},
      {200, 14, {{"retry-after", "7"}}, 0},
      {200, 0, {{"grpc-retry-pushback-ms", "70"}}, 0},
      {200, 8, {{"grpc-retry-pushback-ms", "70"}}, 70},
      {200, 13, {{"grpc-retry-pushback-ms", "70"}}, 0},
      {200, 14, {{"grpc-retry-pushback-ms", "70"}}, 70},
      {200, 14, {{"grpc-retry-pushback-ms", "-1"}}, 0},
      // More than can be said.
      {503, -1, {{"retry-after", "9000000000"}}, UINT32_MAX},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(int{row.grpcStatus});
    const ResponseOutcome told = outcome(row.status, row.grpcStatus, row.fields);
    CHECK(told.status == row.status);
    CHECK(told.grpcStatus == row.grpcStatus);
    CHECK(told.hintMs == row.hintMs);
  }
}

TEST_CASE("a date is a hint, too: one that is over asks for nothing") {
  CHECK(outcome(503, -1, {{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}).hintMs == 0);
  CHECK(outcome(503, -1, {{"retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"}}).hintMs == UINT32_MAX);
}

}  // namespace
}  // namespace mesh

// Which outcomes are tried again.
#include "route/retry.h"

#include <doctest/doctest.h>

namespace mesh::route {
namespace {

TEST_CASE("statuses in the ranges are tried again, their ends included") {
  const RetryPolicy policy =
      compileRetry({.maxRetries = 2, .maxRequestBytes = 10, .statuses = {{429, 429}, {502, 599}}});
  for (const uint16_t status : {429, 502, 550, 599}) CHECK(policy.retriesStatus(status));
  for (const uint16_t status : {0, 200, 428, 430, 501, 600, 999, 65'535}) {
    CHECK_FALSE(policy.retriesStatus(status));
  }
}

TEST_CASE("gRPC codes in the mask are tried again") {
  const RetryPolicy policy = compileRetry({.maxRetries = 1, .grpcCodes = 1u << 4 | 1u << 14});
  for (uint8_t code = 0; code < 255; ++code) {
    CHECK(policy.retriesGrpc(code) == (code == 4 || code == 14));
  }
}

TEST_CASE("there are as many tries as the policy has retries, and one") {
  const RetryPolicy policy = compileRetry({.maxRetries = 2});
  CHECK(policy.allowsAfter(1));
  CHECK(policy.allowsAfter(2));
  CHECK_FALSE(policy.allowsAfter(3));
  CHECK_FALSE(policy.responsesOnly);
}

TEST_CASE("retries of responses alone are without number when they have none") {
  const RetryPolicy policy = compileRetry({.maxRetries = 0, .responsesOnly = true});
  CHECK(policy.responsesOnly);
  CHECK(policy.allowsAfter(1'000'000));
  CHECK_FALSE(compileRetry({.maxRetries = 1, .responsesOnly = true}).allowsAfter(2));
  CHECK_FALSE(compileRetry({.maxRetries = 0}).allowsAfter(1));
}

TEST_CASE("bodies are kept up to their limit") {
  const RetryPolicy policy = compileRetry({.maxRetries = 1, .maxRequestBytes = 10});
  CHECK(policy.keepsBody(0));
  CHECK(policy.keepsBody(10));
  CHECK_FALSE(policy.keepsBody(11));
  CHECK_FALSE(compileRetry({.maxRetries = 1}).keepsBody(1));
}

}  // namespace
}  // namespace mesh::route

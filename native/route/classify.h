// Whether a response is a failure (reference §4.11), and what it says about trying again
// (reference §4.12).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"
#include "route/rule.h"

namespace mesh::route {

// By its content type, which begins with application/grpc.
bool isGrpcRequest(const FieldTable& fields);

// The `grpc-status` of a response's head or trailers; absent when there is none. What is no
// code of gRPC's is UNKNOWN (2), as gRPC's own clients read it.
std::optional<uint8_t> grpcStatusOf(const FieldTable& fields);

// UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS.
constexpr bool isGrpcFailure(uint8_t code) {
  constexpr uint32_t FAILURES = 1u << 2 | 1u << 4 | 1u << 7 | 1u << 13 | 1u << 14 | 1u << 15;
  return code < 32 && (FAILURES >> code & 1) != 0;
}

struct Classified {
  bool failure = false;
  uint8_t grpcStatus = 0;  // of gRPC only
};
inline Classified classifyHttp(const Rule& rule, uint16_t status) {
  return {.failure = rule.failureStatuses.contains(status), .grpcStatus = 0};
}
// Of a complete response. Without a status it counts as a success of status 2.
inline Classified classifyGrpc(std::optional<uint8_t> status) {
  return {.failure = status && isGrpcFailure(*status), .grpcStatus = status.value_or(2)};
}

// `Retry-After` (RFC 9110 §10.2.3), in seconds or as a date, in milliseconds from `nowUnixMs`.
// Absent when there is none or it cannot be read; a date in the past is 0.
std::optional<uint64_t> retryAfterMs(const FieldTable& fields, uint64_t nowUnixMs);
// `grpc-retry-pushback-ms`. Negative numbers ask not to be tried again: as if it were absent.
std::optional<uint64_t> grpcPushbackMs(const FieldTable& fields);

// RFC 9110 §5.6.7 in all its three forms, in seconds of Unix time. `nowUnixMs` tells the century
// of years with two digits.
std::optional<int64_t> parseHttpDate(std::string_view text, uint64_t nowUnixMs);

}  // namespace mesh::route

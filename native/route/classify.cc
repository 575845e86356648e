// See classify.h; dates are read in http-date.cc.
#include "route/classify.h"

#include <algorithm>

namespace mesh::route {
namespace {

// More than a century: nobody waits longer, and sums of it do not overflow.
constexpr uint64_t LONGEST_MS = 4'000'000'000'000;

const Field* findNamed(const FieldTable& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (equalsIgnoreCase(field.name, name)) return &field;
  }
  return nullptr;
}

std::optional<uint64_t> parseDigits(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min(value * 10 + static_cast<uint64_t>(c - '0'), LONGEST_MS);
  }
  return value;
}

}  // namespace

bool isGrpcRequest(const FieldTable& fields) {
  const Field* type = findNamed(fields, "content-type");
  return type != nullptr && isGrpcContentType(type->value);
}

std::optional<uint8_t> grpcStatusOf(const FieldTable& fields) {
  constexpr uint64_t LAST_CODE = 16;
  constexpr uint8_t UNKNOWN = 2;
  const Field* status = findNamed(fields, "grpc-status");
  if (status == nullptr) return std::nullopt;
  const std::optional<uint64_t> code = parseDigits(status->value);
  return code && *code <= LAST_CODE ? static_cast<uint8_t>(*code) : UNKNOWN;
}

std::optional<uint64_t> retryAfterMs(const FieldTable& fields, uint64_t nowUnixMs) {
  const Field* field = findNamed(fields, "retry-after");
  if (field == nullptr) return std::nullopt;
  if (const std::optional<uint64_t> seconds = parseDigits(field->value)) {
    return std::min(*seconds * 1000, LONGEST_MS);
  }
  const std::optional<int64_t> date = parseHttpDate(field->value, nowUnixMs);
  if (!date) return std::nullopt;
  const int64_t waitMs = *date * 1000 - static_cast<int64_t>(nowUnixMs);
  return static_cast<uint64_t>(std::max<int64_t>(waitMs, 0));
}

std::optional<uint64_t> grpcPushbackMs(const FieldTable& fields) {
  const Field* field = findNamed(fields, "grpc-retry-pushback-ms");
  return field == nullptr ? std::nullopt : parseDigits(field->value);
}

}  // namespace mesh::route

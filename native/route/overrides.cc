// See overrides.h.
#include "route/overrides.h"

#include <algorithm>
#include <array>

namespace mesh::route {
namespace {

constexpr uint32_t MAX_MS = 2'147'483'647;
// As many as a rule may have: a client cannot ask for more of other people's servers.
constexpr uint32_t MAX_RETRIES = 100;

// Of requests whose rule has no retries (reference §4.9).
constexpr uint32_t DEFAULT_RETRIES = 1;
constexpr uint64_t DEFAULT_MAX_REQUEST_BYTES = 65'536;
constexpr RetryBackoff DEFAULT_BACKOFF{.minMs = 25, .maxMs = 250, .jitter = 1.0};

// Digits alone; what does not fit is as much as fits.
std::optional<uint32_t> parseNumber(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(c - '0'), UINT32_MAX);
  }
  return static_cast<uint32_t>(value);
}

// Calls `visit` with each item between commas, blanks and all.
template <typename Visit>
void forEachItem(std::string_view list, Visit visit) {
  for (;;) {
    const size_t comma = list.find(',');
    visit(list.substr(0, comma));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

std::optional<uint16_t> parseStatus(std::string_view text) {
  const std::optional<uint32_t> number = parseNumber(text);
  if (!number || *number < 100 || *number > 599) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

StatusSet parseStatuses(std::string_view list) {
  StatusSet out;
  forEachItem(list, [&out](std::string_view item) {
    if (equalsIgnoreCase(item, "5xx")) return out.add(500, 599);
    if (equalsIgnoreCase(item, "gateway-error")) return out.add(502, 504);
    const size_t dash = item.find('-');
    const std::optional<uint16_t> first = parseStatus(item.substr(0, dash));
    const std::optional<uint16_t> last =
        dash == std::string_view::npos ? first : parseStatus(item.substr(dash + 1));
    if (first && last) out.add(*first, *last);
  });
  return out;
}

uint32_t parseGrpcCodes(std::string_view list) {
  struct Code {
    std::string_view name;
    uint32_t code;
  };
  constexpr std::array<Code, 5> CODES{{{"cancelled", 1},
                                       {"deadline-exceeded", 4},
                                       {"resource-exhausted", 8},
                                       {"internal", 13},
                                       {"unavailable", 14}}};
  uint32_t out = 0;
  forEachItem(list, [&](std::string_view item) {
    for (const Code& one : CODES) {
      if (equalsIgnoreCase(item, one.name)) out |= uint32_t{1} << one.code;
    }
  });
  return out;
}

// A clock that runs out at once; 0 would be none at all.
std::optional<uint32_t> parseTimeout(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  std::optional<uint32_t> ms = parseDurationMs(*text);
  if (ms) *ms = std::max<uint32_t>(*ms, 1);
  return ms;
}

struct Asked {
  std::optional<std::string_view> timeout;
  std::optional<std::string_view> requestTimeout;
  std::optional<std::string_view> responseTimeout;
  std::optional<std::string_view> retryHttp;
  std::optional<std::string_view> retryGrpc;
  std::optional<std::string_view> retryLimit;
  std::optional<std::string_view> retryTimeout;
};

// Null when the field asks for nothing.
std::optional<std::string_view>* placeOf(std::string_view name, Asked& asked) {
  constexpr std::string_view PREFIX = "l5d-";
  if (name.size() <= PREFIX.size() || !equalsIgnoreCase(name.substr(0, PREFIX.size()), PREFIX)) {
    return nullptr;
  }
  const std::string_view rest = name.substr(PREFIX.size());
  if (equalsIgnoreCase(rest, "timeout")) return &asked.timeout;
  if (equalsIgnoreCase(rest, "request-timeout")) return &asked.requestTimeout;
  if (equalsIgnoreCase(rest, "response-timeout")) return &asked.responseTimeout;
  if (equalsIgnoreCase(rest, "retry-http")) return &asked.retryHttp;
  if (equalsIgnoreCase(rest, "retry-grpc")) return &asked.retryGrpc;
  if (equalsIgnoreCase(rest, "retry-limit")) return &asked.retryLimit;
  if (equalsIgnoreCase(rest, "retry-timeout")) return &asked.retryTimeout;
  return nullptr;
}

// The first of each name counts.
Asked takeOut(FieldTable& fields) {
  Asked asked;
  size_t kept = 0;
  for (size_t i = 0; i < fields.count; ++i) {
    std::optional<std::string_view>* place = placeOf(fields.items[i].name, asked);
    if (place == nullptr) {
      if (kept != i) fields.items[kept] = fields.items[i];
      ++kept;
    } else if (!*place) {
      *place = fields.items[i].value;
    }
  }
  fields.count = kept;
  return asked;
}

}  // namespace

std::optional<uint32_t> parseDurationMs(std::string_view text) {
  constexpr std::string_view BLANKS = " \t";
  const size_t first = text.find_first_not_of(BLANKS);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(BLANKS) - first + 1);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint32_t> number = parseNumber(text.substr(0, digits));
  if (!number) return std::nullopt;
  const std::string_view unit = text.substr(digits);
  uint64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1'000;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (unit == "d") factor = 86'400'000;
  if (factor == 0) {
    if (unit.empty() && *number == 0) return 0;
    return std::nullopt;
  }
  return static_cast<uint32_t>(std::min<uint64_t>(*number * factor, MAX_MS));
}

RequestPolicy policyOf(const Rule& rule, FieldTable& fields) {
  RequestPolicy policy{.timeouts = rule.timeouts, .retry = rule.retry};
  if (!rule.allowRequestOverrides) return policy;
  const Asked asked = takeOut(fields);
  // The longer name says the same and wins.
  if (const auto ms = parseTimeout(asked.timeout)) policy.timeouts.requestMs = *ms;
  if (const auto ms = parseTimeout(asked.requestTimeout)) policy.timeouts.requestMs = *ms;
  if (const auto ms = parseTimeout(asked.responseTimeout)) policy.timeouts.responseMs = *ms;

  const std::optional<uint32_t> limit =
      asked.retryLimit ? parseNumber(*asked.retryLimit) : std::nullopt;
  const std::optional<uint32_t> timeoutMs = parseTimeout(asked.retryTimeout);
  if (!asked.retryHttp && !asked.retryGrpc && !limit && !timeoutMs) return policy;
  if (!policy.retry) {
    policy.retry.emplace();
    policy.retry->maxRetries = DEFAULT_RETRIES;
    policy.retry->maxRequestBytes = DEFAULT_MAX_REQUEST_BYTES;
    policy.retry->backoff = DEFAULT_BACKOFF;
  }
  RetryPolicy& retry = *policy.retry;
  if (asked.retryHttp) retry.statuses = parseStatuses(*asked.retryHttp);
  if (asked.retryGrpc) retry.grpcCodes = parseGrpcCodes(*asked.retryGrpc);
  if (limit) {
    retry.maxRetries = std::min(*limit, MAX_RETRIES);
    retry.unlimited = false;
  }
  if (timeoutMs) retry.timeoutMs = *timeoutMs;
  return policy;
}

}  // namespace mesh::route

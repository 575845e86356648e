// See decode-routes.h: hosts and what requests are matched by, then rules, then the table.
#include "contract/decode-routes.h"

#include <set>
#include <utility>

#include "contract/decode-filters.h"
#include "contract/decode-server-policy.h"
#include "route/host-index.h"

namespace mesh::contract {
namespace {

constexpr uint32_t MAX_RETRIES = 100;
constexpr double MAX_BUDGET_RATIO = 1000;
constexpr uint32_t MIN_BUDGET_TTL_MS = 1'000;
constexpr uint32_t MAX_BUDGET_TTL_MS = 60'000;
constexpr uint32_t FIRST_STATUS = 1;
constexpr uint32_t LAST_STATUS = 599;
constexpr uint32_t LAST_HTTP_VERSION = 2;
// Matches within matches.
constexpr int DEEPEST_MATCH = 16;

bool hasUpperCase(const std::string& text) {
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') return true;
  }
  return false;
}

// ---------------------------------------------------------------- matching

template <typename Message>
route::NamedMatch readNamed(const Path& path, const Message& message, Problems& problems) {
  route::NamedMatch out;
  problems.required(path / "name", !message.name().empty());
  out.name = message.name();
  switch (message.value_case()) {
    case Message::kExact:
      out.value.text = message.exact();
      break;
    case Message::kRegex:
      out.value = {.text = message.regex(), .regex = true};
      break;
    case Message::VALUE_NOT_SET:
      problems.report(path, "must have a value: exact or regex");
      break;
  }
  return out;
}

route::PathMatch readPath(const pb::RequestMatch& message) {
  switch (message.path_case()) {
    case pb::RequestMatch::kPathExact:
      return route::PathExact{message.path_exact()};
    case pb::RequestMatch::kPathPrefix:
      return route::PathPrefix{message.path_prefix()};
    case pb::RequestMatch::kPathRegex:
      return route::PathRegex{message.path_regex()};
    case pb::RequestMatch::kGrpc:
      return route::GrpcMatch{.service = message.grpc().service(),
                              .method = message.grpc().method()};
    case pb::RequestMatch::PATH_NOT_SET:
      break;
  }
  return {};
}

// `depth` of those around it.
route::RequestMatch readMatch(const Path& path, const pb::RequestMatch& message, int depth,
                              Problems& problems) {
  route::RequestMatch out;
  if (depth >= DEEPEST_MATCH) {
    problems.report(path, "is nested too deeply");
    return out;
  }
  out.path = readPath(message);
  out.method = message.method();
  for (int i = 0; i < message.headers_size(); ++i) {
    const Path at = path.at("headers", i);
    out.headers.push_back(readNamed(at, message.headers(i), problems));
    if (hasUpperCase(out.headers.back().name))
      problems.report(at / "name", "must be in lower case");
  }
  for (int i = 0; i < message.queries_size(); ++i) {
    out.queries.push_back(readNamed(path.at("queries", i), message.queries(i), problems));
  }
  problems.inRange(path / "http_version", message.http_version(), 0, LAST_HTTP_VERSION);
  out.httpVersion = static_cast<uint8_t>(message.http_version());
  for (int i = 0; i < message.all_size(); ++i) {
    out.all.push_back(readMatch(path.at("all", i), message.all(i), depth + 1, problems));
  }
  for (int i = 0; i < message.none_size(); ++i) {
    out.none.push_back(readMatch(path.at("none", i), message.none(i), depth + 1, problems));
  }
  return out;
}

// Of requests, and of TLS: lower case, without a port; empty: any.
template <typename Message>
void checkHost(const Path& path, const Message& message, Problems& problems) {
  const std::string& host = message.host();
  if (host.empty()) {
    if (message.suffix()) problems.report(path / "suffix", "must not be set with an empty host");
    return;
  }
  if (host.size() > route::HostIndex::MAX_HOST) {
    return problems.report(
        path / "host",
        "must have at most " + std::to_string(route::HostIndex::MAX_HOST) + " bytes");
  }
  if (hasUpperCase(host)) return problems.report(path / "host", "must be in lower case");
  const bool bracketed = host.front() == '[' && host.back() == ']';
  for (const char c : host) {
    if (c <= ' ' || c > '~' || c == '/' || c == '@' || (c == ':' && !bracketed)) {
      return problems.report(path / "host", "must be a host without a port");
    }
  }
}

route::HostSpec readHost(const Path& path, const pb::RouteHost& message, int rules,
                         Problems& problems) {
  route::HostSpec out;
  checkHost(path, message, problems);
  out.host = message.host();
  out.suffix = message.suffix();
  for (int i = 0; i < message.entries_size(); ++i) {
    const Path at = path.at("entries", i);
    const pb::RouteEntry& entry = message.entries(i);
    if (entry.rule() >= static_cast<uint32_t>(rules)) {
      problems.report(at / "rule",
                      "is not the index of a rule: there are " + std::to_string(rules));
    }
    out.entries.push_back(
        {.match = readMatch(at / "match", entry.match(), 0, problems), .rule = entry.rule()});
  }
  return out;
}

// ---------------------------------------------------------------- rules

route::Distribution readDistribution(const Path& path, const pb::Distribution& message,
                                     Problems& problems) {
  route::Distribution out;
  out.kind = problems.known(path / "kind", distributionKindFrom(message.kind()), message.kind(),
                            route::DistributionKind::Empty);
  for (int i = 0; i < message.backends_size(); ++i) {
    const Path at = path.at("backends", i);
    const pb::Backend& backend = message.backends(i);
    problems.notZero(at / "id", backend.id());
    out.backends.push_back({.id = backend.id(),
                            .name = backend.name(),
                            .targetId = backend.target_id(),
                            .weight = backend.weight(),
                            .filters = readFilters(at, backend.filters(), problems)});
  }
  return out;
}

route::StreamTimeouts readTimeouts(const Path& path, const pb::StreamTimeouts& message,
                                   Problems& problems) {
  problems.inRange(path / "request_ms", message.request_ms(), 0, MAX_MS);
  problems.inRange(path / "response_ms", message.response_ms(), 0, MAX_MS);
  problems.inRange(path / "idle_ms", message.idle_ms(), 0, MAX_MS);
  problems.inRange(path / "head_ms", message.head_ms(), 0, MAX_MS);
  return {.requestMs = message.request_ms(),
          .responseMs = message.response_ms(),
          .idleMs = message.idle_ms(),
          .headMs = message.head_ms()};
}

std::vector<route::StatusRange> readStatuses(
    const Path& path, std::string_view name,
    const google::protobuf::RepeatedPtrField<pb::StatusRange>& messages, Problems& problems) {
  std::vector<route::StatusRange> out;
  for (int i = 0; i < messages.size(); ++i) {
    const Path at = path.at(name, i);
    const pb::StatusRange& range = messages.Get(i);
    problems.inRange(at / "first", range.first(), FIRST_STATUS, LAST_STATUS);
    problems.inRange(at / "last", range.last(), range.first(), LAST_STATUS);
    out.push_back({.first = static_cast<uint16_t>(range.first()),
                   .last = static_cast<uint16_t>(range.last())});
  }
  return out;
}

uint32_t readGrpcCodes(const Path& path, const pb::Retry& message, Problems& problems) {
  // CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE; or all but OK.
  constexpr uint32_t RETRYABLE = 1u << 1 | 1u << 4 | 1u << 8 | 1u << 13 | 1u << 14;
  constexpr uint32_t ANY = 0x1fffe;
  const bool any = message.responses_only();
  uint32_t out = 0;
  for (int i = 0; i < message.grpc_codes_size(); ++i) {
    const uint32_t code = message.grpc_codes(i);
    if (code >= 32 || ((any ? ANY : RETRYABLE) >> code & 1) == 0) {
      problems.report(path.at("grpc_codes", i),
                      any ? "must be between 1 and 16" : "must be one of 1, 4, 8, 13, 14");
      continue;
    }
    out |= 1u << code;
  }
  return out;
}

route::RetryBackoff readBackoff(const Path& path, const pb::RetryBackoff& message,
                                Problems& problems) {
  problems.inRange(path / "min_ms", message.min_ms(), 1, MAX_MS);
  problems.inRange(path / "max_ms", message.max_ms(), message.min_ms(), MAX_MS);
  problems.between(path / "jitter", message.jitter(), 0, 1);
  return {.minMs = message.min_ms(), .maxMs = message.max_ms(), .jitter = message.jitter()};
}

route::BudgetSpec readBudget(const Path& path, const pb::RetryBudget& message, Problems& problems) {
  problems.notZero(path / "id", message.id());
  problems.between(path / "ratio", message.ratio(), 0, MAX_BUDGET_RATIO);
  problems.inRange(path / "ttl_ms", message.ttl_ms(), MIN_BUDGET_TTL_MS, MAX_BUDGET_TTL_MS);
  return {.id = message.id(),
          .ratio = message.ratio(),
          .minRetriesPerSecond = message.min_retries_per_second(),
          .ttlMs = message.ttl_ms()};
}

route::Retry readRetry(const Path& path, const pb::Retry& message, Problems& problems) {
  route::Retry out;
  // Without a number of their own retries need a budget.
  const bool unlimited = message.responses_only() && message.max_retries() == 0;
  problems.inRange(path / "max_retries", message.max_retries(), unlimited ? 0 : 1, MAX_RETRIES);
  if (unlimited && !message.has_budget()) {
    problems.report(path / "budget", "is required when max_retries is 0");
  }
  problems.inRange(path / "timeout_ms", message.timeout_ms(), 0, MAX_MS);
  out.maxRetries = message.max_retries();
  out.maxRequestBytes = message.max_request_bytes();
  out.statuses = readStatuses(path, "statuses", message.statuses(), problems);
  out.grpcCodes = readGrpcCodes(path, message, problems);
  out.timeoutMs = message.timeout_ms();
  out.responsesOnly = message.responses_only();
  if (message.has_backoff()) {
    out.backoff = readBackoff(path / "backoff", message.backoff(), problems);
  }
  if (message.has_budget()) out.budget = readBudget(path / "budget", message.budget(), problems);
  return out;
}

// `known`: how many there are in the server's policy.
std::vector<uint32_t> readAuthorizations(const Path& path,
                                         const google::protobuf::RepeatedField<uint32_t>& indexes,
                                         int known, Problems& problems) {
  for (int i = 0; i < indexes.size(); ++i) {
    if (indexes.Get(i) < static_cast<uint32_t>(known)) continue;
    problems.report(path.at("authorizations", i),
                    "is not the index of an authorization: there are " + std::to_string(known));
  }
  return {indexes.begin(), indexes.end()};
}

route::RuleSpec readRule(const Path& path, const pb::RouteRule& message, int authorizations,
                         Problems& problems) {
  route::RuleSpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.name = message.name();
  out.kind = problems.known(path / "kind", routeKindFrom(message.kind()), message.kind(),
                            route::RouteKind::Http);
  out.filters = readFilters(path, message.filters(), problems);
  out.distribution = readDistribution(path / "distribution", message.distribution(), problems);
  out.timeouts = readTimeouts(path / "timeouts", message.timeouts(), problems);
  if (message.has_retry()) out.retry = readRetry(path / "retry", message.retry(), problems);
  out.allowRequestOverrides = message.allow_request_overrides();
  out.failureStatuses =
      readStatuses(path, "failure_statuses", message.failure_statuses(), problems);
  out.authorizations = readAuthorizations(path, message.authorizations(), authorizations, problems);
  return out;
}

route::TcpRouteSpec readTcp(const Path& path, const pb::TcpRoute& message, int authorizations,
                            Problems& problems) {
  route::TcpRouteSpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.name = message.name();
  out.distribution = readDistribution(path / "distribution", message.distribution(), problems);
  if (message.refusal() == pb::FORBIDDEN) {
    out.refusal = Reason::Forbidden;
  } else if (message.refusal() == pb::INVALID_POLICY) {
    out.refusal = Reason::InvalidPolicy;
  } else if (message.refusal() != pb::NONE) {
    problems.report(path / "refusal", "must be FORBIDDEN or INVALID_POLICY, or absent");
  }
  out.authorizations = readAuthorizations(path, message.authorizations(), authorizations, problems);
  return out;
}

void readTls(const Path& path, const pb::PutRouteTable& message,
             std::vector<route::TlsHostSpec>& out, Problems& problems) {
  std::set<std::pair<std::string_view, bool>> seen;
  for (int i = 0; i < message.tls_size(); ++i) {
    const Path at = path.at("tls", i);
    const pb::TlsHost& host = message.tls(i);
    checkHost(at, host, problems);
    if (!seen.emplace(host.host(), host.suffix()).second) {
      problems.report(at / "host", "is there twice");
    }
    problems.required(at / "route", host.has_route());
    if (!host.has_route()) continue;
    out.push_back({.host = host.host(),
                   .suffix = host.suffix(),
                   .route = readTcp(at / "route", host.route(), 0, problems)});
  }
}

}  // namespace

route::TableSpec readRouteTable(const Path& path, const pb::PutRouteTable& message,
                                Problems& problems) {
  route::TableSpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  const int authorizations = message.server().authorizations_size();
  std::set<std::pair<std::string_view, bool>> seen;
  for (int i = 0; i < message.hosts_size(); ++i) {
    const Path at = path.at("hosts", i);
    const pb::RouteHost& host = message.hosts(i);
    if (!seen.emplace(host.host(), host.suffix()).second) {
      problems.report(at / "host", "is there twice");
    }
    out.hosts.push_back(readHost(at, host, message.rules_size(), problems));
  }
  for (int i = 0; i < message.rules_size(); ++i) {
    out.rules.push_back(readRule(path.at("rules", i), message.rules(i), authorizations, problems));
  }
  if (message.has_tcp()) out.tcp = readTcp(path / "tcp", message.tcp(), authorizations, problems);
  if (message.has_server()) {
    out.server = readServerPolicy(path / "server", message.server(), problems);
    if (message.tls_size() > 0) problems.report(path / "tls", "must be empty with a server");
  }
  readTls(path, message, out.tls, problems);
  return out;
}

}  // namespace mesh::contract

// Route tables as the control logic gives them: plain values, already in range. Every field is
// explained in src/dataplane/contract.proto under the same name; 0 and empty mean what they mean
// there. Compiled into a RouteTable (table.h) before use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "authz/server-policy.h"
#include "base/reason.h"

namespace mesh::route {

struct TextMatch {
  std::string text;
  bool regex = false;  // RE2, whole text; else byte for byte
};

struct NamedMatch {
  std::string name;
  TextMatch value;
};

struct GrpcMatch {
  std::string service;  // empty: any
  std::string method;
};
struct PathExact {
  std::string path;
};
struct PathPrefix {
  std::string prefix;
};
struct PathRegex {
  std::string pattern;
};
using PathMatch = std::variant<std::monostate, PathExact, PathPrefix, PathRegex, GrpcMatch>;

struct RequestMatch {
  PathMatch path;
  std::string method;  // empty: any
  std::vector<NamedMatch> headers;
  std::vector<NamedMatch> queries;
  uint8_t httpVersion = 0;
  std::vector<RequestMatch> all;
  std::vector<RequestMatch> none;
};

struct EntrySpec {
  RequestMatch match;
  uint32_t rule = 0;
};

struct HostSpec {
  std::string host;
  bool suffix = false;
  std::vector<EntrySpec> entries;
};

struct HeaderModifier {
  std::vector<std::pair<std::string, std::string>> add;
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::string> remove;
};
struct RequestHeaders {
  HeaderModifier modifier;
};
struct ResponseHeaders {
  HeaderModifier modifier;
};
struct Redirect {
  uint16_t status = 301;
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  std::optional<std::string> replacePath;
  std::optional<std::string> replacePrefix;
};
struct HttpFailure {
  uint16_t status = 500;
  std::string message;
};
struct GrpcFailure {
  uint8_t code = 0;
  std::string message;
};
struct FailureInjector {
  uint32_t numerator = 0;
  uint32_t denominator = 0;
  std::variant<HttpFailure, GrpcFailure> failure;
};
struct InvalidFilter {
  std::string message;
};
using Filter =
    std::variant<RequestHeaders, ResponseHeaders, Redirect, FailureInjector, InvalidFilter>;

struct Backend {
  uint32_t id = 0;
  std::string name;
  uint32_t targetId = 0;
  uint32_t weight = 0;
  std::vector<Filter> filters;
};

enum class DistributionKind : uint8_t { Empty, FirstAvailable, RandomAvailable };

struct Distribution {
  DistributionKind kind = DistributionKind::Empty;
  std::vector<Backend> backends;
};

struct StreamTimeouts {
  uint32_t requestMs = 0;
  uint32_t responseMs = 0;
  uint32_t idleMs = 0;
  uint32_t headMs = 0;
};

struct StatusRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

struct RetryBackoff {
  uint32_t minMs = 0;
  uint32_t maxMs = 0;
  double jitter = 0;
};

struct BudgetSpec {
  uint32_t id = 0;
  double ratio = 0;
  uint32_t minRetriesPerSecond = 0;
  uint32_t ttlMs = 0;
};

struct Retry {
  uint32_t maxRetries = 0;
  uint64_t maxRequestBytes = 0;
  std::vector<StatusRange> statuses;
  uint32_t grpcCodes = 0;  // bit n: code n
  uint32_t timeoutMs = 0;
  std::optional<RetryBackoff> backoff;
  std::optional<BudgetSpec> budget;
  bool responsesOnly = false;
};

enum class RouteKind : uint8_t { Http, Grpc, Profile };

struct RuleSpec {
  uint32_t id = 0;
  std::string name;
  RouteKind kind = RouteKind::Http;
  std::vector<Filter> filters;
  Distribution distribution;
  StreamTimeouts timeouts;
  std::optional<Retry> retry;
  bool allowRequestOverrides = false;
  std::vector<StatusRange> failureStatuses;
  std::vector<uint32_t> authorizations;
};

struct TcpRouteSpec {
  uint32_t id = 0;
  std::string name;
  Distribution distribution;
  Reason refusal = Reason::None;
  std::vector<uint32_t> authorizations;
};

struct TlsHostSpec {
  std::string host;
  bool suffix = false;
  TcpRouteSpec route;
};

struct TableSpec {
  uint32_t id = 0;
  std::vector<HostSpec> hosts;
  std::vector<RuleSpec> rules;
  std::optional<TcpRouteSpec> tcp;
  std::optional<authz::ServerPolicySpec> server;
  std::vector<TlsHostSpec> tls;
};

}  // namespace mesh::route

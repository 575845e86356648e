// See table.h.
#include "route/table.h"

#include <utility>

#include "base/check.h"
#include "http/authority.h"
#include "route/header-rules.h"

namespace mesh::route {
namespace {

std::string at(const char* name, size_t index) {
  return std::string(name) + '[' + std::to_string(index) + ']';
}

TcpRoute compileTcp(TcpRouteSpec& spec) {
  return {.id = spec.id,
          .name = std::move(spec.name),
          .distribution = BackendPicker(std::move(spec.distribution)),
          .refusal = spec.refusal,
          .authorizations = std::move(spec.authorizations)};
}

}  // namespace

Result<std::shared_ptr<const RouteTable>, RouteError> RouteTable::compile(
    TableSpec spec, BudgetRegistry& budgets, authz::PolicyRegistry* policies) {
  std::shared_ptr<RouteTable> table(new RouteTable());
  table->id_ = spec.id;
  for (size_t i = 0; i < spec.rules.size(); ++i) {
    if (auto error = table->addRule(spec.rules[i], at("rules", i))) return *error;
  }
  for (size_t i = 0; i < spec.hosts.size(); ++i) {
    if (auto error = table->addHost(spec.hosts[i], at("hosts", i))) return *error;
  }
  if (spec.tcp) table->tcp_ = compileTcp(*spec.tcp);
  for (TlsHostSpec& host : spec.tls) table->addTls(host);
  for (size_t i = 0; i < spec.rules.size(); ++i) {
    const std::optional<Retry>& retry = spec.rules[i].retry;
    if (retry && retry->budget) table->rules_[i].retry->budget = budgets.get(*retry->budget);
  }
  if (spec.server) {
    table->server_ = policies != nullptr ? policies->get(*spec.server)
                                         : std::make_shared<authz::ServerPolicy>(*spec.server);
  }
  return std::shared_ptr<const RouteTable>(std::move(table));
}

std::optional<RouteError> RouteTable::addRule(RuleSpec& rule, const std::string& field) {
  constexpr StatusRange SERVER_ERRORS{.first = 500, .last = 599};
  if (auto error = prepareFilters(rule.filters, field + ".filters")) return error;
  std::vector<Backend>& backends = rule.distribution.backends;
  for (size_t i = 0; i < backends.size(); ++i) {
    const std::string backend = field + ".distribution." + at("backends", i);
    if (auto error = prepareFilters(backends[i].filters, backend + ".filters")) return error;
  }
  if (rule.failureStatuses.empty()) rule.failureStatuses.push_back(SERVER_ERRORS);
  std::optional<RetryPolicy> retry;
  if (rule.retry) retry = compileRetry(*rule.retry);
  rules_.push_back(Rule{.id = rule.id,
                        .name = std::move(rule.name),
                        .kind = rule.kind,
                        .filters = std::move(rule.filters),
                        .distribution = BackendPicker(std::move(rule.distribution)),
                        .timeouts = rule.timeouts,
                        .retry = std::move(retry),
                        .allowRequestOverrides = rule.allowRequestOverrides,
                        .failureStatuses = StatusSet(rule.failureStatuses),
                        .authorizations = std::move(rule.authorizations)});
  return std::nullopt;
}

std::optional<RouteError> RouteTable::addHost(HostSpec& host, const std::string& field) {
  Entries entries;
  entries.reserve(host.entries.size());
  for (size_t i = 0; i < host.entries.size(); ++i) {
    EntrySpec& entry = host.entries[i];
    MESH_CHECK(entry.rule < rules_.size());
    Result<CompiledMatch, RouteError> match =
        CompiledMatch::compile(std::move(entry.match), field + '.' + at("entries", i) + ".match");
    if (!match) return match.error();
    entries.push_back({std::move(match).value(), entry.rule});
  }
  if (host.host.empty()) {
    anyHost_ = std::move(entries);
    return std::nullopt;
  }
  index_.add(host.host, host.suffix, static_cast<uint32_t>(hosts_.size()));
  hosts_.push_back(std::move(entries));
  return std::nullopt;
}

void RouteTable::addTls(TlsHostSpec& host) {
  const size_t number = tls_.size();
  if (host.host.empty()) {
    tlsOfAny_ = number;
  } else {
    tlsIndex_.add(host.host, host.suffix, static_cast<uint32_t>(number));
  }
  tls_.push_back(compileTcp(host.route));
}

const TcpRoute* RouteTable::tls(std::string_view serverName) const {
  std::optional<size_t> found = tlsOfAny_;
  tlsIndex_.find(serverName, [&found](uint32_t number) {
    found = number;
    return true;
  });
  return found ? &tls_[*found] : nullptr;
}

RouteMatch RouteTable::findIn(const Entries& entries, const RequestHead& head,
                              const PathAndQuery& target) const {
  for (const Entry& entry : entries) {
    if (entry.match.matches(head, target)) return {&rules_[entry.rule], entry.match.prefix()};
  }
  return {};
}

RouteMatch RouteTable::find(const RequestHead& head, std::string_view authority) const {
  const PathAndQuery target = splitTarget(head);
  RouteMatch found;
  index_.find(splitAuthority(authority).host, [&](uint32_t host) {
    found = findIn(hosts_[host], head, target);
    return found.rule != nullptr;
  });
  if (!found) found = findIn(anyHost_, head, target);
  return found;
}

}  // namespace mesh::route

// All routes of a destination, compiled: finds the rule of a request. Immutable and shared by all
// workers. Requests hold on to the table while they use anything that came out of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/server-policy.h"
#include "base/result.h"
#include "http/head.h"
#include "route/host-index.h"
#include "route/request-match.h"
#include "route/retry-budget.h"
#include "route/rule.h"
#include "route/spec.h"

namespace mesh::route {

struct RouteMatch {
  const Rule* rule = nullptr;
  // The path prefix that matched, without slashes at its end; null when none did.
  const std::string* prefix = nullptr;
  explicit operator bool() const { return rule != nullptr; }
};

class RouteTable {
 public:
  // `spec` is as contract/ decodes it: in range, each (host, suffix) once. What can still be wrong
  // are regular expressions and fields that filters must not touch; then no budget was changed.
  // `policies`: of the servers whose buckets the table may share; null: its own are new.
  static Result<std::shared_ptr<const RouteTable>, RouteError> compile(
      TableSpec spec, BudgetRegistry& budgets, authz::PolicyRegistry* policies = nullptr);

  uint32_t id() const { return id_; }
  // `authority` is host[:port]; empty when the request has none.
  RouteMatch find(const RequestHead& head, std::string_view authority) const;
  RouteMatch find(const RequestHead& head) const { return find(head, head.authority); }
  // Null: connections that are not HTTP have nowhere to go.
  const TcpRoute* tcp() const { return tcp_ ? &*tcp_ : nullptr; }
  // What is asked of clients first; null: nothing is.
  authz::ServerPolicy* server() const { return server_.get(); }
  // Whether connections whose protocol is TLS are told apart by the server's name, and where one
  // goes then; null: nowhere.
  bool routesTls() const { return !tls_.empty(); }
  const TcpRoute* tls(std::string_view serverName) const;

 private:
  struct Entry {
    CompiledMatch match;
    uint32_t rule;
  };
  using Entries = std::vector<Entry>;

  RouteTable() = default;
  std::optional<RouteError> addHost(HostSpec& host, const std::string& field);
  std::optional<RouteError> addRule(RuleSpec& rule, const std::string& field);
  void addTls(TlsHostSpec& host);
  RouteMatch findIn(const Entries& entries, const RequestHead& head,
                    const PathAndQuery& target) const;

  uint32_t id_ = 0;
  HostIndex index_;
  std::vector<Entries> hosts_;
  Entries anyHost_;
  std::vector<Rule> rules_;
  std::optional<TcpRoute> tcp_;
  std::shared_ptr<authz::ServerPolicy> server_;
  HostIndex tlsIndex_;
  std::vector<TcpRoute> tls_;
  std::optional<size_t> tlsOfAny_;
};

}  // namespace mesh::route

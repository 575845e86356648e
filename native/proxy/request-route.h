// Where a request goes: the rule of a route table, its filters, a backend of it, and the backend's
// filters. The steps are apart because those of the backend are taken again with each try. Requests
// without a table have a target and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/head.h"
#include "proxy/destination.h"
#include "proxy/error-response.h"
#include "proxy/target.h"
#include "route/filters.h"
#include "route/overrides.h"
#include "route/table.h"

namespace mesh {

class Worker;

struct RequestRoute {
  std::shared_ptr<const route::RouteTable> table;  // keeps the rest alive; null: no rules
  const route::Rule* rule = nullptr;
  const std::string* prefix = nullptr;  // that matched
  const route::Backend* backend = nullptr;
  std::shared_ptr<Target> target;

  uint32_t ruleId() const { return rule == nullptr ? 0 : rule->id; }
};

// Why a request goes nowhere, or what it is told instead.
struct Refusal {
  Reason reason = Reason::None;  // None: a redirect, which is no failure
  std::string detail;
  std::optional<Answer> answer;  // where a filter has made one; else what the reason says
};

// Finds the rule and applies its filters to `head`; without a table finds the target.
std::optional<Refusal> findRoute(Worker& worker, const RouteChoice& choice, RequestHead& head,
                                 RequestRoute& route, route::RequestPolicy& policy);
// Whether a backend could take a request now.
bool anyBackendReady(Worker& worker, const RequestRoute& route);
// Chooses among the rule's backends those that are ready, and sets backend and target. Nothing to do
// without a rule.
std::optional<Refusal> chooseBackend(Worker& worker, RequestRoute& route);
// Applies the filters of the chosen backend to `head`.
std::optional<Refusal> filterForBackend(Worker& worker, const RequestRoute& route,
                                        RequestHead& head);
// Those of the backend first, then the rule's.
std::optional<Refusal> filterResponse(const RequestRoute& route, FieldTable& fields);

// Adds the names of the rule and of the backend.
void describeRoute(const RequestRoute& route, FailureFacts& facts);

}  // namespace mesh

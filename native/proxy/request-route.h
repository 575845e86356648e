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
#include "proxy/in-flight.h"
#include "proxy/route-counters.h"
#include "proxy/target.h"
#include "route/filters.h"
#include "route/overrides.h"
#include "route/table.h"

namespace mesh {

class Worker;

// Who asks, and where: what the policy of a server decides by.
struct Asker {
  Destination& destination;
  const SocketAddress& client;
};

struct RequestRoute {
  std::shared_ptr<const route::RouteTable> table;  // keeps the rest alive; null: no rules
  const route::Rule* rule = nullptr;
  const std::string* prefix = nullptr;  // that matched
  const route::Backend* backend = nullptr;
  std::shared_ptr<Target> target;
  RouteCounters* counters = nullptr;  // of the rule, until the request has been counted
  InFlightSlot inFlight;              // until the head of the response

  uint32_t ruleId() const { return rule == nullptr ? 0 : rule->id; }
  bool ofProfile() const { return rule != nullptr && rule->kind == route::RouteKind::Profile; }
};

// Why a request goes nowhere, or what it is told instead.
struct Refusal {
  Reason reason = Reason::None;  // None: a redirect, which is no failure
  std::string detail;
  std::optional<Answer> answer;  // where a filter has made one; else what the reason says
};

// Takes a place among the requests in flight of this direction, unless `route` has one. Nothing: it has.
std::optional<Refusal> enterFlight(Worker& worker, Direction direction, RequestRoute& route);
// Finds the rule, asks the policy of the table's server, and applies the rule's filters to `head`;
// without a table finds the target.
std::optional<Refusal> findRoute(Worker& worker, const RouteChoice& choice, const Asker& asker,
                                 RequestHead& head, RequestRoute& route,
                                 route::RequestPolicy& policy);
// Whether this backend could take a request now. One that leads nowhere takes its share of the
// requests, and fails them.
bool isBackendReady(Worker& worker, const route::Backend& backend);
// The same of any of the rule's.
bool anyBackendReady(Worker& worker, const RequestRoute& route);
// Chooses among the rule's backends those that are ready, and sets backend and target. Nothing to do
// without a rule.
std::optional<Refusal> chooseBackend(Worker& worker, RequestRoute& route);
// Applies the filters of the chosen backend to `head`.
std::optional<Refusal> filterForBackend(Worker& worker, const RequestRoute& route,
                                        RequestHead& head);
// Those of the backend first, then the rule's.
std::optional<Refusal> filterResponse(const RequestRoute& route, FieldTable& fields);

// Whether a filter of the rule or of the backend may change a response.
bool filtersResponses(const RequestRoute& route);

// What is counted for a rule, and nothing without one. Rules of a ServiceProfile count other things
// than the rest: by which of the two a function is told is its own matter.
//
// Each try, when its backend has been chosen, when it has reached an endpoint, and when such a try
// ends. `askedMs`: when the request had gone to the endpoint to its end, 0: it had not.
void countTryBegin(const RequestRoute& route);
void countTry(const RequestRoute& route);
void countTryEnd(const RequestRoute& route, const RouteOutcome& outcome, uint64_t askedMs,
                 uint64_t nowMs);
// Once for each countTryBegin, but for tries that the client gave up.
void countTryOver(const RequestRoute& route, const RouteOutcome& outcome);
// The first byte of the body of the response that the client gets, or the end of an empty one.
void countFirstByte(const RequestRoute& route, uint16_t status, uint64_t tookMs);
void countRequestFrame(const RequestRoute& route, size_t bytes);
void countResponseFrame(const RequestRoute& route, size_t bytes);
// The request, once.
void countRequest(RequestRoute& route, const RouteOutcome& outcome, uint64_t tookMs);

// What becomes of the wish to try a request again.
enum class RetryStep : uint8_t { Sent, Saved, NoBudget, NotReady, LimitReached };
void countRetry(const RequestRoute& route, RetryStep step);

// Adds the names of the rule and of the backend.
void describeRoute(const RequestRoute& route, FailureFacts& facts);

}  // namespace mesh

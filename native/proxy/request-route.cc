// See request-route.h.
#include "proxy/request-route.h"

#include <utility>

#include "proxy/inbound-policy.h"
#include "proxy/worker.h"
#include "route/classify.h"

namespace mesh {

namespace {
std::optional<Refusal> refusalOf(const route::FilterOutcome& outcome) {
  if (const auto* redirect = std::get_if<route::RedirectTo>(&outcome)) {
    return Refusal{.reason = Reason::None,
                   .detail = {},
                   .answer = redirectAnswer(redirect->status, redirect->location)};
  }
  if (const auto* failure = std::get_if<const route::HttpFailure*>(&outcome)) {
    return Refusal{.reason = Reason::InjectedFailure,
                   .detail = (*failure)->message,
                   .answer = injectedAnswer(**failure)};
  }
  if (const auto* failure = std::get_if<const route::GrpcFailure*>(&outcome)) {
    return Refusal{.reason = Reason::InjectedFailure,
                   .detail = (*failure)->message,
                   .answer = injectedAnswer(**failure)};
  }
  if (const auto* invalid = std::get_if<route::Invalid>(&outcome)) {
    return Refusal{.reason = Reason::InvalidPolicy,
                   .detail = std::string(invalid->message),
                   .answer = std::nullopt};
  }
  return std::nullopt;
}

RouteIdentity identityOf(const Asker& asker, const route::RouteTable& table,
                         const route::Rule& rule) {
  const authz::ServerPolicy* server = table.server();
  if (server == nullptr) return {.routeId = rule.id};
  return {
      .routeId = rule.id, .serverId = server->id(), .serverPort = asker.destination.address.port()};
}

Refusal refuse(Reason reason, std::string detail) {
  return {.reason = reason, .detail = std::move(detail), .answer = std::nullopt};
}

bool countsBackend(const RequestRoute& route) {
  return route.counters != nullptr && route.backend != nullptr && !route.ofProfile();
}

// What the client did ends its request or response early, and says nothing about either.
bool isOfClient(Reason reason) {
  return reason >= Reason::ClientClosed && reason <= Reason::DetectTimeout;
}

// Given up before there was anything to count.
bool isLost(const RouteOutcome& outcome) {
  return isOfClient(outcome.reason) && (outcome.synthesized || outcome.status == 0);
}

// Reference §8.3, §4.11: a body that the client no longer wants counts as one that has ended.
ProfileOutcome profileOutcome(const route::Rule& rule, const RouteOutcome& outcome) {
  const bool complete = outcome.reason == Reason::None ||
                        outcome.reason == Reason::InjectedFailure || isOfClient(outcome.reason);
  ProfileOutcome out;
  out.status = outcome.synthesized && !complete ? 0 : outcome.status;
  if (!complete) {
    out.reason = outcome.reason;
    out.failure = true;
    return out;
  }
  out.grpcStatus = outcome.grpcStatus;
  if (outcome.untold || outcome.grpcStatus < 0) {
    out.failure = !outcome.untold && route::classifyHttp(rule, outcome.status).failure;
  } else {
    out.failure = route::classifyGrpc(static_cast<uint8_t>(outcome.grpcStatus)).failure;
  }
  return out;
}
}  // namespace

std::optional<Refusal> enterFlight(Worker& worker, Direction direction, RequestRoute& route) {
  if (route.inFlight.take(worker.inFlight(direction))) return std::nullopt;
  return refuse(Reason::TooManyInFlight, "");
}

std::optional<Refusal> findRoute(Worker& worker, const RouteChoice& choice, const Asker& asker,
                                 RequestHead& head, RequestRoute& route,
                                 route::RequestPolicy& policy) {
  if (choice.routeTableId == 0) {
    route.target = choice.targetId == 0 ? nullptr : worker.target(choice.targetId);
    if (!route.target) return refuse(Reason::NoRoute, std::string(head.authority));
    return std::nullopt;
  }
  route.table = worker.routeTable(choice.routeTableId);
  if (!route.table) return refuse(Reason::NoRoute, std::string(head.authority));
  const route::RouteMatch match = route.table->find(head);
  if (!match) return refuseUnrouted(asker, *route.table, head);
  route.rule = match.rule;
  route.prefix = match.prefix;
  if (auto denied = authorizeRequest(worker, asker, *route.table, *match.rule)) return denied;
  route.counters = &worker.routeCounters(identityOf(asker, *route.table, *match.rule));
  if (route.ofProfile()) route.counters->profile().requested();
  policy = route::policyOf(*match.rule, head.fields);
  auto answered = refusalOf(route::filterRequest(
      match.rule->filters,
      {.authority = head.authority, .prefix = match.prefix, .random = worker.random()}, head));
  if (answered) return answered;
  return limitRequest(worker, asker, *route.table);
}

bool isBackendReady(Worker& worker, const route::Backend& backend) {
  if (backend.targetId == 0) return true;
  const std::shared_ptr<Target> target = worker.target(backend.targetId);
  return target != nullptr && target->ready(worker.loop().nowMs());
}

bool anyBackendReady(Worker& worker, const RequestRoute& route) {
  if (route.rule == nullptr) return route.target->ready(worker.loop().nowMs());
  for (const route::Backend& backend : route.rule->distribution.backends()) {
    if (isBackendReady(worker, backend)) return true;
  }
  return false;
}

std::optional<Refusal> chooseBackend(Worker& worker, RequestRoute& route) {
  if (route.rule == nullptr) return std::nullopt;
  route.target = nullptr;
  route.backend = route.rule->distribution.pick(
      worker.random(),
      [&worker](const route::Backend& backend) { return isBackendReady(worker, backend); });
  if (route.backend == nullptr) return refuse(Reason::NoReadyBackend, "");
  if (route.backend->targetId == 0) return refuse(Reason::NoDispatcher, "");
  route.target = worker.target(route.backend->targetId);
  return std::nullopt;
}

std::optional<Refusal> filterForBackend(Worker& worker, const RequestRoute& route,
                                        RequestHead& head) {
  if (route.backend == nullptr || route.backend->filters.empty()) return std::nullopt;
  return refusalOf(route::filterRequest(
      route.backend->filters,
      {.authority = head.authority, .prefix = route.prefix, .random = worker.random()}, head));
}

std::optional<Refusal> filterResponse(const RequestRoute& route, FieldTable& fields) {
  if (route.rule == nullptr) return std::nullopt;
  std::optional<route::Invalid> invalid;
  if (route.backend != nullptr) invalid = route::filterResponse(route.backend->filters, fields);
  if (!invalid) invalid = route::filterResponse(route.rule->filters, fields);
  if (!invalid) return std::nullopt;
  return refuse(Reason::InvalidPolicy, std::string(invalid->message));
}

bool filtersResponses(const RequestRoute& route) {
  if (route.rule == nullptr) return false;
  return !route.rule->filters.empty() ||
         (route.backend != nullptr && !route.backend->filters.empty());
}

void countTryBegin(const RequestRoute& route) {
  if (route.counters != nullptr && route.ofProfile()) route.counters->profile().tried();
}

void countTryOver(const RequestRoute& route, const RouteOutcome& outcome) {
  if (route.counters == nullptr || !route.ofProfile() || isLost(outcome)) return;
  route.counters->profile().tryResponded(profileOutcome(*route.rule, outcome));
}

void countFirstByte(const RequestRoute& route, uint16_t status, uint64_t tookMs) {
  if (route.counters == nullptr || !route.ofProfile()) return;
  route.counters->profile().latency(status, tookMs);
}

void countTry(const RequestRoute& route) {
  if (!countsBackend(route)) return;
  route.counters->backend(route.backend->id).requested();
}

void countTryEnd(const RequestRoute& route, const RouteOutcome& outcome, uint64_t askedMs,
                 uint64_t nowMs) {
  if (!countsBackend(route)) return;
  route.counters->backend(route.backend->id)
      .responses.ended(outcome, askedMs == 0 ? 0 : nowMs - askedMs);
}

void countRequestFrame(const RequestRoute& route, size_t bytes) {
  if (route.counters == nullptr || route.ofProfile()) return;
  route.counters->requests.frame(bytes);
}

void countResponseFrame(const RequestRoute& route, size_t bytes) {
  if (!countsBackend(route)) return;
  route.counters->backend(route.backend->id).responses.frame(bytes);
}

void countRetry(const RequestRoute& route, RetryStep step) {
  if (route.counters == nullptr) return;
  if (route.ofProfile()) {
    const bool budgetAsked = step == RetryStep::Sent || step == RetryStep::NoBudget;
    if (budgetAsked) route.counters->profile().retryable(step == RetryStep::Sent);
    return;
  }
  switch (step) {
    case RetryStep::Sent:
      return route.counters->retried();
    case RetryStep::Saved:
      return route.counters->retrySucceeded();
    case RetryStep::NoBudget:
    case RetryStep::NotReady:
      return route.counters->retryOverflowed();
    case RetryStep::LimitReached:
      return route.counters->retryLimitExceeded();
  }
}

void countRequest(RequestRoute& route, const RouteOutcome& outcome, uint64_t tookMs) {
  RouteCounters* counters = std::exchange(route.counters, nullptr);
  if (counters == nullptr) return;
  if (route.ofProfile()) {
    if (isLost(outcome)) return;
    counters->profile().responded(profileOutcome(*route.rule, outcome));
    return;
  }
  RouteOutcome counted = outcome;
  // Reference §8.8: what a filter answers counts under its status alone.
  if (counted.reason == Reason::InjectedFailure) counted.reason = Reason::None;
  counters->requests.ended(counted, tookMs);
}

void describeRoute(const RequestRoute& route, FailureFacts& facts) {
  if (route.rule != nullptr) facts.route = route.rule->name;
  if (route.backend != nullptr) facts.backend = route.backend->name;
}

}  // namespace mesh

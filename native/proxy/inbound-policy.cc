// See inbound-policy.h.
#include "proxy/inbound-policy.h"

#include <utility>

#include "proxy/worker.h"

namespace mesh {

namespace {

// Connections of the mesh's TLS are not there yet: a client is known by its address alone.
authz::Client clientOf(const Asker& asker) {
  return {.address = asker.client, .meshTls = false, .identity = {}};
}

struct Said {
  std::string_view route;          // empty: not a request
  std::string_view authorization;  // empty: none
};

void say(Worker& worker, const char* what, const authz::ServerPolicy& server, const Asker& asker,
         const Said& said) {
  // Many may come, from whoever likes: nothing is written down that nobody will read.
  if (!worker.sink().wants(contract::LogLevel::Info)) return;
  LogFields fields{{"server", server.name()}};
  if (!said.route.empty()) fields.emplace_back("route", said.route);
  if (!said.authorization.empty()) fields.emplace_back("authorization", said.authorization);
  fields.emplace_back("client", asker.client.toString());
  fields.emplace_back("tls", "none");
  worker.sink().log(contract::LogLevel::Info, worker.index(), what, std::move(fields));
}

PolicyLabels labelsOf(const authz::ServerPolicy& server, const Asker& asker) {
  return {.serverId = server.id(),
          .portSkipped = asker.destination.protocol == contract::Protocol::Opaque};
}

LimitScope scopeOf(authz::RateLimitScope scope) {
  return scope == authz::RateLimitScope::Total ? LimitScope::Total : LimitScope::Identity;
}

// What decides about a connection that is not HTTP. Without a server nobody is asked.
struct Judgement {
  std::shared_ptr<const route::RouteTable> table;  // keeps the rest alive
  const authz::ServerPolicy* server = nullptr;
  const authz::Authorization* allowedBy = nullptr;  // null: denied
};

Judgement judge(Worker& worker, const Asker& asker) {
  Judgement out;
  const uint32_t tableId = asker.destination.routeTableId;
  if (tableId != 0) out.table = worker.routeTable(tableId);
  if (!out.table) return out;
  out.server = out.table->server();
  const route::TcpRoute* tcp = out.table->tcp();
  if (out.server != nullptr && tcp != nullptr) {
    out.allowedBy = out.server->permit(tcp->authorizations, clientOf(asker));
  }
  return out;
}

Permit permitOf(const Judgement& judgement) {
  if (judgement.server == nullptr) return Permit::Unpoliced;
  return judgement.allowedBy != nullptr ? Permit::Allowed : Permit::Denied;
}

}  // namespace

// ---------------------------------------------------------------- requests

std::optional<Refusal> authorizeRequest(Worker& worker, const Asker& asker,
                                        const route::RouteTable& table, const route::Rule& rule) {
  const authz::ServerPolicy* server = table.server();
  if (server == nullptr) return std::nullopt;
  PolicyLabels labels{.serverId = server->id(), .routeId = rule.id};
  const authz::Authorization* allowed = server->permit(rule.authorizations, clientOf(asker));
  if (allowed == nullptr) {
    asker.destination.policyCounters->count(Family::HttpAuthzDenyTotal, labels);
    say(worker, "Request denied", *server, asker, {.route = rule.name, .authorization = {}});
    return Refusal{.reason = Reason::Unauthorized,
                   .detail = "unauthorized request on route",
                   .answer = std::nullopt};
  }
  labels.authorizationId = allowed->id();
  asker.destination.policyCounters->count(Family::HttpAuthzAllowTotal, labels);
  if (allowed->audit()) {
    say(worker, "Request allowed", *server, asker,
        {.route = rule.name, .authorization = allowed->name()});
  }
  return std::nullopt;
}

std::optional<Refusal> limitRequest(Worker& worker, const Asker& asker,
                                    const route::RouteTable& table) {
  authz::ServerPolicy* server = table.server();
  if (server == nullptr) return std::nullopt;
  const std::optional<authz::LimitMet> met = server->limit(clientOf(asker), worker.loop().nowMs());
  if (!met) return std::nullopt;
  asker.destination.policyCounters->count(Family::HttpRateLimitTotal,
                                          {.serverId = server->id(),
                                           .rateLimitId = server->rateLimitId(),
                                           .limitScope = scopeOf(met->scope)});
  return Refusal{.reason = Reason::RateLimited, .detail = met->toString(), .answer = std::nullopt};
}

Refusal refuseUnrouted(const Asker& asker, const route::RouteTable& table,
                       const RequestHead& head) {
  Refusal refusal{
      .reason = Reason::NoRoute, .detail = std::string(head.authority), .answer = std::nullopt};
  const authz::ServerPolicy* server = table.server();
  if (server != nullptr) {
    asker.destination.policyCounters->count(Family::HttpRouteNotFoundTotal,
                                            {.serverId = server->id()});
    refusal.detail = "no route found for request";
  }
  return refusal;
}

// ---------------------------------------------------------------- connections

Permit permitOf(Worker& worker, const Asker& asker) { return permitOf(judge(worker, asker)); }

Permit admitConnection(Worker& worker, const Asker& asker) {
  const Judgement judgement = judge(worker, asker);
  const Permit permit = permitOf(judgement);
  if (permit == Permit::Unpoliced) return permit;
  PolicyLabels labels = labelsOf(*judgement.server, asker);
  if (permit == Permit::Denied) {
    asker.destination.policyCounters->count(Family::TcpAuthzDenyTotal, labels);
    say(worker, "Connection denied", *judgement.server, asker, {});
    return permit;
  }
  labels.authorizationId = judgement.allowedBy->id();
  asker.destination.policyCounters->count(Family::TcpAuthzAllowTotal, labels);
  if (judgement.allowedBy->audit()) {
    say(worker, "Connection allowed", *judgement.server, asker,
        {.route = {}, .authorization = judgement.allowedBy->name()});
  }
  return permit;
}

void noteTermination(Worker& worker, const Asker& asker) {
  const Judgement judgement = judge(worker, asker);
  if (judgement.server == nullptr) return;
  asker.destination.policyCounters->count(Family::TcpAuthzTerminateTotal,
                                          labelsOf(*judgement.server, asker));
  say(worker, "Connection terminated due to policy change", *judgement.server, asker, {});
}

std::string denialOf(Worker& worker, const Asker& asker) {
  const Judgement judgement = judge(worker, asker);
  return "unauthorized connection on " +
         (judgement.server == nullptr ? std::string() : judgement.server->name());
}

}  // namespace mesh

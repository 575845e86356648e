// See opaque-route.h.
#include "proxy/opaque-route.h"

#include "proxy/request-route.h"
#include "proxy/worker.h"
#include "route/table.h"

namespace mesh {

namespace {
OpaqueRoute refused(Reason reason, std::string detail, uint32_t routeId = 0) {
  return {.target = nullptr, .refusal = reason, .detail = std::move(detail), .routeId = routeId};
}

// By a TCP route or a TLS route: they differ in how they are found.
OpaqueRoute byRoute(Worker& worker, const route::TcpRoute& route) {
  if (route.refusal != Reason::None) return refused(route.refusal, route.name, route.id);
  const route::Backend* backend = route.distribution.pick(
      worker.random(),
      [&worker](const route::Backend& one) { return isBackendReady(worker, one); });
  if (backend == nullptr) return refused(Reason::NoReadyBackend, route.name, route.id);
  std::shared_ptr<Target> target = worker.target(backend->targetId);
  if (!target) return refused(Reason::NoDispatcher, backend->name, route.id);
  return {.target = std::move(target), .refusal = Reason::None, .detail = {}, .routeId = route.id};
}

OpaqueRoute byTable(Worker& worker, uint32_t tableId, std::string_view serverName) {
  const std::shared_ptr<const route::RouteTable> table = worker.routeTable(tableId);
  if (table && table->routesTls() && !serverName.empty()) {
    const route::TcpRoute* tls = table->tls(serverName);
    if (tls == nullptr) return refused(Reason::NoRoute, "no route for this server name");
    OpaqueRoute found = byRoute(worker, *tls);
    found.byServerName = true;
    return found;
  }
  const route::TcpRoute* tcp = table ? table->tcp() : nullptr;
  if (tcp == nullptr) return refused(Reason::NoRoute, "no route for connections that are not HTTP");
  return byRoute(worker, *tcp);
}

LabelSet labelsOf(const OpaqueRouteUse& use) {
  LabelSet labels;
  labels.direction = Direction::Outbound;
  labels.routeId = use.routeId;
  if (use.serverName.empty()) {
    labels.targetAddress = use.original;
  } else {
    labels.serverName = use.serverName;
  }
  return labels;
}
}  // namespace

OpaqueRoute routeOpaque(Worker& worker, const RouteChoice& choice, std::string_view serverName) {
  if (choice.routeTableId != 0) return byTable(worker, choice.routeTableId, serverName);
  std::shared_ptr<Target> target = worker.target(choice.targetId);
  if (!target) return refused(Reason::NoRoute, "destination has no default target");
  return {.target = std::move(target), .refusal = Reason::None, .detail = {}, .routeId = 0};
}

void countRouteOpen(Worker& worker, const OpaqueRouteUse& use) {
  if (use.routeId == 0 || use.direction == Direction::Inbound) return;
  const bool tls = !use.serverName.empty();
  Recorder& recorder = worker.recorder();
  recorder.add(
      recorder.intern(tls ? Family::TlsRouteOpenTotal : Family::TcpRouteOpenTotal, labelsOf(use)));
}

void countRouteClose(Worker& worker, const OpaqueRouteUse& use, Reason reason) {
  if (use.routeId == 0 || use.direction == Direction::Inbound) return;
  const bool tls = !use.serverName.empty();
  LabelSet labels = labelsOf(use);
  labels.reason = reason;
  Recorder& recorder = worker.recorder();
  recorder.add(
      recorder.intern(tls ? Family::TlsRouteCloseTotal : Family::TcpRouteCloseTotal, labels));
}

}  // namespace mesh

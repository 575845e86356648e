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

OpaqueRoute byTable(Worker& worker, uint32_t tableId) {
  const std::shared_ptr<const route::RouteTable> table = worker.routeTable(tableId);
  const route::TcpRoute* tcp = table ? table->tcp() : nullptr;
  if (tcp == nullptr) return refused(Reason::NoRoute, "no route for connections that are not HTTP");
  if (tcp->refusal != Reason::None) return refused(tcp->refusal, tcp->name, tcp->id);
  const route::Backend* backend = tcp->distribution.pick(
      worker.random(),
      [&worker](const route::Backend& one) { return isBackendReady(worker, one); });
  if (backend == nullptr) return refused(Reason::NoReadyBackend, tcp->name, tcp->id);
  std::shared_ptr<Target> target = worker.target(backend->targetId);
  if (!target) return refused(Reason::NoDispatcher, backend->name, tcp->id);
  return {.target = std::move(target), .refusal = Reason::None, .detail = {}, .routeId = tcp->id};
}

LabelSet labelsOf(uint32_t routeId, const SocketAddress& original) {
  LabelSet labels;
  labels.direction = Direction::Outbound;
  labels.routeId = routeId;
  labels.targetAddress = original;
  return labels;
}
}  // namespace

OpaqueRoute routeOpaque(Worker& worker, const RouteChoice& choice) {
  if (choice.routeTableId != 0) return byTable(worker, choice.routeTableId);
  std::shared_ptr<Target> target = worker.target(choice.targetId);
  if (!target) return refused(Reason::NoRoute, "destination has no default target");
  return {.target = std::move(target), .refusal = Reason::None, .detail = {}, .routeId = 0};
}

void countRouteOpen(Worker& worker, Direction direction, uint32_t routeId,
                    const SocketAddress& original) {
  if (routeId == 0 || direction == Direction::Inbound) return;
  Recorder& recorder = worker.recorder();
  recorder.add(recorder.intern(Family::TcpRouteOpenTotal, labelsOf(routeId, original)));
}

void countRouteClose(Worker& worker, Direction direction, uint32_t routeId,
                     const SocketAddress& original, Reason reason) {
  if (routeId == 0 || direction == Direction::Inbound) return;
  LabelSet labels = labelsOf(routeId, original);
  labels.reason = reason;
  Recorder& recorder = worker.recorder();
  recorder.add(recorder.intern(Family::TcpRouteCloseTotal, labels));
}

}  // namespace mesh

// See opaque-route.h.
#include "proxy/opaque-route.h"

#include "proxy/worker.h"

namespace mesh {

OpaqueRoute routeOpaque(Worker& worker, const Destination& destination) {
  std::shared_ptr<Target> target = worker.target(destination.targetId);
  if (target) return {.target = std::move(target), .refusal = Reason::None, .detail = {}};
  return {
      .target = nullptr, .refusal = Reason::NoRoute, .detail = "destination has no default target"};
}

}  // namespace mesh

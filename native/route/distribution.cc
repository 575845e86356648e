// See distribution.h.
#include "route/distribution.h"

#include <utility>

namespace mesh::route {

BackendPicker::BackendPicker(Distribution spec)
    : kind_(spec.kind), backends_(std::move(spec.backends)) {
  // One alone is taken whatever its weight.
  if (kind_ == DistributionKind::RandomAvailable && backends_.size() < 2) {
    kind_ = DistributionKind::FirstAvailable;
  }
  for (const Backend& backend : backends_) weight_ += backend.weight;
}

}  // namespace mesh::route

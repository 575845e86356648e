// The portable poller.
#pragma once

#include "io/poller.h"

namespace mesh {

Result<std::unique_ptr<Poller>> createLibuvPoller();

}  // namespace mesh

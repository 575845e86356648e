// The poller of Linux.
#pragma once

#include "io/poller.h"

namespace mesh {

// ENOSYS where there is no epoll.
Result<std::unique_ptr<Poller>> createEpollPoller();

}  // namespace mesh

// The choice between the pollers.
#include "io/poller.h"

#include "io/epoll-poller.h"
#include "io/libuv-poller.h"

namespace mesh {

Result<std::unique_ptr<Poller>> createPoller(PollerKind kind) {
  switch (kind) {
    case PollerKind::Epoll:
      return createEpollPoller();
    case PollerKind::Libuv:
      return createLibuvPoller();
  }
  checkFailed("kind is one of the enumeration", __FILE__, __LINE__);
}

}  // namespace mesh

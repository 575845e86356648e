// What every connection the worker holds has in common, whatever its phase: waiting for its
// destination, being forwarded, or speaking HTTP.
#pragma once

#include "base/reason.h"
#include "io/event-loop.h"

namespace mesh {

struct Destination;

class Connection : public Disposable, public ListNode<Connection> {
 public:
  // The proxy is draining: end as soon as nothing is under way.
  virtual void onDrain() = 0;
  // The destination was removed: as above, when it is this connection's.
  virtual void onDestinationRemoved(const Destination& destination) = 0;
  // What the policies of servers say may have changed: end, when they no longer allow it.
  virtual void onPolicyChanged() {}
  // End now, both sides, for this reason.
  virtual void cut(Reason reason) = 0;
};

}  // namespace mesh

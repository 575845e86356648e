// Whether the peer of an HTTP/2 connection is still there: a PING when nothing has come from it for
// the interval, and the end when the PING is not answered in time. Only while streams are open, unless
// the settings say otherwise. Does nothing when they give no interval.
#pragma once

#include "contract/commands.h"
#include "http2/session.h"
#include "io/event-loop.h"

namespace mesh {

class PingKeepAlive {
 public:
  class Owner {
   public:
    // Has been given a PING to send.
    virtual void onPingDue() = 0;
    virtual void onPeerSilent() = 0;

   protected:
    ~Owner() = default;
  };

  PingKeepAlive(EventLoop& loop, const contract::Http2KeepAlive& settings, http2::Session& session,
                Owner& owner);
  ~PingKeepAlive() { stop(); }

  // Bytes have come from the peer, and the session has seen them.
  void heard();
  // After anything that may have opened or ended streams.
  void watch(bool streamsOpen);
  void stop() { loop_.cancel(timer_); }

 private:
  void onTimer();

  EventLoop& loop_;
  const contract::Http2KeepAlive settings_;
  http2::Session& session_;
  Owner& owner_;
  Timer timer_;
  bool pinged_ = false;  // and not answered yet
  uint64_t pongs_ = 0;   // before the PING
  uint64_t heardMs_ = 0;
};

}  // namespace mesh

// See ping-keep-alive.h. The timer is not moved with every read: when it fires early, it goes on
// for what is left.
#include "proxy/ping-keep-alive.h"

namespace mesh {

PingKeepAlive::PingKeepAlive(EventLoop& loop, const contract::Http2KeepAlive& settings,
                             http2::Session& session, Owner& owner)
    : loop_(loop),
      settings_(settings),
      session_(session),
      owner_(owner),
      timer_([](void* self) { static_cast<PingKeepAlive*>(self)->onTimer(); }, this) {}

void PingKeepAlive::heard() {
  if (settings_.intervalMs == 0) return;
  heardMs_ = loop_.nowMs();
  if (!pinged_ || session_.pongs() == pongs_) return;
  pinged_ = false;
  loop_.schedule(timer_, settings_.intervalMs);
}

void PingKeepAlive::watch(bool streamsOpen) {
  if (settings_.intervalMs == 0) return;
  // A PING that is on its way is waited for in any case.
  if (pinged_) return;
  if (!streamsOpen && !settings_.whileIdle) {
    loop_.cancel(timer_);
  } else if (!timer_.armed()) {
    heardMs_ = loop_.nowMs();
    loop_.schedule(timer_, settings_.intervalMs);
  }
}

void PingKeepAlive::onTimer() {
  if (pinged_) {
    owner_.onPeerSilent();
    return;
  }
  const uint64_t silent = loop_.nowMs() - heardMs_;
  if (silent < settings_.intervalMs) {
    loop_.schedule(timer_, settings_.intervalMs - silent);
    return;
  }
  pinged_ = true;
  pongs_ = session_.pongs();
  session_.ping();
  loop_.schedule(timer_, settings_.timeoutMs);
  owner_.onPingDue();
}

}  // namespace mesh

// A listening socket on a loop. Accepts in batches. Survives running out of descriptors: a reserve
// descriptor is given up to accept and close the waiting connection at once, so that clients get
// an answer instead of a hang and the readiness edge is not lost; each is counted by the owner.
#pragma once

#include <memory>

#include "io/event-loop.h"
#include "io/socket.h"

namespace mesh {

// May pause the listener, but not destroy it, from inside its calls.
class AcceptHandler {
 public:
  virtual void onAccept(UniqueFd fd, const SocketAddress& peer) = 0;
  // errno of an accept that failed; EMFILE and ENFILE when the reserve had to be used, and so a
  // client was turned away.
  virtual void onAcceptError(int error) = 0;

 protected:
  ~AcceptHandler() = default;
};

class Listener final : public IoHandler, public TurnEnd {
 public:
  // `fd` comes from listenTcp. `batch` connections at most are accepted before other descriptors
  // get their turn.
  static Result<std::unique_ptr<Listener>> open(EventLoop& loop, UniqueFd fd,
                                                AcceptHandler& handler, int batch);
  ~Listener();
  int fd() const { return fd_.get(); }
  SocketAddress address() const { return localAddress(fd_.get()); }
  // Stops and starts accepting; connections wait in the kernel's backlog meanwhile.
  void pause();
  void resume();

  void onIo(uint32_t fresh) override;
  void onTurnEnd() override;

 private:
  Listener(EventLoop& loop, UniqueFd fd, UniqueFd reserve, AcceptHandler& handler, int batch);
  void acceptBatch();
  void acceptOne();
  // Turns away the connection that waits first.
  void shedOne(int error);
  void retryLater(int error);
  void restoreReserve();

  EventLoop& loop_;
  UniqueFd fd_;
  AcceptHandler& handler_;
  int batch_;
  Watch watch_;
  Timer retry_;
  UniqueFd reserve_;
  bool paused_ = false;
};

}  // namespace mesh

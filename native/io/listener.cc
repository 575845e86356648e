// The watch's readable bit says that connections may wait. It is consumed only when accept found
// none, so after a full batch, a pause or a lack of resources the work goes on from the bit alone,
// at the end of a turn or from the retry timer.
#include "io/listener.h"

#include <cerrno>

namespace mesh {
namespace {

// After an accept that failed for want of something that others must give back first.
constexpr uint64_t RETRY_MS = 50;

// A socket of its own, because a copy of a descriptor gives nothing back when the whole system is
// out of files (ENFILE); a socket, because unlike /dev/null it is sure to be allowed here.
Result<UniqueFd> openReserve(int listener) {
  return openTcp(localAddress(listener), SocketAddress(), TcpOptions());
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(EventLoop& loop, UniqueFd fd,
                                                 AcceptHandler& handler, int batch) {
  MESH_CHECK(batch > 0);
  Result<UniqueFd> reserve = openReserve(fd.get());
  if (!reserve) return reserve.error();
  std::unique_ptr<Listener> listener(
      new Listener(loop, std::move(fd), std::move(reserve).value(), handler, batch));
  if (Status<> added = loop.add(listener->watch_); !added) return added.error();
  return listener;
}

Listener::Listener(EventLoop& loop, UniqueFd fd, UniqueFd reserve, AcceptHandler& handler,
                   int batch)
    : loop_(loop),
      fd_(std::move(fd)),
      handler_(handler),
      batch_(batch),
      retry_([](void* listener) { static_cast<Listener*>(listener)->acceptBatch(); }, this),
      reserve_(std::move(reserve)) {
  watch_.fd = fd_.get();
  watch_.handler = this;
}

Listener::~Listener() {
  if (watch_.added()) loop_.remove(watch_);
}

void Listener::pause() {
  paused_ = true;
  loop_.cancel(retry_);
}

void Listener::resume() {
  if (!paused_) return;
  paused_ = false;
  loop_.atTurnEnd(*this);
}

void Listener::onIo(uint32_t) { acceptBatch(); }

void Listener::onTurnEnd() { acceptBatch(); }

void Listener::acceptBatch() {
  for (int i = 0; i < batch_; ++i) {
    if (paused_ || !watch_.readable() || retry_.armed()) return;
    acceptOne();
  }
  if (watch_.readable() && !paused_ && !retry_.armed()) loop_.atTurnEnd(*this);
}

void Listener::restoreReserve() {
  if (reserve_.valid()) return;
  if (Result<UniqueFd> reserve = openReserve(fd_.get())) reserve_ = std::move(reserve).value();
}

void Listener::acceptOne() {
  restoreReserve();
  SocketAddress peer;
  Result<UniqueFd> accepted = acceptTcp(fd_.get(), peer);
  if (accepted) {
    handler_.onAccept(std::move(accepted).value(), peer);
    return;
  }
  int error = accepted.error().code;
  switch (error) {
    case EAGAIN:
      loop_.consume(watch_, kReadable);
      return;
    case EMFILE:
    case ENFILE:
      shedOne(error);
      return;
    case ECONNABORTED:
    case ECONNRESET:
    case EPROTO:
    case EPERM:
      // This connection failed while it waited, or a firewall forbids it; the next one has nothing
      // to do with it.
      handler_.onAcceptError(error);
      return;
    default:
      retryLater(error);
      return;
  }
}

void Listener::shedOne(int error) {
  reserve_.reset();
  SocketAddress peer;
  int result = 0;
  {
    // Closed before the reserve is taken back, which needs its place.
    Result<UniqueFd> shed = acceptTcp(fd_.get(), peer);
    if (shed) {
      // By RST: FIN could pass for a complete, empty answer.
      resetOnClose(shed.value().get());
    } else {
      result = shed.error().code;
    }
  }
  restoreReserve();
  if (result == EAGAIN) {
    // Linux looks for a free descriptor before it looks for a connection: there was none.
    loop_.consume(watch_, kReadable);
  } else if (result == EMFILE || result == ENFILE) {
    // Another thread was quicker to take what the reserve gave up.
    retryLater(result);
  } else {
    handler_.onAcceptError(error);
  }
}

void Listener::retryLater(int error) {
  loop_.schedule(retry_, RETRY_MS);
  handler_.onAcceptError(error);
}

}  // namespace mesh

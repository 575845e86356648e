// See listening.h.
#include "proxy/listening.h"

#include <cstring>

#include "proxy/accepted-connection.h"
#include "proxy/worker.h"

namespace mesh {

Listening::Listening(Worker& worker, const contract::Listen& settings)
    : worker_(worker), settings_(settings) {}

std::unique_ptr<Listening> Listening::open(Worker& worker, const contract::Listen& settings,
                                           UniqueFd fd) {
  std::unique_ptr<Listening> listening(new Listening(worker, settings));
  Result<std::unique_ptr<Listener>> opened = Listener::open(
      worker.loop(), std::move(fd), *listening, static_cast<int>(worker.settings().acceptBatch));
  if (!opened) {
    worker.sink().log(
        contract::LogLevel::Error, worker.index(), "Listener cannot be watched",
        {{"address", settings.address.toString()}, {"error", std::strerror(opened.error().code)}});
    return nullptr;
  }
  listening->listener_ = std::move(opened).value();
  if (settings.paused) listening->listener_->pause();
  return listening;
}

void Listening::onAccept(UniqueFd fd, const SocketAddress& peer) {
  if (worker_.buffers().exhausted()) {
    // Refused before it costs anything; the client may try again.
    resetOnClose(fd.get());
    worker_.countConnectionError(settings_.direction, Reason::OutOfMemoryBudget);
    return;
  }
  // TCP options are those of the listening socket, which accepted sockets inherit.
  AcceptedConnection::start(worker_, settings_, std::move(fd), peer);
}

void Listening::onAcceptError(int error) {
  worker_.countAcceptError(settings_.direction, error);
  worker_.sink().log(contract::LogLevel::Warn, worker_.index(),
                     "Server failed to accept connection", {{"error", std::strerror(error)}});
}

}  // namespace mesh

// One listener on one worker: accepts, refuses what may not be taken on, and starts connections.
#pragma once

#include <memory>

#include "contract/commands.h"
#include "io/listener.h"

namespace mesh {

class Worker;

class Listening final : public AcceptHandler {
 public:
  // Null when the descriptor cannot be watched (logged).
  static std::unique_ptr<Listening> open(Worker& worker, const contract::Listen& settings,
                                         UniqueFd fd);

  const contract::Listen& settings() const { return settings_; }
  int fd() const { return listener_->fd(); }
  void resume() { listener_->resume(); }

  void onAccept(UniqueFd fd, const SocketAddress& peer) override;
  void onAcceptError(int error) override;

 private:
  Listening(Worker& worker, const contract::Listen& settings);
  Worker& worker_;
  contract::Listen settings_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace mesh

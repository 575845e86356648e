// The data plane as its owner sees it: bytes of the contract in, bytes of the contract out. Owns
// the workers and their threads. All methods are for one thread (the owner's); `Wake` is called
// from worker threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

class DataPlane {
 public:
  // Called on a worker's thread when events begin to wait; must only signal the owner's thread and return.
  using Wake = std::function<void()>;

  // `settings` are the bytes of contract.Settings. On refusal null, and `error` has the bytes of
  // contract.CommandError. Worker threads run when this returns.
  static std::unique_ptr<DataPlane> create(std::string_view settings, Wake wake,
                                           std::string& error);
  // Closes everything, joins the threads. No Wake after this.
  virtual ~DataPlane() = default;

  // Bytes of contract.Command in, bytes of contract.CommandResult out. Never blocks on a worker,
  // but for Listen, Inspect and AttachCapture, which wait for the workers' answers (bounded).
  virtual std::string command(std::string_view bytes) = 0;
  // Bytes of contract.EventBatch with everything that waits; empty when nothing does.
  virtual std::string takeEvents() = 0;
  virtual uint32_t workers() const = 0;
  // The counters of one worker (see Metrics in the contract). `worker` < workers().
  virtual void scrape(uint32_t worker, std::vector<uint64_t>& out) const = 0;
};

}  // namespace mesh

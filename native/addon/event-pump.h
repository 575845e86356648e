// Brings events from the workers' threads to a JavaScript function: at most one call per turn of
// node's loop, however often the workers wake it. Does not keep node alive.
//
// It takes two thread-safe functions, because node goes on calling one within the same turn for as
// long as something is queued on it. What arrives during a delivery is queued on the other one
// (`hop`), which then queues the next delivery: whichever of the two node visits first, that
// delivery is in a later turn.
//
//   idle --wake--> queued --node calls--> delivering --nothing new--> idle
//                    ^                        |--woken meanwhile--> hop --.
//                    '----------------------------------------------------'
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace mesh::addon {

class EventPump {
 public:
  // What waits, as bytes; empty when nothing does.
  using Take = std::function<std::string()>;

  // JavaScript's thread. Lives until `close` and until node has let go of it.
  static std::shared_ptr<EventPump> create(Napi::Env env, const Napi::Function& onEvents);
  EventPump(const EventPump&) = delete;
  EventPump& operator=(const EventPump&) = delete;

  // JavaScript's thread, before the first turn after `create`.
  void takeFrom(Take take) { take_ = std::move(take); }
  // Any thread, until `close`. Only signals.
  void wake();
  // JavaScript's thread, also from within a delivery, when no thread wakes it any more. Nothing is
  // delivered afterwards, also not what is queued.
  void close();

 private:
  enum class State : uint8_t { Idle, Queued, Delivering, WokenMeanwhile };
  // What node's side holds: frees the pump when node is done with both functions.
  using Share = std::shared_ptr<EventPump>;

  EventPump() = default;
  static void onDeliver(Napi::Env env, Napi::Function onEvents, Share* share, void* unused);
  static void onHop(Napi::Env env, Napi::Function onEvents, Share* share, void* unused);
  using DeliverFunction = Napi::TypedThreadSafeFunction<Share, void, &EventPump::onDeliver>;
  using HopFunction = Napi::TypedThreadSafeFunction<Share, void, &EventPump::onHop>;
  void deliver(Napi::Env env, const Napi::Function& onEvents);

  std::atomic<State> state_{State::Idle};
  bool closed_ = false;
  Take take_;
  DeliverFunction deliver_;
  HopFunction hop_;
};

}  // namespace mesh::addon

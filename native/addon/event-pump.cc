// See event-pump.h.
#include "addon/event-pump.h"

#include <cstring>

namespace mesh::addon {
namespace {

// Plain node_api: node runs queued functions once more while an environment ends, when JavaScript
// cannot run any more. That is no error here, but the C++ wrapper would end the process.
void callWith(napi_env env, napi_value function, const std::string& bytes) {
  void* data = nullptr;
  napi_value buffer, array, global;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return;
  std::memcpy(data, bytes.data(), bytes.size());
  if (napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array) != napi_ok ||
      napi_get_global(env, &global) != napi_ok) {
    return;
  }
  if (napi_call_function(env, global, function, 1, &array, nullptr) != napi_pending_exception) {
    return;
  }
  // Left pending it would only be a warning of node's: make it the uncaught exception it is.
  napi_value thrown;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

}  // namespace

std::shared_ptr<EventPump> EventPump::create(Napi::Env env, const Napi::Function& onEvents) {
  std::shared_ptr<EventPump> pump(new EventPump());
  auto letGo = [](Napi::Env, void*, Share* share) { delete share; };
  constexpr size_t UNBOUNDED = 0;  // `state_` bounds the queues to one element each
  constexpr size_t ONE_OWNER = 1;
  pump->deliver_ = DeliverFunction::New(env, onEvents, "sluice:events", UNBOUNDED, ONE_OWNER,
                                        new Share(pump), letGo);
  pump->hop_ = HopFunction::New(env, onEvents, "sluice:events", UNBOUNDED, ONE_OWNER,
                                new Share(pump), letGo);
  pump->deliver_.Unref(env);
  pump->hop_.Unref(env);
  return pump;
}

void EventPump::wake() {
  State seen = state_.load();
  for (;;) {
    if (seen == State::Queued || seen == State::WokenMeanwhile) return;
    State next = seen == State::Idle ? State::Queued : State::WokenMeanwhile;
    if (!state_.compare_exchange_weak(seen, next)) continue;
    if (next == State::Queued) deliver_.NonBlockingCall();
    return;
  }
}

void EventPump::close() {
  closed_ = true;
  take_ = nullptr;
  deliver_.Abort();
  hop_.Abort();
}

// `env` is null when node empties the queue of an aborted function.
void EventPump::onDeliver(Napi::Env env, Napi::Function onEvents, Share* share, void*) {
  if (env == nullptr) return;
  Share alive = *share;
  alive->deliver(env, onEvents);
}

void EventPump::onHop(Napi::Env env, Napi::Function, Share* share, void*) {
  if (env == nullptr || (*share)->closed_) return;
  (*share)->deliver_.NonBlockingCall();
}

void EventPump::deliver(Napi::Env env, const Napi::Function& onEvents) {
  if (closed_) return;
  // From here on a wake-up is for what `take_` may not have seen.
  state_.store(State::Delivering);
  std::string bytes = take_();
  if (!bytes.empty()) callWith(env, onEvents, bytes);
  if (closed_) return;
  State expected = State::Delivering;
  if (state_.compare_exchange_strong(expected, State::Idle)) return;
  state_.store(State::Queued);
  hop_.NonBlockingCall();
}

}  // namespace mesh::addon

// class DataPlane as JavaScript sees it (src/dataplane/addon.ts): decodes arguments, and leaves
// the work to mesh::DataPlane. Lives until `close()` or until its environment (main thread or
// worker_thread) ends, whichever is first; dropping every reference to it does not stop it.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/event-pump.h"
#include "proxy/data-plane.h"

namespace mesh::addon {

class DataPlaneObject : public Napi::ObjectWrap<DataPlaneObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // new DataPlane(settings, onEvents). For refused settings throws an Error whose `commandError`
  // has the bytes of contract.CommandError.
  explicit DataPlaneObject(const Napi::CallbackInfo& info);
  ~DataPlaneObject() override { stop(); }

 private:
  Napi::Value command(const Napi::CallbackInfo& info);
  Napi::Value scrape(const Napi::CallbackInfo& info);
  Napi::Value workers(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // True when open; else an Error is pending.
  bool checkOpen(Napi::Env env) const;
  void stop();
  static void onEnvironmentEnds(void* self);

  const napi_env environment_;
  std::shared_ptr<EventPump> pump_;
  std::unique_ptr<DataPlane> plane_;
  // Reused from scrape to scrape.
  std::vector<uint64_t> values_;
};

}  // namespace mesh::addon

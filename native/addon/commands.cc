// See commands.h.
#include "addon/commands.h"

#include <algorithm>

#include "addon/bytes.h"

namespace mesh::addon {

Napi::Function DataPlaneObject::define(Napi::Env env) {
  return DefineClass(env, "DataPlane",
                     {InstanceMethod<&DataPlaneObject::command>("command"),
                      InstanceMethod<&DataPlaneObject::scrape>("scrape"),
                      InstanceMethod<&DataPlaneObject::workers>("workers"),
                      InstanceMethod<&DataPlaneObject::close>("close")});
}

DataPlaneObject::DataPlaneObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DataPlaneObject>(info), environment_(info.Env()) {
  Napi::Env env = info.Env();
  Napi::Uint8Array settings = uint8ArrayOf(info[0], "settings: a Uint8Array is needed");
  if (settings.IsEmpty()) return;
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "onEvents: a function is needed").ThrowAsJavaScriptException();
    return;
  }
  pump_ = EventPump::create(env, info[1].As<Napi::Function>());
  std::string refusal;
  plane_ = DataPlane::create(
      viewOf(settings), [pump = pump_] { pump->wake(); }, refusal);
  if (!plane_) {
    pump_->close();
    pump_.reset();
    Napi::Error error = Napi::Error::New(env, "the settings were refused");
    error.Value().Set("commandError", toUint8Array(env, refusal));
    error.ThrowAsJavaScriptException();
    return;
  }
  pump_->takeFrom([plane = plane_.get()] { return plane->takeEvents(); });
  // Hooks run last in, first out: the workers are joined before node frees what they wake.
  napi_add_env_cleanup_hook(environment_, onEnvironmentEnds, this);
  Ref();
}

Napi::Value DataPlaneObject::command(const Napi::CallbackInfo& info) {
  Napi::Uint8Array bytes = uint8ArrayOf(info[0], "command: a Uint8Array is needed");
  if (bytes.IsEmpty() || !checkOpen(info.Env())) return {};
  return toUint8Array(info.Env(), plane_->command(viewOf(bytes)));
}

Napi::Value DataPlaneObject::scrape(const Napi::CallbackInfo& info) {
  if (!checkOpen(info.Env())) return {};
  uint32_t worker = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : UINT32_MAX;
  if (worker >= plane_->workers()) {
    Napi::RangeError::New(info.Env(), "worker: there is no such worker")
        .ThrowAsJavaScriptException();
    return {};
  }
  values_.clear();
  plane_->scrape(worker, values_);
  Napi::BigUint64Array array = Napi::BigUint64Array::New(info.Env(), values_.size());
  std::copy(values_.begin(), values_.end(), array.Data());
  return array;
}

Napi::Value DataPlaneObject::workers(const Napi::CallbackInfo& info) {
  if (!checkOpen(info.Env())) return {};
  return Napi::Number::New(info.Env(), plane_->workers());
}

Napi::Value DataPlaneObject::close(const Napi::CallbackInfo& info) {
  if (plane_) {
    napi_remove_env_cleanup_hook(environment_, onEnvironmentEnds, this);
    stop();
    Unref();
  }
  return info.Env().Undefined();
}

bool DataPlaneObject::checkOpen(Napi::Env env) const {
  if (plane_) return true;
  Napi::Error::New(env, "the data plane is closed").ThrowAsJavaScriptException();
  return false;
}

void DataPlaneObject::stop() {
  if (!plane_) return;
  // Joins the workers; only then is nobody left to wake the pump.
  plane_.reset();
  pump_->close();
  pump_.reset();
}

void DataPlaneObject::onEnvironmentEnds(void* self) { static_cast<DataPlaneObject*>(self)->stop(); }

}  // namespace mesh::addon

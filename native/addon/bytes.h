// Bytes between JavaScript and C++: borrowed on the way in, copied on the way out.
#pragma once

#include <napi.h>

#include <cstring>
#include <string_view>

namespace mesh::addon {

// Valid as long as the call that `value` was given to.
inline std::string_view viewOf(const Napi::Uint8Array& value) {
  return {reinterpret_cast<const char*>(value.Data()), value.ByteLength()};
}

inline Napi::Uint8Array toUint8Array(Napi::Env env, std::string_view bytes) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(array.Data(), bytes.data(), bytes.size());
  return array;
}

// `value` as a Uint8Array; empty, with a TypeError pending, when it is something else.
inline Napi::Uint8Array uint8ArrayOf(const Napi::Value& value, const char* complaint) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    return value.As<Napi::Uint8Array>();
  }
  Napi::TypeError::New(value.Env(), complaint).ThrowAsJavaScriptException();
  return {};
}

}  // namespace mesh::addon

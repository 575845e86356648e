// What the add-on exports: class DataPlane and versions(). May be loaded by several environments
// of one process (main thread and worker_threads); they share nothing.
#include <napi.h>

#include "addon/commands.h"
#include "contract/versions.h"

// Declared here and not by their headers, which belong to other folders. OpenSSL is node's copy:
// the symbol is resolved when the add-on is loaded. libbpf is there on Linux only, hence weak.
extern "C" {
const char* OpenSSL_version(int type);
__attribute__((weak)) const char* libbpf_version_string(void);
}

namespace mesh::addon {
namespace {

// OPENSSL_VERSION of <openssl/crypto.h>.
constexpr int OPENSSL_VERSION_TEXT_TYPE = 0;

Napi::Value versions(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object versions = Napi::Object::New(env);
  versions.Set("contractHash", std::string(contract::contractHash()));
  versions.Set("protobuf", contract::protobufVersion());
  versions.Set("libbpf", libbpf_version_string == nullptr ? "" : libbpf_version_string());
  versions.Set("openssl", OpenSSL_version(OPENSSL_VERSION_TEXT_TYPE));
  return versions;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("DataPlane", DataPlaneObject::define(env));
  exports.Set("versions", Napi::Function::New<versions>(env, "versions"));
  return exports;
}

}  // namespace
}  // namespace mesh::addon

static Napi::Object initDataplane(Napi::Env env, Napi::Object exports) {
  return mesh::addon::init(env, exports);
}
NODE_API_MODULE(dataplane, initDataplane)

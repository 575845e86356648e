// ClientHellos: every way to split an input gives the same outcome and the same name, a decision is
// never taken back, and a name is what it promises to be.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "fuzz/splits.h"
#include "tls/client-hello.h"

using namespace mesh;
using tls::ClientHelloReader;

namespace {

void checkName(const std::string& name) {
  MESH_CHECK(name.size() < 254);
  for (const char c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    MESH_CHECK(allowed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ClientHelloReader whole;
  const ClientHelloReader::State outcome = whole.read(input);
  checkName(whole.serverName());
  MESH_CHECK(outcome == ClientHelloReader::State::Hello || whole.serverName().empty());
  if (outcome == ClientHelloReader::State::NeedMore) {
    MESH_CHECK(size < tls::MAX_CLIENT_HELLO_BYTES);
  }

  ClientHelloReader parts;
  ClientHelloReader::State last = ClientHelloReader::State::NeedMore;
  for (const size_t end : fuzz::splitsOf(input)) {
    const ClientHelloReader::State state = parts.read(input.substr(0, end));
    MESH_CHECK(last == ClientHelloReader::State::NeedMore || state == last);
    last = state;
  }
  MESH_CHECK(parts.read(input) == outcome);
  MESH_CHECK(parts.serverName() == whole.serverName());
  return 0;
}

// Chunked bodies: every way to split an input gives the same data, trailers and outcome; what was
// accepted and is encoded anew decodes to the same data and trailers.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "fuzz/splits.h"
#include "http1/serializer.h"
#include "http1/split-parsing.h"

using namespace mesh;
using namespace mesh::http1;

namespace {

// As a proxy writes it: one chunk, the trailers as they are handed out.
std::string encoded(const Decoded& body) {
  std::string text;
  if (!body.data.empty()) {
    char size[16];
    Output out(size, sizeof size);
    out.putHex(body.data.size());
    text.append(out.view()).append("\r\n").append(body.data).append("\r\n");
  }
  return text.append("0\r\n").append(body.trailers).append("\r\n");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Decoded whole = decodeInPieces(input, {});
  const Decoded parts = decodeInPieces(input, fuzz::splitsOf(input));
  MESH_CHECK(whole.state == parts.state);
  MESH_CHECK(whole.violation == parts.violation);
  MESH_CHECK(whole.data == parts.data);
  MESH_CHECK(whole.trailers == parts.trailers);
  MESH_CHECK(whole.consumed <= size);
  MESH_CHECK(whole.data.size() <= whole.consumed);
  switch (whole.state) {
    case ParseState::Invalid:
      MESH_CHECK(whole.violation != Violation::None);
      return 0;
    case ParseState::Incomplete:
      // All input is taken: the caller never has to keep any.
      MESH_CHECK(whole.consumed == size);
      return 0;
    case ParseState::Complete:
      break;
  }
  MESH_CHECK(whole.consumed == parts.consumed);
  const std::string text = encoded(whole);
  Limits limits;
  limits.maxHeadBytes = SIZE_MAX;
  const Decoded again = decodeInPieces(text, {}, limits);
  MESH_CHECK(again.state == ParseState::Complete);
  MESH_CHECK(again.consumed == text.size());
  MESH_CHECK(again.data == whole.data);
  MESH_CHECK(again.trailers == whole.trailers);
  return 0;
}

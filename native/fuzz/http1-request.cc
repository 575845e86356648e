// Requests: every way to split an input gives one outcome; what is accepted is forwarded as
// something that is accepted again with the same meaning and the same framing, and forwarding that
// once more changes nothing.
#include <cstdint>
#include <string>

#include "fuzz/invariants.h"
#include "fuzz/splits.h"
#include "http1/framing.h"
#include "http1/serializer.h"
#include "http1/split-parsing.h"

using namespace mesh;
using namespace mesh::http1;

namespace {

constexpr std::string_view FALLBACK_HOST = "fallback.example:8080";

std::string serialized(const RequestHead& head, const Framing& framing, RequestOptions options) {
  options.fallbackHost = FALLBACK_HOST;
  const size_t startLine = head.methodText.size() + head.target.size() + 11;
  std::string buffer(serializedBound(head.fields, startLine), '\0');
  Output out(buffer.data(), buffer.size());
  writeRequestHead(out, head, framing, options);
  MESH_CHECK(!out.overflowed());
  buffer.resize(out.size());
  return buffer;
}

void checkSameFraming(const Framing& a, const Framing& b) {
  MESH_CHECK(a.violation == Violation::None);
  MESH_CHECK(b.violation == Violation::None);
  MESH_CHECK(a.kind == b.kind);
  MESH_CHECK(a.length == b.length);
  MESH_CHECK(a.upgrade == b.upgrade);
  MESH_CHECK(a.expectContinue == b.expectContinue);
}

// What the endpoint will read.
void checkForwarded(const RequestHead& head, const Framing& framing, RequestOptions options) {
  static RequestHead again;
  const std::string sent = serialized(head, framing, options);
  HeadProgress progress;
  Limits limits;
  limits.maxHeadBytes = SIZE_MAX;
  const ParseOutcome outcome = parseRequestHead(sent, limits, progress, again);
  // The proxy may add fields of its own to a full table.
  if (outcome.violation == Violation::TooManyFields) {
    MESH_CHECK(head.fields.count + 3 > MAX_FIELDS);
    return;
  }
  MESH_CHECK(outcome.state == ParseState::Complete);
  MESH_CHECK(outcome.consumed == sent.size());
  MESH_CHECK(again.methodText == head.methodText);
  MESH_CHECK(again.minorVersion == 1);
  const bool rewritten = options.originForm && head.form == TargetForm::Absolute;
  if (!rewritten) {
    MESH_CHECK(again.target == head.target);
    MESH_CHECK(again.path == head.path);
  }
  if (head.fields.find(FieldId::Host) == nullptr && head.authority.empty()) {
    MESH_CHECK(again.authority == FALLBACK_HOST);
  } else {
    MESH_CHECK(again.authority == head.authority);
  }
  MESH_CHECK(again.fields.find(FieldId::L5dClientId) == nullptr);
  const Framing framingAgain = framingOfRequest(again);
  checkSameFraming(framing, framingAgain);
  MESH_CHECK(framingAgain.keepAlive == options.keepAlive);
  MESH_CHECK(serialized(again, framingAgain, options) == sent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static RequestHead head;
  static RequestHead pieces;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Arrival whole = parseInPieces(input, {}, {}, parseRequestHead, head);
  const Arrival parts = parseInPieces(input, fuzz::splitsOf(input), {}, parseRequestHead, pieces);
  fuzz::checkOutcome(whole.outcome, input);
  fuzz::checkSameOutcome(whole.outcome, parts.outcome);
  if (whole.outcome.state != ParseState::Complete) return 0;
  // Detection may not turn away what the parser takes, at any length, but for very long methods.
  for (size_t length = 0; length <= size && head.methodText.size() <= 32; ++length) {
    MESH_CHECK(couldBeRequest(input.substr(0, length)));
  }
  const std::string_view bytes(whole.bytes.get(), size);
  fuzz::checkFields(bytes, head.fields);
  fuzz::checkInside(bytes, head.target);
  fuzz::checkInside(bytes, head.authority);
  fuzz::checkInside(bytes, head.path);
  MESH_CHECK(fuzz::sameFields(head.fields, pieces.fields));
  MESH_CHECK(head.authority == pieces.authority);
  const Framing framing = framingOfRequest(head);
  if (framing.violation != Violation::None) return 0;
  for (const bool originForm : {false, true}) {
    RequestOptions options;
    options.originForm = originForm;
    options.keepAlive = (size & 1) == 0;
    options.keepUpgrade = framing.upgrade;
    checkForwarded(head, framing, options);
  }
  return 0;
}

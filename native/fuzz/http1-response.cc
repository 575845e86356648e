// Responses: every way to split an input gives one outcome; what is accepted reaches the client as
// something that is accepted again with the same meaning and the framing it was given. The first
// byte chooses the request that is answered.
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

struct Asked {
  Method method;
  bool upgrade;
  uint8_t minorVersion;
};

constexpr Asked ASKED[] = {
    {Method::Get, false, 1},     {Method::Get, true, 1},  {Method::Head, false, 1},
    {Method::Connect, false, 1}, {Method::Get, false, 0}, {Method::Head, false, 0},
};

// How a response is relayed by a proxy that keeps the kind of body where the client can read it.
ResponseOptions optionsFor(const Framing& framing, const Asked& asked) {
  ResponseOptions options;
  options.clientMinorVersion = asked.minorVersion;
  options.keepUpgrade = framing.upgrade && asked.method != Method::Connect;
  options.bodyKind = framing.kind;
  if (framing.kind == BodyKind::UntilClose && asked.minorVersion == 1) {
    options.bodyKind = BodyKind::Chunked;
  }
  if (framing.kind == BodyKind::Chunked && asked.minorVersion == 0) {
    options.bodyKind = BodyKind::UntilClose;
  }
  options.keepAlive = framing.keepAlive;
  return options;
}

void checkRelayed(const ResponseHead& head, const Framing& framing, const Asked& asked) {
  static ResponseHead again;
  const ResponseOptions options = optionsFor(framing, asked);
  std::string sent(serializedBound(head.fields, head.reason.size() + 13), '\0');
  Output out(sent.data(), sent.size());
  writeResponseHead(out, head, framing, options);
  MESH_CHECK(!out.overflowed());
  HeadProgress progress;
  Limits limits;
  limits.maxHeadBytes = SIZE_MAX;
  const ParseOutcome outcome = parseResponseHead(out.view(), limits, progress, again);
  if (outcome.violation == Violation::TooManyFields) {
    MESH_CHECK(head.fields.count + 2 > MAX_FIELDS);
    return;
  }
  MESH_CHECK(outcome.state == ParseState::Complete);
  MESH_CHECK(outcome.consumed == out.size());
  MESH_CHECK(again.status == head.status);
  MESH_CHECK(again.reason == head.reason);
  MESH_CHECK(again.fields.find(FieldId::L5dProxyError) == nullptr);
  MESH_CHECK(again.fields.find(FieldId::L5dProxyConnection) == nullptr);
  const Framing framingAgain = framingOfResponse(again, asked.method, asked.upgrade);
  MESH_CHECK(framingAgain.violation == Violation::None);
  MESH_CHECK(framingAgain.kind == options.bodyKind);
  MESH_CHECK(framingAgain.length == framing.length);
  MESH_CHECK(framingAgain.upgrade == framing.upgrade);
  const bool close = !options.keepAlive || options.bodyKind == BodyKind::UntilClose;
  MESH_CHECK(framingAgain.keepAlive == (head.status < 200 || !close));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ResponseHead head;
  static ResponseHead pieces;
  if (size == 0) return 0;
  const Asked& asked = ASKED[data[0] % std::size(ASKED)];
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Arrival whole = parseInPieces(input, {}, {}, parseResponseHead, head);
  const Arrival parts = parseInPieces(input, fuzz::splitsOf(input), {}, parseResponseHead, pieces);
  fuzz::checkOutcome(whole.outcome, input);
  fuzz::checkSameOutcome(whole.outcome, parts.outcome);
  if (whole.outcome.state != ParseState::Complete) return 0;
  const std::string_view bytes(whole.bytes.get(), input.size());
  fuzz::checkFields(bytes, head.fields);
  fuzz::checkInside(bytes, head.reason);
  MESH_CHECK(fuzz::sameFields(head.fields, pieces.fields));
  MESH_CHECK(head.status >= 100);
  MESH_CHECK(head.status <= 999);
  MESH_CHECK(head.reason.find_first_of("\r\n") == std::string_view::npos);
  const Framing framing = framingOfResponse(head, asked.method, asked.upgrade);
  if (framing.violation == Violation::None) checkRelayed(head, framing, asked);
  return 0;
}

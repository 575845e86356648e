// The size line is a machine over bytes, so nothing of it is ever kept; only a trailer section that
// is not empty is collected, to be parsed like any other field lines.
#include "http1/chunked.h"

#include <algorithm>

#include "base/check.h"
#include "http1/characters.h"

namespace mesh::http1 {
namespace {

// 16 digits hold every uint64_t; leading zeros count as digits.
constexpr uint8_t MAX_SIZE_DIGITS = 16;
// Extensions carry nothing for us, so they may not outweigh the data by more than this: else a body
// of a few bytes could keep the proxy reading for ever.
constexpr uint64_t MAX_UNPAID_EXTENSION_BYTES = 8192;

uint64_t hexValue(char c) {
  const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
  return static_cast<uint64_t>(value);
}

// Trailers are rare: a connection must not hold their memory until its end.
void release(std::string& text) { std::string().swap(text); }

bool isBlank(char c) { return c == ' ' || c == '\t'; }

bool startsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equalsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

// RFC 9110 §6.5.1: fields that are acted on before the content cannot come after it. These are
// the ones for framing, routing, authentication and the connection, by name.
bool isForbiddenOther(std::string_view name) {
  constexpr std::string_view NAMES[] = {
      "authorization", "www-authenticate", "cookie",       "set-cookie", "content-encoding",
      "content-type",  "content-range",    "max-forwards", "forwarded",  "via",
  };
  for (const std::string_view forbidden : NAMES) {
    if (equalsIgnoreCase(name, forbidden)) return true;
  }
  return startsWithIgnoreCase(name, "l5d-") || startsWithIgnoreCase(name, "x-forwarded-");
}

}  // namespace

void ChunkedDecoder::reset() {
  state_ = State::Size;
  violation_ = Violation::None;
  digits_ = 0;
  inToken_ = false;
  left_ = 0;
  extensionBytes_ = 0;
  progress_ = {};
  release(line_);
  release(trailers_);
}

ChunkedDecoder::Step ChunkedDecoder::fail(Violation violation, size_t consumed) {
  state_ = State::Failed;
  violation_ = violation;
  return {ParseState::Invalid, consumed, {}, violation};
}

//   Size ──CR──────────────────────────────────────────────► SizeEnd ──LF──► Data or Trailers
//    │ └─BWS─► ExtensionStart ─┐
//    └─';'─────────────────────┴─► ExtensionName ─'='─► ExtensionValue ─'"'─► Quoted ◄─► QuotedPair
//              ▲                     └─BWS─► ExtensionEquals       │            └─'"'─► QuotedEnd
//              └──────────── BWS, ';' or CR after a name, a token or a quoted string ◄──────┘
//
//   Data ─► DataEnd ─CR─► DataEndLf ─LF─► Size          Trailers ─empty line─► Done
ChunkedDecoder::Step ChunkedDecoder::next(std::string_view input) {
  size_t at = 0;
  while (at < input.size()) {
    const char c = input[at];
    switch (state_) {
      case State::Size:
      case State::ExtensionStart:
      case State::ExtensionName:
      case State::ExtensionEquals:
      case State::ExtensionValue:
      case State::Quoted:
      case State::QuotedPair:
      case State::QuotedEnd:
      case State::SizeEnd: {
        const Violation violation = takeSizeLineByte(c);
        if (violation != Violation::None) return fail(violation, at);
        ++at;
        break;
      }
      case State::Data: {
        const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, input.size() - at));
        left_ -= take;
        if (left_ == 0) state_ = State::DataEnd;
        return {ParseState::Incomplete, at + take, input.substr(at, take), Violation::None};
      }
      case State::DataEnd:
        if (c != '\r') return fail(Violation::BadChunkEnd, at);
        state_ = State::DataEndLf;
        ++at;
        break;
      case State::DataEndLf:
        if (c != '\n') return fail(Violation::BadChunkEnd, at);
        state_ = State::Size;
        ++at;
        break;
      case State::Trailers:
        return takeTrailers(input.substr(at), at);
      case State::Done:
        return {ParseState::Complete, at, {}, Violation::None};
      case State::Failed:
        return {ParseState::Invalid, at, {}, violation_};
    }
  }
  if (state_ == State::Done) return {ParseState::Complete, at, {}, Violation::None};
  if (state_ == State::Failed) return {ParseState::Invalid, at, {}, violation_};
  return {ParseState::Incomplete, at, {}, Violation::None};
}

Violation ChunkedDecoder::takeSizeLineByte(char c) {
  if (state_ == State::SizeEnd) return endSizeLine(c);
  if (state_ != State::Size) return takeExtensionByte(c);
  if (isIn(c, HEX)) {
    if (digits_ == MAX_SIZE_DIGITS) return Violation::BadChunkSize;
    left_ = left_ * 16 + hexValue(c);
    ++digits_;
    return Violation::None;
  }
  if (digits_ == 0) return c == '\n' ? Violation::BareLineFeed : Violation::BadChunkSize;
  return afterSize(c, Violation::BadChunkSize);
}

// What may follow a complete size, name, token or quoted string.
Violation ChunkedDecoder::afterSize(char c, Violation otherwise) {
  inToken_ = false;
  if (c == '\r') {
    state_ = State::SizeEnd;
  } else if (c == ';') {
    state_ = State::ExtensionName;
  } else if (isBlank(c)) {
    state_ = State::ExtensionStart;
  } else {
    return c == '\n' ? Violation::BareLineFeed : otherwise;
  }
  return Violation::None;
}

// RFC 9112 §7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ).
Violation ChunkedDecoder::takeExtensionByte(char c) {
  constexpr Violation BAD = Violation::BadChunkExtension;
  if (++extensionBytes_ > MAX_UNPAID_EXTENSION_BYTES) return BAD;
  const bool token = isIn(c, TOKEN);
  switch (state_) {
    case State::ExtensionStart:
      if (isBlank(c)) return Violation::None;
      if (c != ';') return BAD;
      state_ = State::ExtensionName;
      return Violation::None;
    case State::ExtensionName:
      if (token) {
        inToken_ = true;
        return Violation::None;
      }
      if (!inToken_) return isBlank(c) ? Violation::None : BAD;
      if (c == '=') {
        inToken_ = false;
        state_ = State::ExtensionValue;
        return Violation::None;
      }
      if (isBlank(c)) {
        inToken_ = false;
        state_ = State::ExtensionEquals;
        return Violation::None;
      }
      return afterSize(c, BAD);
    case State::ExtensionEquals:
      if (isBlank(c)) return Violation::None;
      if (c != '=' && c != ';') return BAD;
      state_ = c == '=' ? State::ExtensionValue : State::ExtensionName;
      return Violation::None;
    case State::ExtensionValue:
      if (token) {
        inToken_ = true;
        return Violation::None;
      }
      if (inToken_) return afterSize(c, BAD);
      if (isBlank(c)) return Violation::None;
      if (c != '"') return BAD;
      state_ = State::Quoted;
      return Violation::None;
    case State::Quoted:
      if (c == '"') {
        state_ = State::QuotedEnd;
      } else if (c == '\\') {
        state_ = State::QuotedPair;
      } else if (!isIn(c, QUOTED)) {
        return BAD;
      }
      return Violation::None;
    case State::QuotedPair:
      if (!isIn(c, VALUE)) return BAD;
      state_ = State::Quoted;
      return Violation::None;
    case State::QuotedEnd:
      return afterSize(c, BAD);
    case State::Size:
    case State::SizeEnd:
    case State::Data:
    case State::DataEnd:
    case State::DataEndLf:
    case State::Trailers:
    case State::Done:
    case State::Failed:
      break;
  }
  MESH_CHECK(false);
  return BAD;
}

Violation ChunkedDecoder::endSizeLine(char c) {
  if (c != '\n') return Violation::BareCarriageReturn;
  digits_ = 0;
  state_ = left_ == 0 ? State::Trailers : State::Data;
  extensionBytes_ -= std::min(extensionBytes_, left_);
  return Violation::None;
}

// `consumed` bytes of the step's input came before `input`, which is not empty.
ChunkedDecoder::Step ChunkedDecoder::takeTrailers(std::string_view input, size_t consumed) {
  if (line_.empty() && input.substr(0, 2) == "\r\n") {
    state_ = State::Done;
    return {ParseState::Complete, consumed + 2, {}, Violation::None};
  }
  // Never more than can be a trailer section within the limits.
  const size_t kept = line_.size();
  const std::string_view added = input.substr(0, std::max(limits_.maxHeadBytes, kept) - kept);
  line_.append(added);
  FieldTable fields;
  const ParseOutcome outcome = parseFields(line_, limits_, progress_, fields);
  switch (outcome.state) {
    case ParseState::Invalid:
      return fail(outcome.violation, consumed);
    case ParseState::Incomplete:
      return {ParseState::Incomplete, consumed + added.size(), {}, Violation::None};
    case ParseState::Complete:
      break;
  }
  const Violation violation = keepTrailers(fields);
  if (violation != Violation::None) return fail(violation, consumed);
  state_ = State::Done;
  return {ParseState::Complete, consumed + outcome.consumed - kept, {}, Violation::None};
}

Violation ChunkedDecoder::keepTrailers(const FieldTable& fields) {
  for (const Field& field : fields) {
    if (field.id != FieldId::Other || isForbiddenOther(field.name)) return Violation::BadTrailer;
  }
  for (const Field& field : fields) {
    trailers_.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  release(line_);
  return Violation::None;
}

}  // namespace mesh::http1

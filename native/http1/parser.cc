// The head parser reads strictly from left to right: a violation depends only on the bytes up to
// the one that shows it, and what needs the whole head (Host) comes last. So every way to split an
// input gives the same outcome. A head that arrives whole takes one pass. Of one that arrives in
// parts, complete lines are checked as they come, a run of characters that the input ends in is
// continued where it stopped, and when the head is complete a second pass takes the views.
#include "http1/parser.h"

#include <algorithm>

#include "http1/characters.h"
#include "http1/target.h"

namespace mesh::http1 {
namespace {

// RFC 9112 §2.2 asks for at least one; two is what old clients send after a body.
constexpr int MAX_EMPTY_LINES = 2;
constexpr size_t VERSION_BYTES = 8;  // HTTP/1.1

enum class Verdict : uint8_t { Done, More, Bad };

struct Reader {
  const char* at;
  const char* end;
  Violation violation = Violation::None;
  CharacterClass run = 0;
  size_t hosts = 0;
  std::string_view host{};

  Verdict bad(Violation why) {
    violation = why;
    return Verdict::Bad;
  }
  Verdict more(CharacterClass in = 0) {
    run = in;
    return Verdict::More;
  }
};

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<size_t>(to - from)};
}

bool isLineEnd(char c) { return c == '\r' || c == '\n'; }

// CR LF, or `otherwise` when there is something else.
Verdict readLineEnd(Reader& reader, Violation otherwise) {
  if (reader.at == reader.end) return reader.more();
  if (*reader.at == '\n') return reader.bad(Violation::BareLineFeed);
  if (*reader.at != '\r') return reader.bad(otherwise);
  if (reader.end - reader.at < 2) return reader.more();
  if (reader.at[1] != '\n') return reader.bad(Violation::BareCarriageReturn);
  reader.at += 2;
  return Verdict::Done;
}

// HTTP-version, RFC 9112 §2.3: case-sensitive, one digit on each side.
Verdict readVersion(Reader& reader, Violation notAVersion, uint8_t& minorVersion) {
  constexpr std::string_view PREFIX = "HTTP/";
  const size_t have = static_cast<size_t>(reader.end - reader.at);
  const size_t common = std::min(have, PREFIX.size());
  if (PREFIX.substr(0, common) != between(reader.at, reader.at + common)) {
    return reader.bad(notAVersion);
  }
  if (have > 5 && !isIn(reader.at[5], DIGIT)) return reader.bad(Violation::BadVersion);
  if (have > 6 && reader.at[6] != '.') return reader.bad(Violation::BadVersion);
  if (have < VERSION_BYTES) return reader.more();
  if (!isIn(reader.at[7], DIGIT)) return reader.bad(Violation::BadVersion);
  const bool known = reader.at[5] == '1' && (reader.at[7] == '0' || reader.at[7] == '1');
  if (!known) return reader.bad(Violation::UnsupportedVersion);
  minorVersion = static_cast<uint8_t>(reader.at[7] - '0');
  reader.at += VERSION_BYTES;
  return Verdict::Done;
}

Method methodOf(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::Get;
      return text == "PUT" ? Method::Put : Method::Other;
    case 4:
      if (text == "POST") return Method::Post;
      return text == "HEAD" ? Method::Head : Method::Other;
    case 5:
      if (text == "PATCH") return Method::Patch;
      return text == "TRACE" ? Method::Trace : Method::Other;
    case 6:
      return text == "DELETE" ? Method::Delete : Method::Other;
    case 7:
      if (text == "OPTIONS") return Method::Options;
      return text == "CONNECT" ? Method::Connect : Method::Other;
    default:
      return Method::Other;
  }
}

Verdict skipEmptyLines(Reader& reader) {
  for (int lines = 0; reader.at != reader.end && isLineEnd(*reader.at); ++lines) {
    if (lines == MAX_EMPTY_LINES) return reader.bad(Violation::BadStartLine);
    const Verdict verdict = readLineEnd(reader, Violation::BadStartLine);
    if (verdict != Verdict::Done) return verdict;
  }
  return Verdict::Done;
}

Verdict readMethod(Reader& reader, std::string_view& method) {
  const char* start = reader.at;
  reader.at = skipRun(start, reader.end, TOKEN);
  if (reader.at == reader.end) return reader.more(TOKEN);
  if (*reader.at != ' ' || reader.at == start) {
    return reader.bad(isLineEnd(*reader.at) ? Violation::BadStartLine : Violation::BadMethod);
  }
  method = between(start, reader.at);
  ++reader.at;
  return Verdict::Done;
}

Verdict readTarget(Reader& reader, std::string_view& target) {
  const char* start = reader.at;
  reader.at = skipRun(start, reader.end, PATH);
  CharacterClass run = PATH;
  if (reader.at != reader.end && *reader.at == '?') {
    reader.at = skipRun(reader.at, reader.end, QUERY);
    run = QUERY;
  }
  if (reader.at == reader.end) return reader.more(run);
  // A line that ends here is HTTP/0.9.
  if (isLineEnd(*reader.at)) return reader.bad(Violation::BadStartLine);
  if (*reader.at != ' ' || reader.at == start) return reader.bad(Violation::BadTarget);
  target = between(start, reader.at);
  ++reader.at;
  return Verdict::Done;
}

struct RequestStart {
  RequestHead& head;
  Verdict operator()(Reader& reader) const {
    Verdict verdict = skipEmptyLines(reader);
    if (verdict == Verdict::Done) verdict = readMethod(reader, head.methodText);
    if (verdict == Verdict::Done) verdict = readTarget(reader, head.target);
    if (verdict == Verdict::Done) {
      verdict = readVersion(reader, Violation::BadVersion, head.minorVersion);
    }
    if (verdict == Verdict::Done) verdict = readLineEnd(reader, Violation::BadVersion);
    if (verdict != Verdict::Done) return verdict;
    head.method = methodOf(head.methodText);
    // The head may have been one of HTTP/2 before, and its text may be gone.
    head.majorVersion = 1;
    head.scheme = head.protocol = {};
    const Violation violation = resolveTarget(head);
    return violation == Violation::None ? Verdict::Done : reader.bad(violation);
  }
};

// RFC 9112 §4. Servers that leave the reason out often leave its space out too: both are read.
struct ResponseStart {
  ResponseHead& head;
  Verdict operator()(Reader& reader) const {
    const Verdict version = readVersion(reader, Violation::BadStartLine, head.minorVersion);
    if (version != Verdict::Done) return version;
    constexpr int STATUS_BYTES = 4;  // SP and three digits
    const ptrdiff_t have = std::min<ptrdiff_t>(reader.end - reader.at, STATUS_BYTES);
    if (have > 0 && *reader.at != ' ') return reader.bad(Violation::BadVersion);
    for (ptrdiff_t i = 1; i < have; ++i) {
      const char digit = reader.at[i];
      if (!isIn(digit, DIGIT) || (i == 1 && digit == '0')) return reader.bad(Violation::BadStatus);
    }
    if (have < STATUS_BYTES) return reader.more();
    head.status = static_cast<uint16_t>((reader.at[1] - '0') * 100 + (reader.at[2] - '0') * 10 +
                                        (reader.at[3] - '0'));
    reader.at += STATUS_BYTES;
    head.reason = {};
    if (reader.at == reader.end) return reader.more();
    if (*reader.at == ' ') {
      const char* start = ++reader.at;
      reader.at = skipValue(start, reader.end);
      if (reader.at == reader.end) return reader.more(VALUE);
      head.reason = between(start, reader.at);
      return readLineEnd(reader, Violation::BadStartLine);
    }
    return readLineEnd(reader, Violation::BadStatus);
  }
};

// A trailer section has no start line.
struct NoStart {
  Verdict operator()(Reader&) const { return Verdict::Done; }
};

std::string_view trimmed(const char* from, const char* to) {
  while (from != to && (*from == ' ' || *from == '\t')) ++from;
  while (from != to && (to[-1] == ' ' || to[-1] == '\t')) --to;
  return between(from, to);
}

Verdict readField(Reader& reader, Field& field) {
  const char* start = reader.at;
  reader.at = skipRun(start, reader.end, TOKEN);
  if (reader.at == reader.end) return reader.more(TOKEN);
  if (*reader.at != ':' || reader.at == start) return reader.bad(Violation::BadFieldName);
  const std::string_view name = between(start, reader.at);
  const char* valueStart = ++reader.at;
  reader.at = skipValue(valueStart, reader.end);
  if (reader.at == reader.end) return reader.more(VALUE);
  const char* valueEnd = reader.at;
  const Verdict verdict = readLineEnd(reader, Violation::BadFieldValue);
  if (verdict != Verdict::Done) return verdict;
  field.name = name;
  field.value = trimmed(valueStart, valueEnd);
  field.id = fieldIdOf(name);
  return Verdict::Done;
}

// Field lines and the empty line after them, from a line start. `lineStart` follows the lines done.
Verdict readFields(Reader& reader, FieldTable& fields, size_t maxFields, size_t& count,
                   const char*& lineStart) {
  for (;;) {
    lineStart = reader.at;
    if (reader.at == reader.end) return reader.more();
    const char first = *reader.at;
    if (isLineEnd(first)) return readLineEnd(reader, Violation::BadFieldName);
    if (first == ' ' || first == '\t') {
      // Before the first field there is nothing to fold into: RFC 9112 §2.2.
      return reader.bad(count == 0 ? Violation::BadFieldName : Violation::ObsoleteFolding);
    }
    if (count == maxFields) return reader.bad(Violation::TooManyFields);
    Field& field = fields.items[count];
    const Verdict verdict = readField(reader, field);
    if (verdict != Verdict::Done) return verdict;
    if (field.id == FieldId::Host && reader.hosts++ == 0) reader.host = field.value;
    ++count;
  }
}

// `target` may be cut short anywhere.
bool couldBeTarget(std::string_view method, std::string_view target) {
  if (target.empty() || target.front() == '/' || method == "CONNECT") return true;
  if (target.front() == '*') return method == "OPTIONS" && target.size() == 1;
  for (const std::string_view scheme :
       {std::string_view("http://"), std::string_view("https://")}) {
    const size_t common = std::min(scheme.size(), target.size());
    if (equalsIgnoreCase(target.substr(0, common), scheme.substr(0, common))) return true;
  }
  return false;
}

ParseOutcome invalid(Violation violation) { return {ParseState::Invalid, 0, violation}; }

// Nothing more can be said before more bytes come. A head that is not complete at the limit never
// will be.
ParseOutcome incomplete(const Limits& limits, std::string_view input, HeadProgress& progress) {
  if (input.size() >= limits.maxHeadBytes) return invalid(Violation::HeadTooLarge);
  progress.scanned = input.size();
  return {};
}

// `readStart` reads the start line, `finish` checks what needs the whole head.
template <typename ReadStart, typename Finish>
ParseOutcome parse(std::string_view input, const Limits& limits, HeadProgress& progress,
                   FieldTable& fields, ReadStart readStart, Finish finish) {
  const std::string_view visible = input.substr(0, limits.maxHeadBytes);
  const char* begin = visible.data();
  const char* end = begin + visible.size();
  const size_t maxFields = std::min(limits.maxFields, MAX_FIELDS);
  if (progress.run != 0 && progress.scanned <= visible.size() &&
      skipRun(begin + progress.scanned, end, progress.run) == end) {
    return incomplete(limits, visible, progress);
  }
  for (;;) {
    const bool resumed = progress.lineStart != 0;
    Reader reader{begin + progress.lineStart, end};
    Verdict verdict = resumed ? Verdict::Done : readStart(reader);
    if (verdict == Verdict::Done) {
      const char* lineStart = reader.at;
      verdict = readFields(reader, fields, maxFields, progress.fields, lineStart);
      progress.lineStart = static_cast<size_t>(lineStart - begin);
    }
    if (verdict == Verdict::Bad) return invalid(reader.violation);
    if (verdict == Verdict::More) {
      progress.run = reader.run;
      return incomplete(limits, visible, progress);
    }
    const size_t count = progress.fields;
    progress = {};
    if (resumed) continue;
    fields.count = count;
    const Violation violation = finish(reader);
    if (violation != Violation::None) return invalid(violation);
    return {ParseState::Complete, static_cast<size_t>(reader.at - begin), Violation::None};
  }
}

}  // namespace

ParseOutcome parseRequestHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                              RequestHead& head) {
  return parse(
      input, limits, progress, head.fields, RequestStart{head},
      [&head](const Reader& reader) { return resolveHost(head, reader.hosts, reader.host); });
}

ParseOutcome parseResponseHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                               ResponseHead& head) {
  return parse(input, limits, progress, head.fields, ResponseStart{head},
               [](const Reader&) { return Violation::None; });
}

ParseOutcome parseFields(std::string_view input, const Limits& limits, HeadProgress& progress,
                         FieldTable& fields) {
  return parse(input, limits, progress, fields, NoStart{},
               [](const Reader&) { return Violation::None; });
}

bool couldBeRequest(std::string_view input) {
  constexpr ptrdiff_t MAX_METHOD_BYTES = 32;
  Reader reader{input.data(), input.data() + input.size()};
  Verdict verdict = skipEmptyLines(reader);
  if (verdict != Verdict::Done) return verdict == Verdict::More;
  const char* methodStart = reader.at;
  std::string_view method;
  verdict = readMethod(reader, method);
  // A finished method is followed by its space, which is read with it.
  if (reader.at - methodStart > MAX_METHOD_BYTES + 1) return false;
  if (verdict != Verdict::Done) return verdict == Verdict::More;
  const char* targetStart = reader.at;
  std::string_view target;
  verdict = readTarget(reader, target);
  if (verdict == Verdict::Bad) return false;
  if (verdict == Verdict::More) return couldBeTarget(method, between(targetStart, reader.at));
  if (!couldBeTarget(method, target)) return false;
  constexpr std::string_view VERSION = "HTTP/";
  return between(reader.at, reader.end).substr(0, VERSION.size()) ==
         VERSION.substr(0, static_cast<size_t>(reader.end - reader.at));
}

}  // namespace mesh::http1

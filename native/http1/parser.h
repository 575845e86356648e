// Strict HTTP/1.0 and 1.1 head parser. Parses in place: the views of the result point into the
// input. Stateless: a caller with an incomplete head keeps its bytes, and calls again with more;
// `HeadProgress` keeps that linear. A head that arrives whole is looked at once; nothing malformed
// is repaired, and what is wrong is said at its first wrong byte, however the bytes were split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/head.h"
#include "http1/violation.h"

namespace mesh::http1 {

struct Limits {
  size_t maxHeadBytes = 65536;    // start line, fields and the empty line
  size_t maxFields = MAX_FIELDS;  // ≤ MAX_FIELDS
};

enum class ParseState : uint8_t { Complete, Incomplete, Invalid };

struct ParseOutcome {
  ParseState state = ParseState::Incomplete;
  size_t consumed = 0;                    // bytes of the head, when complete
  Violation violation = Violation::None;  // when invalid
};

// What is known about a head that is still arriving. Reset between messages. Has no pointers: the
// bytes may move between two calls.
struct HeadProgress {
  size_t scanned = 0;    // bytes seen so far
  size_t lineStart = 0;  // the lines before it are complete and right
  size_t fields = 0;     // field lines among them
  uint8_t run = 0;       // class of the run of characters that the input ended in, or 0
};

// `input` starts at the first byte of the message. Empty lines before a request line are skipped
// and counted in `consumed` (RFC 9112 §2.2, at most two). Host, target form and field syntax are
// checked here; framing is checked by framingOfRequest.
ParseOutcome parseRequestHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                              RequestHead& head);
ParseOutcome parseResponseHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                               ResponseHead& head);

// Field lines up to and including the empty line (trailers). Same syntax and limits.
ParseOutcome parseFields(std::string_view input, const Limits& limits, HeadProgress& progress,
                         FieldTable& fields);

// True when the bytes so far can be the beginning of an HTTP/1 request: a method token of up to 32
// bytes, a space, a target of a form the method allows, a space, "HTTP/" … as far as they go. For
// protocol detection: what is malformed only after that is HTTP all the same, to be refused with
// a reason. The HTTP/2 preface is not HTTP/1.
bool couldBeRequest(std::string_view input);

}  // namespace mesh::http1

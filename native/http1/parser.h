// Strict HTTP/1.0 and 1.1 head parser. Parses in place: the views of the result point into the
// input. Stateless: a caller with an incomplete head keeps its bytes, and calls again with more;
// `HeadProgress` keeps that linear. Every byte of a head is checked once; nothing malformed is
// repaired.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/head.h"
#include "http1/violation.h"

namespace mesh::http1 {

struct Limits {
  size_t maxHeadBytes = 65536;   // start line, fields and the empty line
  size_t maxFields = MAX_FIELDS; // ≤ MAX_FIELDS
};

enum class ParseState : uint8_t { Complete, Incomplete, Invalid };

struct ParseOutcome {
  ParseState state = ParseState::Incomplete;
  size_t consumed = 0;                       // bytes of the head, when complete
  Violation violation = Violation::None;     // when invalid
};

// What is known about a head that is still arriving. Reset between messages.
struct HeadProgress {
  size_t scanned = 0;
};

// `input` starts at the first byte of the message. Empty lines before a request line are skipped
// and counted in `consumed` (RFC 9112 §2.2, at most two). Host, target form and field syntax are checked here;
// framing is checked by framingOfRequest.
ParseOutcome parseRequestHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                              RequestHead& head);
ParseOutcome parseResponseHead(std::string_view input, const Limits& limits, HeadProgress& progress,
                               ResponseHead& head);

// Field lines up to and including the empty line (trailers). Same syntax and limits.
ParseOutcome parseFields(std::string_view input, const Limits& limits, HeadProgress& progress,
                         FieldTable& fields);

// True when the bytes so far can be the beginning of an HTTP/1 request: a method token, a space,
// a target … as far as they go. For protocol detection.
bool couldBeRequest(std::string_view input);

}  // namespace mesh::http1

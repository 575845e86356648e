// The rules of RFC 9110 and 9112 that a peer can break, each with its section. The proxy has no
// lenient mode: any of these ends the connection after a 400 (431 for the two limits, 505 for the
// version), and the name is the detail of the reason.
#pragma once

#include <cstdint>
#include <string_view>

namespace mesh::http1 {

enum class Violation : uint8_t {
  None,
  BadStartLine,        // RFC 9112 §3, §4
  BadMethod,           // RFC 9110 §9.1: not a token
  BadTarget,           // RFC 9112 §3.2: form not allowed for the method, or forbidden byte
  BadVersion,          // RFC 9112 §2.3: not HTTP/d.d
  UnsupportedVersion,  // well-formed, but neither 1.0 nor 1.1
  BadStatus,           // RFC 9112 §4
  BadFieldName,        // RFC 9110 §5.1: not a token (also white space before the colon)
  BadFieldValue,       // RFC 9110 §5.5: NUL, CR, LF or another control byte
  ObsoleteFolding,     // RFC 9112 §5.2
  BareCarriageReturn,  // RFC 9112 §2.2
  BareLineFeed,        // RFC 9112 §2.2: allowed to be accepted, refused here
  HeadTooLarge,
  TooManyFields,  // fields, or options in Connection
  MissingHost,    // RFC 9112 §3.2: HTTP/1.1 without Host
  DuplicateHost,
  BadHost,              // RFC 9110 §7.2: not uri-host [":" port]
  HostMismatch,         // Host differs from the authority of an absolute-form target
  BadContentLength,     // RFC 9110 §8.6: not 1*DIGIT, too large, or more than one
  BadTransferEncoding,  // RFC 9112 §6.1: anything but a single "chunked"
  LengthAndEncoding,    // RFC 9112 §6.1: both Content-Length and Transfer-Encoding
  EncodingInHttp10,     // RFC 9112 §6.1: Transfer-Encoding in an HTTP/1.0 message
  BadChunkSize,         // RFC 9112 §7.1
  BadChunkExtension,    // RFC 9112 §7.1.1
  BadChunkEnd,          // RFC 9112 §7.1: data not followed by CRLF
  BadTrailer,           // RFC 9110 §6.5.1: a field not allowed in trailers
  BadExpectation,       // RFC 9110 §10.1.1: anything but 100-continue
  ForbiddenBody,        // RFC 9110 §9.3.6, §9.3.8: a body with CONNECT or TRACE
};

// Stable, in lower case: "bad_content_length".
std::string_view violationName(Violation violation);

}  // namespace mesh::http1

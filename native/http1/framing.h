// How the body of a message is delimited: RFC 9112 §6.3, without its lenient alternatives.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"
#include "http1/violation.h"

namespace mesh::http1 {

enum class BodyKind : uint8_t { None, Length, Chunked, UntilClose };

struct Framing {
  BodyKind kind = BodyKind::None;
  uint64_t length = 0;     // with Length
  bool keepAlive = false;  // the peer lets the connection live on after this message
  bool upgrade =
      false;  // request: has Upgrade (other than exactly h2c) and Connection: upgrade, HTTP/1.1
              // response: 101, or 2xx to CONNECT
  bool expectContinue = false;  // request with a body: Expect: 100-continue (HTTP/1.1)
  Violation violation = Violation::None;
};

// The options that one message may list in its Connection fields; more are TooManyFields.
constexpr size_t MAX_CONNECTION_OPTIONS = 64;

// 1*DIGIT that fits (RFC 9110 §8.6).
std::optional<uint64_t> parseContentLength(std::string_view value);

Framing framingOfRequest(const RequestHead& head);
// `requestMethod` and `requestUpgrade` are of the request this answers. 1xx (but 101), 204 and 304
// and answers to HEAD have no body whatever their fields say.
Framing framingOfResponse(const ResponseHead& head, Method requestMethod, bool requestUpgrade);

}  // namespace mesh::http1

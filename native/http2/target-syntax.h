// What the pseudo-fields of a request may be (RFC 9113 §8.3.1, RFC 3986): as strict as the HTTP/1
// parser, because the same requests go on over HTTP/1 and are routed by the same rules.
#pragma once

#include <string_view>

#include "http/head.h"

namespace mesh::http2 {

Method methodOf(std::string_view text);

// uri-host [":" port]: a host that is not empty, no user information, a port of at most 65535.
bool isAuthority(std::string_view text);
// With a port that is not empty and not 0 (RFC 9113 §8.5).
bool isConnectAuthority(std::string_view text);
// "/…" with the bytes that a target may have.
bool isOriginPath(std::string_view text);

}  // namespace mesh::http2

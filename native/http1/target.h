// What a request is for: the form of its target and its authority (RFC 9112 §3.2, RFC 3986 §3.2).
// For the parser; what it finds is in RequestHead.
#pragma once

#include <string_view>

#include "http/head.h"
#include "http1/violation.h"

namespace mesh::http1 {

// uri-host [":" port] without user information. All of it may be empty (RFC 9112 §3.2 allows an
// empty Host), the port after a host too (RFC 3986 §3.2.3); a port is at most 65535.
bool isAuthority(std::string_view text);

// Fills form, authority and path from `target`, which is not empty and whose bytes are already
// known to be allowed, and `method`.
Violation resolveTarget(RequestHead& head);

// Checks the Host field against version and target, and takes the authority from it where the
// target has none. `hosts` is the number of Host fields, `host` the value of the first.
Violation resolveHost(RequestHead& head, size_t hosts, std::string_view host);

}  // namespace mesh::http1

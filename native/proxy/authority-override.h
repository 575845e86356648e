// Requests to an endpoint that is asked under another authority than the client wrote (reference
// §4.14): it takes the place of theirs in the target, `Host` and `l5d-dst-canonical` are taken
// out. For requests of any version, before they are written, and for HTTP/1 heads that are.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"

namespace mesh {

// `head` then has views into `authority` and `target`, which must outlive its use.
void overrideAuthority(RequestHead& head, std::string_view authority, std::string& target);

// A head as http1::writeRequestHead writes it, to its empty line, with another authority.
std::string withAuthority(std::string_view head, std::string_view authority);

}  // namespace mesh

// The name of a server as a ClientHello has it: what is a DNS name, and how it is written here.
#pragma once

#include <cstddef>
#include <string>

namespace mesh::tls {

// RFC 1035 §2.3.4, and a final dot.
constexpr size_t MAX_SERVER_NAME_BYTES = 254;

// Puts a name into lower case and takes a final dot off; empties what is no DNS name, an IP address
// included (RFC 6066 §3 forbids those). Underscores are allowed: names of services have them.
void canonicalServerName(std::string& name);

}  // namespace mesh::tls

// The parts of an authority (RFC 3986 §3.2) that mean the same in every version of HTTP.
#pragma once

#include <string_view>

namespace mesh {

// An address as it stands between brackets.
bool isIpv6(std::string_view text);
// Up to five digits that are at most 65535; none is allowed too (RFC 3986 §3.2.3).
bool isPort(std::string_view text);

// An IPv6 address keeps its brackets; the port is empty when there is none.
struct HostAndPort {
  std::string_view host;
  std::string_view port;
};
// Of host[:port], whatever it consists of.
HostAndPort splitAuthority(std::string_view authority);

}  // namespace mesh

// See authority.h.
#include "http/authority.h"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>

namespace mesh {

bool isIpv6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr address;
  return inet_pton(AF_INET6, copy, &address) == 1;
}

bool isPort(std::string_view text) {
  constexpr size_t MAX_DIGITS = 5;
  if (text.size() > MAX_DIGITS) return false;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 65535;
}

HostAndPort splitAuthority(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

}  // namespace mesh

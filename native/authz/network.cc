// See network.h.
#include "authz/network.h"

#include <string_view>

namespace mesh::authz {

bool Network::contains(const SocketAddress& other) const {
  if (!address.valid() || address.family() != other.family()) return false;
  const std::string_view mine = address.ipBytes();
  const std::string_view theirs = other.ipBytes();
  const size_t whole = prefixLength / 8;
  if (mine.substr(0, whole) != theirs.substr(0, whole)) return false;
  const unsigned rest = prefixLength % 8;
  if (rest == 0) return true;
  const auto differing = static_cast<uint8_t>(mine[whole] ^ theirs[whole]);
  return differing >> (8 - rest) == 0;
}

bool NetworkMatch::contains(const SocketAddress& address) const {
  if (!network.contains(address)) return false;
  for (const Network& one : except) {
    if (one.contains(address)) return false;
  }
  return true;
}

}  // namespace mesh::authz

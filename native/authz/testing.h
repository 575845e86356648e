// Addresses and networks in few words, for tests of this folder. Not part of the product.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "authz/network.h"

namespace mesh::authz {

// "192.0.2.1" or "[2001:db8::1]".
inline SocketAddress address(const std::string& ip) {
  const std::optional<SocketAddress> parsed = SocketAddress::parse(ip + ":1234");
  REQUIRE(parsed);
  return *parsed;
}
inline Network network(const std::string& ip, uint8_t prefixLength) {
  return {.address = address(ip).withPort(0), .prefixLength = prefixLength};
}

}  // namespace mesh::authz

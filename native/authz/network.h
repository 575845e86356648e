// Sets of addresses: networks in CIDR form, each with the networks that are left out of it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/socket-address.h"

namespace mesh::authz {

struct Network {
  SocketAddress address;     // the port means nothing
  uint8_t prefixLength = 0;  // at most 32 or 128; bits beyond it mean nothing

  // Never for an address of the other family: a peer has one spelling (socket-address.h).
  bool contains(const SocketAddress& other) const;
  bool operator==(const Network&) const = default;
};

struct NetworkMatch {
  Network network;
  std::vector<Network> except;

  bool contains(const SocketAddress& address) const;
  bool operator==(const NetworkMatch&) const = default;
};

}  // namespace mesh::authz

// Which addresses are in a network, bit by bit.
#include "authz/network.h"

#include <doctest/doctest.h>

#include "authz/testing.h"

namespace mesh::authz {
namespace {

TEST_CASE("a network has the addresses whose first bits are its own") {
  struct Row {
    const char* network;
    uint8_t prefixLength;
    const char* address;
    bool in;
  };
  for (const Row& row : {
           Row{"10.1.2.3", 32, "10.1.2.3", true},
           Row{"10.1.2.3", 32, "10.1.2.2", false},
           Row{"10.1.2.3", 31, "10.1.2.2", true},
           Row{"10.1.2.3", 24, "10.1.2.255", true},
           Row{"10.1.2.3", 24, "10.1.3.0", false},
           Row{"10.0.0.0", 9, "10.127.255.255", true},
           Row{"10.0.0.0", 9, "10.128.0.0", false},
           Row{"10.0.0.0", 8, "11.0.0.0", false},
           Row{"128.0.0.0", 1, "255.255.255.255", true},
           Row{"128.0.0.0", 1, "127.255.255.255", false},
           Row{"0.0.0.0", 0, "192.0.2.1", true},
           Row{"[2001:db8::]", 32, "[2001:db8:ffff::1]", true},
           Row{"[2001:db8::]", 32, "[2001:db9::1]", false},
           Row{"[fe80::]", 10, "[febf::1]", true},
           Row{"[fe80::]", 10, "[fec0::1]", false},
           Row{"[::1]", 128, "[::1]", true},
           Row{"[::1]", 128, "[::2]", false},
           Row{"[::]", 0, "[2001:db8::1]", true},
           // Of the other family, whatever the bits.
           Row{"0.0.0.0", 0, "[::1]", false},
           Row{"[::]", 0, "192.0.2.1", false},
       }) {
    CAPTURE(row.network);
    CAPTURE(row.prefixLength);
    CAPTURE(row.address);
    CHECK(network(row.network, row.prefixLength).contains(address(row.address)) == row.in);
  }
}

TEST_CASE("no network has an address that is none") {
  CHECK_FALSE(network("0.0.0.0", 0).contains(SocketAddress()));
  CHECK_FALSE(Network().contains(SocketAddress()));
}

TEST_CASE("what is left out of a network is not in it") {
  const NetworkMatch match{.network = network("10.0.0.0", 8),
                           .except = {network("10.1.0.0", 16), network("10.2.0.0", 16)}};
  CHECK(match.contains(address("10.0.0.1")));
  CHECK_FALSE(match.contains(address("10.1.0.1")));
  CHECK_FALSE(match.contains(address("10.2.0.1")));
  CHECK(match.contains(address("10.3.0.1")));
  CHECK_FALSE(match.contains(address("11.0.0.1")));
}

}  // namespace
}  // namespace mesh::authz

// Tables of what the parts of an authority may be.
#include "http/authority.h"

#include <doctest/doctest.h>

using namespace mesh;

TEST_CASE("a port is at most five digits and at most 65535") {
  for (const std::string_view good : {"", "0", "80", "65535", "00080"}) {
    CAPTURE(good);
    CHECK(isPort(good));
  }
  for (const std::string_view bad : {"65536", "000080", "8a", "-1", "+1", " 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(isPort(bad));
  }
}

TEST_CASE("an IPv6 address has no zone and no brackets") {
  for (const std::string_view good : {"::", "::1", "fe80::1", "::ffff:127.0.0.1"}) {
    CAPTURE(good);
    CHECK(isIpv6(good));
  }
  for (const std::string_view bad : {"", "1", "127.0.0.1", "[::1]", "fe80::1%eth0", "::1 "}) {
    CAPTURE(bad);
    CHECK_FALSE(isIpv6(bad));
  }
}

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

TEST_CASE("the port of an authority comes after the brackets of an address") {
  struct Row {
    std::string_view authority;
    std::string_view host;
    std::string_view port;
  };
  for (const Row& row :
       {Row{"web", "web", ""}, Row{"web:80", "web", "80"}, Row{"web:", "web", ""},
        Row{"[::1]", "[::1]", ""}, Row{"[::1]:80", "[::1]", "80"}, Row{"", "", ""}}) {
    CAPTURE(row.authority);
    const HostAndPort parts = splitAuthority(row.authority);
    CHECK(parts.host == row.host);
    CHECK(parts.port == row.port);
  }
}

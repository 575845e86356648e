// Authorities and the counting of connections.
#include "proxy/destination.h"

#include <doctest/doctest.h>

using namespace mesh;

TEST_CASE("authorities are compared in lower case and with their port") {
  Destination destination;
  destination.authorities = {{"web.mesh", {.targetId = 1}},
                             {"web.mesh:8080", {.targetId = 2}},
                             {"[2001:db8::1]", {.targetId = 3}}};
  std::string canonical;
  REQUIRE(canonicalAuthority("WEB.mesh:8080", canonical));
  CHECK(findAuthority(destination, canonical).targetId == 2);
  CHECK(findAuthority(destination, "web.mesh").targetId == 1);
  CHECK(findAuthority(destination, "web.mesh:81").targetId == 0);
  CHECK(findAuthority(destination, "[2001:db8::1]").targetId == 3);
  CHECK(findAuthority(destination, "other").targetId == 0);
}

TEST_CASE("an empty or absurdly long authority is none") {
  std::string canonical;
  CHECK_FALSE(canonicalAuthority("", canonical));
  CHECK_FALSE(canonicalAuthority(std::string(301, 'a'), canonical));
}

TEST_CASE("a hold counts its connection until it is gone, and moving counts once") {
  auto destination = std::make_shared<Destination>();
  destination->use = std::make_shared<DestinationUse>();
  destination->use->reported = true;
  {
    DestinationHold first(destination, 5);
    DestinationHold second = std::move(first);
    CHECK(destination->use->connections == 1);
    CHECK(destination->use->lastUsedMs == 5);
    CHECK_FALSE(destination->use->reported);
    second = DestinationHold(destination, 6);
    CHECK(destination->use->connections == 1);
  }
  CHECK(destination->use->connections == 0);
}

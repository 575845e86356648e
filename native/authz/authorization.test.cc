// Whom an authorization allows (reference §3.7).
#include "authz/authorization.h"

#include <doctest/doctest.h>

#include "authz/testing.h"

namespace mesh::authz {
namespace {

constexpr std::string_view WEB = "web.shop.serviceaccount.identity.linkerd.cluster.local";

AuthorizationSpec everywhere(Authentication authentication) {
  return {.networks = {{.network = network("0.0.0.0", 0), .except = {}},
                       {.network = network("[::]", 0), .except = {}}},
          .authentication = authentication};
}

bool allowsIdentity(const AuthorizationSpec& spec, std::string_view identity) {
  return Authorization(spec).allows(
      {.address = address("10.0.0.1"), .meshTls = true, .identity = identity});
}

TEST_CASE("a client must be in one of the networks") {
  const Authorization authorization(
      {.networks = {{.network = network("10.0.0.0", 8), .except = {network("10.9.0.0", 16)}},
                    {.network = network("[::1]", 128), .except = {}}}});
  CHECK(authorization.allows({.address = address("10.0.0.1")}));
  CHECK_FALSE(authorization.allows({.address = address("10.9.0.1")}));
  CHECK(authorization.allows({.address = address("[::1]")}));
  CHECK_FALSE(authorization.allows({.address = address("192.0.2.1")}));
}

TEST_CASE("without networks nobody is allowed") {
  CHECK_FALSE(Authorization(AuthorizationSpec()).allows({.address = address("127.0.0.1")}));
}

TEST_CASE("an address left out of one network may be in another") {
  const Authorization authorization(
      {.networks = {{.network = network("10.0.0.0", 8), .except = {network("10.9.0.0", 16)}},
                    {.network = network("10.9.1.0", 24), .except = {}}}});
  CHECK(authorization.allows({.address = address("10.9.1.1")}));
  CHECK_FALSE(authorization.allows({.address = address("10.9.2.1")}));
}

TEST_CASE("what TLS must have said depends on the authentication") {
  struct Row {
    Authentication authentication;
    bool clear;
    bool tls;
    bool known;
  };
  for (const Row& row : {Row{Authentication::Anyone, true, true, true},
                         Row{Authentication::MeshTls, false, true, true},
                         Row{Authentication::Identity, false, false, true}}) {
    AuthorizationSpec spec = everywhere(row.authentication);
    spec.identities = {std::string(WEB)};
    const Authorization authorization(spec);
    const SocketAddress from = address("10.0.0.1");
    CHECK(authorization.allows({.address = from}) == row.clear);
    CHECK(authorization.allows({.address = from, .meshTls = true}) == row.tls);
    CHECK(authorization.allows({.address = from, .meshTls = true, .identity = WEB}) == row.known);
  }
}

TEST_CASE("a name that no TLS vouches for is nobody's") {
  AuthorizationSpec spec = everywhere(Authentication::Identity);
  spec.identities = {std::string(WEB)};
  CHECK_FALSE(Authorization(spec).allows({.address = address("10.0.0.1"), .identity = WEB}));
}

TEST_CASE("identities match exactly") {
  AuthorizationSpec spec = everywhere(Authentication::Identity);
  spec.identities = {"a.b.c", "spiffe://mesh/web"};
  CHECK(allowsIdentity(spec, "a.b.c"));
  CHECK(allowsIdentity(spec, "spiffe://mesh/web"));
  for (const std::string_view other :
       {"b.c", "x.a.b.c", "a.b.c.", "A.b.c", "spiffe://mesh/web/x", "spiffe://mesh/we", ""}) {
    CAPTURE(other);
    CHECK_FALSE(allowsIdentity(spec, other));
  }
}

TEST_CASE("suffixes are of whole labels, and never of URIs") {
  AuthorizationSpec spec = everywhere(Authentication::Identity);
  spec.identitySuffixes = {"shop.local", "cluster"};
  for (const std::string_view allowed : {"web.shop.local", "a.b.shop.local", "x.cluster"}) {
    CAPTURE(allowed);
    CHECK(allowsIdentity(spec, allowed));
  }
  for (const std::string_view other :
       {"shop.local", ".shop.local", "webshop.local", "web.shop.loca", "web.shop.local.x",
        "spiffe://x.shop.local"}) {
    CAPTURE(other);
    CHECK_FALSE(allowsIdentity(spec, other));
  }
}

TEST_CASE("the empty suffix is for every name, but for no URI and not for nobody") {
  AuthorizationSpec spec = everywhere(Authentication::Identity);
  spec.identitySuffixes = {""};
  CHECK(allowsIdentity(spec, "anything"));
  CHECK(allowsIdentity(spec, WEB));
  CHECK_FALSE(allowsIdentity(spec, "spiffe://mesh/web"));
  CHECK_FALSE(allowsIdentity(spec, ""));
}

TEST_CASE("an authorization still knows its identities after it was moved") {
  AuthorizationSpec spec = everywhere(Authentication::Identity);
  spec.identities = {"a.b", std::string(WEB)};
  std::vector<Authorization> many;
  many.emplace_back(spec);
  many.emplace_back(spec);
  many.emplace_back(spec);
  for (const std::string_view identity : {std::string_view("a.b"), WEB}) {
    CHECK(many[0].allows({.address = address("10.0.0.1"), .meshTls = true, .identity = identity}));
  }
}

}  // namespace
}  // namespace mesh::authz

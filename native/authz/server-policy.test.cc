// Which authorization decides, and when the buckets of a port are new.
#include "authz/server-policy.h"

#include <doctest/doctest.h>

#include "authz/testing.h"

namespace mesh::authz {
namespace {

AuthorizationSpec from(uint32_t id, const std::string& ip, uint8_t prefixLength) {
  return {.id = id, .networks = {{.network = network(ip, prefixLength), .except = {}}}};
}

ServerPolicySpec limited(uint32_t perSecond) {
  return {.id = 7,
          .name = "server/web",
          .authorizations = {from(1, "10.0.0.0", 8)},
          .rateLimit = RateLimitSpec{.id = 9, .totalPerSecond = perSecond}};
}

TEST_CASE("the first authorization that allows a client decides, among those of the route") {
  const ServerPolicy policy({.id = 7,
                             .name = "server/web",
                             .authorizations = {from(1, "10.0.0.0", 8), from(2, "10.1.0.0", 16),
                                                from(3, "127.0.0.0", 8)}});
  const Client client{.address = address("10.1.0.1")};
  const auto permit = [&](std::vector<uint32_t> indexes) { return policy.permit(indexes, client); };
  REQUIRE(permit({0, 1}) != nullptr);
  CHECK(permit({0, 1})->id() == 1);
  REQUIRE(permit({2, 1, 0}) != nullptr);
  CHECK(permit({2, 1, 0})->id() == 2);
  CHECK(permit({2}) == nullptr);
  CHECK(permit({}) == nullptr);
}

TEST_CASE("without a rate limit every request goes on") {
  ServerPolicySpec spec = limited(1);
  spec.rateLimit.reset();
  ServerPolicy policy(spec);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(policy.limit({}, 1'000));
  CHECK(policy.rateLimitId() == 0);
}

TEST_CASE("tables that say the same of a server share its buckets") {
  PolicyRegistry registry;
  const auto one = registry.get(limited(2));
  const auto other = registry.get(limited(2));
  CHECK(one == other);
  CHECK_FALSE(one->limit({}, 1'000));
  CHECK_FALSE(other->limit({}, 1'000));
  CHECK(one->limit({}, 1'000));
  CHECK(one->rateLimitId() == 9);
}

TEST_CASE("another policy of the same server starts with full buckets") {
  PolicyRegistry registry;
  const auto before = registry.get(limited(1));
  CHECK_FALSE(before->limit({}, 1'000));
  ServerPolicySpec changed = limited(1);
  changed.authorizations.push_back(from(2, "0.0.0.0", 0));
  const auto after = registry.get(changed);
  CHECK(after != before);
  CHECK_FALSE(after->limit({}, 1'000));
  CHECK(after->limit({}, 1'000));
  // Back again is another change.
  CHECK_FALSE(registry.get(limited(1))->limit({}, 1'000));
}

TEST_CASE("a policy that nobody has is forgotten") {
  PolicyRegistry registry;
  CHECK_FALSE(registry.get(limited(1))->limit({}, 1'000));
  CHECK_FALSE(registry.get(limited(1))->limit({}, 1'000));
}

}  // namespace
}  // namespace mesh::authz

// The policy of a server in a route table: a full one comes out as it went in, each field that is
// wrong is named.
#include "contract.pb.h"
#include "contract/commands.h"

#include <doctest/doctest.h>
#include <google/protobuf/text_format.h>

#include <string>

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;

Result<Command, CommandError> decode(const std::string& text) {
  pb::Command message;
  REQUIRE(google::protobuf::TextFormat::ParseFromString("put_route_table { id: 1 " + text + " }",
                                                        &message));
  return decodeCommand(message.SerializeAsString());
}

const std::string ANYWHERE = "networks { network { ip: '\\0\\0\\0\\0' } } ";
const std::string ONE = "authorizations { id: 2 " + ANYWHERE + "} ";

TEST_CASE("a server policy comes out as it went in") {
  auto command = decode(R"(
    rules { id: 5 authorizations: [1, 0] }
    tcp { id: 6 authorizations: [1] }
    server {
      id: 1 name: "server/web"
      authorizations {
        id: 2 name: "authorization/near"
        networks {
          network { ip: "\012\0\0\0" prefix_length: 8 }
          except { ip: "\012\001\0\0" prefix_length: 16 }
          except { ip: "\012\002\0\0" prefix_length: 16 }
        }
        networks { network { ip: "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\001" prefix_length: 128 } }
      }
      authorizations {
        id: 3 name: "authorization/known" audit: true authentication: IDENTITY
        networks { network { ip: "\0\0\0\0" } }
        identities: ["a.b", "spiffe://c"] identity_suffixes: ["", "d"]
      }
      rate_limit {
        id: 4 total_per_second: 100 identity_per_second: 10
        overrides { per_second: 5 identities: ["e", "f"] }
        overrides { identities: ["g"] }
      }
    })");
  if (!command.ok()) FAIL(command.error().field << ' ' << command.error().message);
  const auto& table = *std::get_if<route::TableSpec>(&command.value());
  CHECK(table.rules.at(0).authorizations == std::vector<uint32_t>{1, 0});
  REQUIRE(table.tcp);
  CHECK(table.tcp->authorizations == std::vector<uint32_t>{1});
  REQUIRE(table.server);
  const authz::ServerPolicySpec& server = *table.server;
  CHECK(server.id == 1);
  CHECK(server.name == "server/web");
  REQUIRE(server.authorizations.size() == 2);
  const authz::AuthorizationSpec& near = server.authorizations[0];
  CHECK(near.id == 2);
  CHECK(near.name == "authorization/near");
  CHECK(near.authentication == authz::Authentication::Anyone);
  CHECK_FALSE(near.audit);
  REQUIRE(near.networks.size() == 2);
  CHECK(near.networks[0].network.address.ipToString() == "10.0.0.0");
  CHECK(near.networks[0].network.prefixLength == 8);
  REQUIRE(near.networks[0].except.size() == 2);
  CHECK(near.networks[0].except[1].address.ipToString() == "10.2.0.0");
  CHECK(near.networks[1].network.prefixLength == 128);
  const authz::AuthorizationSpec& known = server.authorizations[1];
  CHECK(known.authentication == authz::Authentication::Identity);
  CHECK(known.audit);
  CHECK(known.identities == std::vector<std::string>{"a.b", "spiffe://c"});
  CHECK(known.identitySuffixes == std::vector<std::string>{"", "d"});
  REQUIRE(server.rateLimit);
  CHECK(server.rateLimit->id == 4);
  CHECK(server.rateLimit->totalPerSecond == 100);
  CHECK(server.rateLimit->identityPerSecond == 10);
  REQUIRE(server.rateLimit->overrides.size() == 2);
  CHECK(server.rateLimit->overrides[0].perSecond == 5);
  CHECK(server.rateLimit->overrides[0].identities == std::vector<std::string>{"e", "f"});
  CHECK(server.rateLimit->overrides[1].perSecond == 0);
}

TEST_CASE("a table without a policy has none, and a policy may allow nobody") {
  auto without = decode("");
  REQUIRE(without.ok());
  CHECK_FALSE(std::get_if<route::TableSpec>(&without.value())->server);
  auto nobody = decode("rules { id: 5 } tcp { id: 6 } server { id: 1 }");
  REQUIRE(nobody.ok());
  CHECK(std::get_if<route::TableSpec>(&nobody.value())->server->authorizations.empty());
}

TEST_CASE("a server policy: a bad field is named") {
  const auto server = [](const std::string& text) { return "server { id: 1 " + text + " }"; };
  const auto one = [&](const std::string& text) {
    return server("authorizations { id: 2 " + text + " }");
  };
  const auto limit = [&](const std::string& text) {
    return server("rate_limit { id: 4 " + text + " }");
  };
  struct Row {
    const char* field;
    std::string text;
  };
  const Row rows[] = {
      {"server.id", "server { }"},
      {"server.authorizations[0].id", server("authorizations { " + ANYWHERE + " }")},
      {"server.authorizations[0].networks", one("")},
      {"server.authorizations[1].networks", server(ONE + "authorizations { id: 3 }")},
      {"server.authorizations[0].networks[0].network", one("networks { }")},
      {"server.authorizations[0].networks[0].network.ip",
       one("networks { network { ip: '123' } }")},
      {"server.authorizations[0].networks[0].network.prefix_length",
       one("networks { network { ip: '1234' prefix_length: 33 } }")},
      {"server.authorizations[0].networks[0].except[0].prefix_length",
       one("networks { network { ip: '1234' } except { ip: '1234567890123456' prefix_length: 129 } "
           "}")},
      {"server.authorizations[0].authentication", one(ANYWHERE + "authentication: 3")},
      {"server.authorizations[0].identities", one(ANYWHERE + "authentication: IDENTITY")},
      {"server.authorizations[0].identities", one(ANYWHERE + "identities: 'a'")},
      {"server.authorizations[0].identity_suffixes",
       one(ANYWHERE + "authentication: MESH_TLS identity_suffixes: 'a'")},
      {"server.authorizations[0].identities[1]",
       one(ANYWHERE + "authentication: IDENTITY identities: ['a', '']")},
      {"server.rate_limit.id", server("rate_limit { }")},
      {"server.rate_limit.overrides[0].identities", limit("overrides { }")},
      {"server.rate_limit.overrides[0].identities[0]", limit("overrides { identities: '' }")},
      {"server.rate_limit.overrides[1].identities[0]",
       limit("overrides { identities: 'a' } overrides { identities: 'a' }")},
      {"rules[0].authorizations[0]", "rules { id: 1 authorizations: 0 }"},
      {"rules[0].authorizations[1]", "rules { id: 1 authorizations: [0, 1] } " + server(ONE)},
      {"tcp.authorizations[0]", "tcp { id: 1 authorizations: 1 } " + server(ONE)},
      {"tls", "tls { host: 'a' route { id: 1 } } " + server(ONE)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto command = decode(row.text);
    REQUIRE(!command.ok());
    CHECK(command.error().field == "put_route_table." + std::string(row.field));
    CHECK(!command.error().message.empty());
  }
}

}  // namespace
}  // namespace mesh::contract

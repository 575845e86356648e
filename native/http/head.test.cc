// Names, lists and tables of fields, apart from any message.
#include "http/head.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace mesh;

namespace {

const std::vector<std::pair<std::string, FieldId>> KNOWN = {
    {"Connection", FieldId::Connection},
    {"Content-Length", FieldId::ContentLength},
    {"Transfer-Encoding", FieldId::TransferEncoding},
    {"Host", FieldId::Host},
    {"Upgrade", FieldId::Upgrade},
    {"Keep-Alive", FieldId::KeepAlive},
    {"Proxy-Connection", FieldId::ProxyConnection},
    {"TE", FieldId::Te},
    {"Trailer", FieldId::Trailer},
    {"Expect", FieldId::Expect},
    {"Proxy-Authorization", FieldId::ProxyAuthorization},
    {"Proxy-Authenticate", FieldId::ProxyAuthenticate},
    {"HTTP2-Settings", FieldId::Http2Settings},
    {"l5d-client-id", FieldId::L5dClientId},
    {"L5D-Client-Anything", FieldId::L5dClientId},
    {"l5d-proxy-error", FieldId::L5dProxyError},
    {"l5d-proxy-connection", FieldId::L5dProxyConnection},
    {"l5d-orig-proto", FieldId::L5dOrigProto},
};

}  // namespace

TEST_CASE("every field the proxy acts on is known in any case") {
  for (const auto& known : KNOWN) {
    const std::string& name = known.first;
    const FieldId id = known.second;
    CAPTURE(name);
    CHECK(fieldIdOf(name) == id);
    std::string other = name;
    for (char& c : other) {
      if (c >= 'a' && c <= 'z') {
        c = static_cast<char>(c - 32);
      } else if (c >= 'A' && c <= 'Z') {
        c = static_cast<char>(c + 32);
      }
    }
    CHECK(fieldIdOf(other) == id);
  }
}

TEST_CASE("a name that differs in one byte or in length from a known one is an ordinary field") {
  for (const auto& [name, id] : KNOWN) {
    if (id == FieldId::L5dClientId) continue;
    for (size_t i = 0; i < name.size(); ++i) {
      std::string changed = name;
      changed[i] = '_';
      CAPTURE(changed);
      CHECK(fieldIdOf(changed) == FieldId::Other);
    }
    CHECK(fieldIdOf(name + "s") == FieldId::Other);
    CHECK(fieldIdOf(name.substr(0, name.size() - 1)) == FieldId::Other);
  }
  CHECK(fieldIdOf("") == FieldId::Other);
  CHECK(fieldIdOf("l5d-client-") == FieldId::Other);
  CHECK(fieldIdOf("l5d-dst-override") == FieldId::Other);
}

TEST_CASE("letters that differ only in bit five from another character are not taken for it") {
  CHECK(fieldIdOf("Keep\rAlive") == FieldId::Other);
  CHECK_FALSE(equalsIgnoreCase("[", "{"));
  CHECK_FALSE(equalsIgnoreCase("@", "`"));
  CHECK(equalsIgnoreCase("aZ[9", "Az[9"));
  CHECK_FALSE(equalsIgnoreCase("a", "ab"));
}

TEST_CASE("find gives the first field of a kind within the count") {
  FieldTable fields;
  fields.items[0] = {"a", "1", FieldId::Other};
  fields.items[1] = {"TE", "2", FieldId::Te};
  fields.items[2] = {"TE", "3", FieldId::Te};
  fields.items[3] = {"Host", "4", FieldId::Host};
  fields.count = 3;
  REQUIRE(fields.find(FieldId::Te) != nullptr);
  CHECK(fields.find(FieldId::Te)->value == "2");
  CHECK(fields.find(FieldId::Host) == nullptr);
}

TEST_CASE("a list is read member by member without empty ones and white space") {
  ListMembers members(" ,a ,\t, b c,, d");
  std::vector<std::string> found;
  for (std::string_view member; members.next(member);) found.emplace_back(member);
  CHECK(found == std::vector<std::string>{"a", "b c", "d"});
}

TEST_CASE("a token in a list is compared whole and without case") {
  CHECK(listHasToken("keep-alive, Upgrade", "upgrade"));
  CHECK(listHasToken("CLOSE", "close"));
  CHECK_FALSE(listHasToken("closed", "close"));
  CHECK_FALSE(listHasToken("clo,se", "close"));
  CHECK_FALSE(listHasToken("", "close"));
}

TEST_CASE("fields are taken out by their id and the others keep their order") {
  FieldTable fields;
  CHECK(fields.add("a", "1"));
  CHECK(fields.add("host", "x", FieldId::Host));
  CHECK(fields.add("b", "2"));
  CHECK(fields.add("Host", "y", FieldId::Host));
  fields.remove(FieldId::Host);
  REQUIRE(fields.count == 2);
  CHECK(fields.items[0].name == "a");
  CHECK(fields.items[1].name == "b");
}

TEST_CASE("a table that is full takes no further field") {
  FieldTable fields;
  for (size_t i = 0; i < MAX_FIELDS; ++i) REQUIRE(fields.add("a", "1"));
  CHECK_FALSE(fields.add("b", "2"));
  CHECK(fields.count == MAX_FIELDS);
}

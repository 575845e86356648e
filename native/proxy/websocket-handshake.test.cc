// The example of RFC 6455 §1.3, and what does not agree.
#include "proxy/websocket-handshake.h"

#include <doctest/doctest.h>

using namespace mesh;

namespace {
constexpr std::string_view EXAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view EXAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

bool agrees(std::string_view upgrade, std::string_view accept) {
  ResponseHead head;
  head.fields.add("Upgrade", upgrade, FieldId::Upgrade);
  if (!accept.empty()) head.fields.add("Sec-WebSocket-Accept", accept);
  return agreesToWebsocket(head, EXAMPLE_KEY);
}
}  // namespace

TEST_CASE("the answer to a key is the one of the standard") {
  CHECK(websocketAccept(EXAMPLE_KEY) == EXAMPLE_ACCEPT);
}

TEST_CASE("a key is sixteen bytes, and another each time") {
  Random random(1);
  const std::string one = websocketKey(random);
  CHECK(one.size() == 24);
  CHECK(one.ends_with("=="));
  CHECK(websocketKey(random) != one);
}

TEST_CASE("a 101 agrees by the protocol's name and the right answer to the key") {
  CHECK(agrees("websocket", EXAMPLE_ACCEPT));
  CHECK(agrees("WebSocket", EXAMPLE_ACCEPT));
  CHECK_FALSE(agrees("h2c", EXAMPLE_ACCEPT));
  CHECK_FALSE(agrees("websocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="));
  CHECK_FALSE(agrees("websocket", ""));
}

TEST_CASE("an extended CONNECT becomes the GET of a handshake with the proxy's own key") {
  RequestHead head;
  head.method = Method::Connect;
  head.methodText = "CONNECT";
  head.path = "/chat";
  head.protocol = "websocket";
  head.fields.add("sec-websocket-key", "the client's");
  head.fields.add("origin", "http://a");
  REQUIRE(askForWebsocket(head, EXAMPLE_KEY));
  CHECK(head.methodText == "GET");
  CHECK(head.target == "/chat");
  REQUIRE(head.fields.count == 3);
  CHECK(head.fields.items[0].name == "origin");
  CHECK(head.fields.items[1].value == "websocket");
  CHECK(head.fields.items[2].value == EXAMPLE_KEY);
}

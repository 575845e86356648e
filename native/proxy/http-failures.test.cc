// Which requests are sent again when the connection they were on dies, and to whom.
#include "proxy/testing.h"

using namespace mesh;
using namespace mesh::testing;

namespace {
std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
}
const std::string OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A worker, a server and one client connection through the proxy.
struct Scene {
  TestServer server;
  TestWorker worker{testSettings()};
  SocketAddress proxy = worker.serve(contract::Protocol::Http1, server.address());
  TestPeer client = TestPeer::connectTo(proxy);
};

// The one of two servers that a connection waits at first.
TestServer& firstAsked(TestServer& one, TestServer& other) {
  for (;;) {
    if (one.waits(1)) return one;
    if (other.waits(1)) return other;
  }
}
}  // namespace

TEST_CASE("a reused connection that dies under an idempotent request is replayed once") {
  Scene scene;
  scene.client.send(get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(OK);
  CHECK(scene.client.receiveUntil("ok") == OK);
  scene.client.send(get("/2"));
  app.receiveUntil("\r\n\r\n");
  SUBCASE("the second connection answers") {
    app.close();
    TestPeer again = scene.server.accept();
    CHECK(again.receiveUntil("\r\n\r\n").starts_with("GET /2 "));
    again.send(OK);
    CHECK(scene.client.receiveUntil("ok") == OK);
  }
  SUBCASE("the second connection dies too: one replay and no more") {
    app.close();
    TestPeer again = scene.server.accept();
    again.receiveUntil("\r\n\r\n");
    again.close();
    CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
    CHECK_FALSE(scene.server.waits(0));
  }
  SUBCASE("an answer had begun: no replay") {
    app.send("HTTP/1.1 200");
    app.close();
    CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
    CHECK_FALSE(scene.server.waits(0));
  }
}

TEST_CASE("a request whose new connection dies is sent to another endpoint, once") {
  Scene scene;
  TestServer other;
  scene.worker.addEndpoint(1, other.address());
  scene.client.send(get("/1"));
  TestServer& first = firstAsked(scene.server, other);
  TestServer& second = &first == &other ? scene.server : other;
  TestPeer app = first.accept();
  app.receiveUntil("\r\n\r\n");
  app.close();
  TestPeer again = second.accept();
  CHECK(again.receiveUntil("\r\n\r\n").starts_with("GET /1 "));
  SUBCASE("which answers") {
    again.send(OK);
    CHECK(scene.client.receiveUntil("ok") == OK);
  }
  SUBCASE("which fails as well: that is the answer") {
    again.close();
    CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
    CHECK_FALSE(first.waits(0));
  }
}

TEST_CASE("with one endpoint alone the failure of a new connection is the answer") {
  Scene scene;
  scene.client.send(get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.close();
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("a request that is not idempotent is never sent twice") {
  Scene scene;
  scene.client.send(get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(OK);
  CHECK(scene.client.receiveUntil("ok") == OK);
  scene.client.send("POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1");
  app.receiveUntil("\r\n\r\n1");
  app.close();
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(scene.server.waits(0));
}

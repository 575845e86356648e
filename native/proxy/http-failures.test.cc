// Which requests are sent again when the connection they were on dies, and to whom.
#include "proxy/testing-http1.h"

using namespace mesh;
using namespace mesh::testing;

TEST_CASE("a reused connection that dies under an idempotent request is replayed once") {
  Http1Scene scene;
  scene.client.send(http1Get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  scene.client.send(http1Get("/2"));
  app.receiveUntil("\r\n\r\n");
  SUBCASE("the second connection answers") {
    app.close();
    TestPeer again = scene.server.accept();
    CHECK(again.receiveUntil("\r\n\r\n").starts_with("GET /2 "));
    again.send(HTTP1_OK);
    CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
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
  Http1Scene scene;
  TestServer other;
  scene.worker.addEndpoint(1, other.address());
  scene.client.send(http1Get("/1"));
  TestServer& first = firstAsked(scene.server, other);
  TestServer& second = &first == &other ? scene.server : other;
  TestPeer app = first.accept();
  app.receiveUntil("\r\n\r\n");
  app.close();
  TestPeer again = second.accept();
  CHECK(again.receiveUntil("\r\n\r\n").starts_with("GET /1 "));
  SUBCASE("which answers") {
    again.send(HTTP1_OK);
    CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  }
  SUBCASE("which fails as well: that is the answer") {
    again.close();
    CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
    CHECK_FALSE(first.waits(0));
  }
}

TEST_CASE("with one endpoint alone the failure of a new connection is the answer") {
  Http1Scene scene;
  scene.client.send(http1Get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.close();
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("a request that is not idempotent is never sent twice") {
  Http1Scene scene;
  scene.client.send(http1Get("/1"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  scene.client.send("POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1");
  app.receiveUntil("\r\n\r\n1");
  app.close();
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK_FALSE(scene.server.waits(0));
}

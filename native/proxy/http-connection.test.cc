// Requests and responses between a real client and a real server socket, faults included.
#include "proxy/http-connection.h"

#include "proxy/testing-http1.h"

using namespace mesh;
using namespace mesh::testing;

TEST_CASE("keep-alive requests go over one endpoint connection") {
  Http1Scene scene;
  scene.client.send(http1Get("/1"));
  TestPeer app = scene.server.accept();
  for (int request = 0; request < 3; ++request) {
    app.receiveUntil("\r\n\r\n");
    app.send(HTTP1_OK);
    CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
    if (request < 2) scene.client.send(http1Get("/next"));
  }
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("pipelined requests are answered in order") {
  Http1Scene scene;
  scene.client.send(http1Get("/a") + http1Get("/b") + http1Get("/c"));
  TestPeer app = scene.server.accept();
  for (const std::string path : {"/a", "/b", "/c"}) {
    CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET " + path + " "));
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path);
  }
  const std::string all = scene.client.receiveUntil("/c");
  CHECK(all.find("/a") < all.find("/b"));
  CHECK(all.find("/b") < all.find("/c"));
}

TEST_CASE("interim responses are relayed to HTTP/1.1 clients and kept from HTTP/1.0 clients") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n";
  SUBCASE("1.1") {
    Http1Scene scene;
    scene.client.send(http1Get("/"));
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    app.send(interim);
    CHECK(scene.client.receiveUntil("\r\n\r\n") == interim);
    app.send(HTTP1_OK);
    CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  }
  SUBCASE("1.0") {
    Http1Scene scene;
    scene.client.send("GET / HTTP/1.0\r\n\r\n");
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    app.send(interim + HTTP1_OK);
    const std::string all = scene.client.receiveAll();
    CHECK(all.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(all.ends_with("ok"));
  }
}

TEST_CASE("Expect: 100-continue is the endpoint's to answer") {
  Http1Scene scene;
  scene.client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  TestPeer app = scene.server.accept();
  CHECK(app.receiveUntil("\r\n\r\n").find("Expect: 100-continue\r\n") != std::string::npos);
  app.send("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(scene.client.receiveUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  scene.client.send("body");
  CHECK(app.receive(4) == "body");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
}

TEST_CASE("a final answer to Expect: 100-continue says that the connection ends") {
  Http1Scene scene;
  scene.client.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 400\r\n\r\n");
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  CHECK(scene.client.receiveUntil("\r\n\r\n").find("Connection: close\r\n") != std::string::npos);
}

TEST_CASE("an upgrade turns into bytes both ways, with what came early on either side") {
  Http1Scene scene;
  scene.client.send(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
  TestPeer app = scene.server.accept();
  CHECK(app.receiveUntil("\r\n\r\n").find("Upgrade: echo\r\n") != std::string::npos);
  app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi");
  CHECK(scene.client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK(scene.client.receive(2) == "hi");
  CHECK(app.receive(5) == "early");
  scene.client.send("GET not http any more");
  CHECK(app.receive(21) == "GET not http any more");
  app.finish();
  CHECK(scene.client.receiveAll().empty());
}

TEST_CASE("a refused upgrade is an ordinary response") {
  Http1Scene scene;
  scene.client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  scene.client.send(http1Get("/2"));
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET /2 "));
}

TEST_CASE("a 101 nobody asked for is a malformed response") {
  Http1Scene scene;
  scene.client.send(http1Get("/"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::MalformedResponse);
}

TEST_CASE("a connection the endpoint closed while idle is not used again") {
  Http1Scene scene;
  scene.client.send(http1Get("/1"));
  {
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    app.send(HTTP1_OK);
    CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  }
  scene.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1");
  TestPeer again = scene.server.accept();
  again.receiveUntil("\r\n\r\n1");
  again.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
}

TEST_CASE("a response that ends too early is never taken for a complete one") {
  Http1Scene scene;
  scene.client.send(http1Get("/"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(scene.client.receiveUntil("half").ends_with("half"));
  app.close();
  CHECK(scene.client.receiveAll() == "<reset>");
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::EndpointClosed);
}

TEST_CASE("malformed requests are answered 400 with the rule they break") {
  Http1Scene scene;
  scene.client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string response = scene.client.receiveAll();
  CHECK(response.starts_with("HTTP/1.1 400 "));
  CHECK(response.find("length_and_encoding") != std::string::npos);
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::MalformedRequest);
  CHECK(failure.method == "POST");
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("a head over the limit is answered 431") {
  Http1Scene scene;
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (head.size() < 70'000) head += "x-filler: " + std::string(1'000, 'f') + "\r\n";
  scene.client.send(head + "\r\n");
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 431 "));
}

TEST_CASE("a head that does not arrive in time is answered 408") {
  contract::Settings settings = testSettings();
  settings.requestHeadTimeoutMs = 50;
  Http1Scene scene(settings);
  scene.client.send("GET / HTTP/1.1\r\nHo");
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 408 "));
}

TEST_CASE("an idle keep-alive connection is closed without an error") {
  contract::Settings settings = testSettings();
  settings.clientIdleTimeoutMs = 50;
  Http1Scene scene(settings);
  CHECK(scene.client.receiveAll().empty());
}

TEST_CASE("a response head that does not come in time is answered 504") {
  Http1Scene scene;
  contract::PutTarget target = testTarget(1);
  target.responseTimeoutMs = 50;
  scene.worker.putTarget(target);
  scene.client.send(http1Get("/"));
  TestPeer app = scene.server.accept();
  CHECK(scene.client.receiveAll().starts_with("HTTP/1.1 504 "));
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::ResponseHeadersTimeout);
}

TEST_CASE("an early answer ends the connection but still arrives") {
  Http1Scene scene;
  scene.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
  TestPeer app = scene.server.accept();
  app.receiveUntil("start");
  app.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!");
  CHECK(scene.client.receiveUntil("no!").starts_with("HTTP/1.1 413 "));
  scene.client.finish();
  CHECK(scene.client.receiveAll().empty());
}

TEST_CASE("an endpoint that answers early and keeps its connection gets the whole body") {
  Http1Scene scene;
  scene.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n1234");
  TestPeer app = scene.server.accept();
  app.receiveUntil("1234");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveUntil("ok") == HTTP1_OK);
  scene.client.send("5678" + http1Get("/next"));
  CHECK(app.receive(4) == "5678");
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET /next "));
}

TEST_CASE("an endpoint that answers early and closes ends the upload") {
  Http1Scene scene;
  scene.client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n1234");
  TestPeer app = scene.server.accept();
  app.receiveUntil("1234");
  app.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
  CHECK(scene.client.receiveUntil("no!").starts_with("HTTP/1.1 413 "));
  CHECK(scene.client.receiveAll().empty());
}

TEST_CASE("a client that has said all may still wait for its answer") {
  Http1Scene scene;
  scene.client.send(http1Get("/"));
  scene.client.finish();
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  CHECK(scene.client.receiveAll() == HTTP1_OK);
}

TEST_CASE("requests go by authority, and unknown ones to the default target") {
  Http1Scene scene;
  TestServer other;
  scene.worker.putTarget(testTarget(2));
  scene.worker.addEndpoint(2, other.address());
  scene.worker.putDestination({.id = 1,
                               .direction = Direction::Outbound,
                               .address = {},
                               .protocol = contract::Protocol::Http1,
                               .detectTimeoutMs = 0,
                               .targetId = 1,
                               .authorities = {{"other.mesh", 2}},
                               .discoverAuthorities = true});
  scene.client.send("GET / HTTP/1.1\r\nHost: Other.Mesh\r\n\r\n");
  TestPeer app = other.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  scene.client.receiveUntil("ok");
  scene.client.send(http1Get("/"));
  TestPeer fallback = scene.server.accept();
  CHECK(fallback.receiveUntil("\r\n\r\n").starts_with("GET / "));
  CHECK(scene.worker.await<contract::DiscoverAuthority>().authority == "web.mesh");
}

TEST_CASE("draining answers what is under way and then closes") {
  Http1Scene scene;
  scene.client.send(http1Get("/"));
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  std::promise<void> drained;
  scene.worker.run([&](Worker& worker) { worker.drain(10'000, [&] { drained.set_value(); }); });
  app.send(HTTP1_OK);
  const std::string all = scene.client.receiveAll();
  CHECK(all.find("Connection: close\r\n") != std::string::npos);
  CHECK(all.ends_with("ok"));
  scene.client.close();
  CHECK(drained.get_future().wait_for(std::chrono::seconds(PATIENCE_S)) ==
        std::future_status::ready);
}

// ---------------------------------------------------------------- forward proxy

namespace {
struct ProxyScene {
  ProxyScene() {
    worker.putTarget(testTarget(1));
    worker.addEndpoint(1, server.address());
    put({});
    proxy = worker.listenFor({.id = 1,
                              .direction = Direction::Outbound,
                              .address = loopback(0),
                              .source = contract::OriginalDestinationSource::HttpProxy,
                              .destinationId = 1});
  }
  void put(std::vector<contract::AuthorityTarget> authorities) {
    worker.putDestination({.id = 1,
                           .direction = Direction::Outbound,
                           .address = {},
                           .protocol = contract::Protocol::Http1,
                           .detectTimeoutMs = 0,
                           .targetId = 0,
                           .authorities = std::move(authorities),
                           .discoverAuthorities = true});
  }
  TestServer server;
  TestWorker worker;
  SocketAddress proxy;
};
}  // namespace

TEST_CASE("a forward-proxy request waits for its authority and goes out in origin-form") {
  ProxyScene scene;
  TestPeer client = TestPeer::connectTo(scene.proxy);
  client.send("GET http://web.mesh:81/x?y HTTP/1.1\r\nHost: web.mesh:81\r\n\r\n");
  CHECK(scene.worker.await<contract::DiscoverAuthority>().authority == "web.mesh:81");
  scene.put({{"web.mesh:81", 1}});
  TestPeer app = scene.server.accept();
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET /x?y HTTP/1.1\r\n"));
  app.send(HTTP1_OK);
  CHECK(client.receiveUntil("ok") == HTTP1_OK);
}

TEST_CASE("CONNECT to a forward proxy is answered here and joins the bytes") {
  ProxyScene scene;
  scene.put({{"web.mesh:81", 1}});
  TestPeer client = TestPeer::connectTo(scene.proxy);
  client.send("CONNECT web.mesh:81 HTTP/1.1\r\nHost: web.mesh:81\r\n\r\nearly");
  TestPeer app = scene.server.accept();
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(app.receive(5) == "early");
  app.send("back");
  CHECK(client.receive(4) == "back");
}

TEST_CASE("an authority that cannot be discovered is answered 502, others wait on") {
  ProxyScene scene;
  TestPeer bad = TestPeer::connectTo(scene.proxy);
  bad.send("GET http://bad/ HTTP/1.1\r\nHost: bad\r\n\r\n");
  CHECK(scene.worker.await<contract::DiscoverAuthority>().authority == "bad");
  TestPeer good = TestPeer::connectTo(scene.proxy);
  good.send("GET http://good/ HTTP/1.1\r\nHost: good\r\n\r\n");
  CHECK(scene.worker.await<contract::DiscoverAuthority>().authority == "good");
  scene.worker.run([](Worker& worker) {
    worker.failDiscovery({.direction = Direction::Outbound,
                          .address = {},
                          .destinationId = 1,
                          .authority = "bad",
                          .detail = "no such name"});
  });
  CHECK(bad.receiveAll().starts_with("HTTP/1.1 502 "));
  scene.put({{"good", 1}});
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(HTTP1_OK);
  CHECK(good.receiveUntil("ok") == HTTP1_OK);
}

// What sets endpoints of one target apart: HTTP/1 over HTTP/2 to those that take it, another authority,
// PINGs of their own; and dials to loopback that a target refuses.
#include <poll.h>

#include "proxy/exchange.h"
#include "proxy/testing-scene.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using contract::EndpointTraits;
using http2::End;

namespace {
const std::string GET = "GET /a HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
const std::string FINE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A target that says AS_CLIENT with one endpoint, which is as `traits` say.
struct Scene : ExchangeScene {
  explicit Scene(EndpointTraits traits) : ExchangeScene(EndpointProtocol::AsClient) {
    // An address that is there already takes over what is new.
    give(std::move(traits));
  }
  void give(EndpointTraits traits) {
    const auto given = std::make_shared<const EndpointTraits>(std::move(traits));
    worker.run([&](Worker& inside) {
      const auto shared = inside.target(1)->balancer().find(server.address())->shared;
      inside.updateEndpoints(1, {{.endpoint = shared, .traits = given}}, {});
    });
  }
};

bool readable(TestPeer& peer) {
  pollfd one{.fd = peer.fd(), .events = POLLIN, .revents = 0};
  return poll(&one, 1, 1) == 1;
}

// Which request an endpoint that speaks HTTP/2 was sent, answered with 200.
SeenStream serveHttp2(Http2Peer& app) {
  const auto got = app.awaitRequest();
  SeenStream seen = app.streams[got];
  app.respond(got, 200, End::Last);
  return seen;
}
}  // namespace

TEST_CASE("HTTP/1 goes over HTTP/2 to an endpoint that takes it, and comes back as HTTP/1") {
  Scene scene({.takesOrigProto = true});
  TestPeer client = scene.http1Client();
  client.send("POST /a HTTP/1.0\r\nHost: web.mesh\r\nContent-Length: 4\r\n\r\nbody");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  app->awaitEnd(got);
  CHECK(app->streams[got].fields["l5d-orig-proto"] == "HTTP/1.0");
  CHECK(app->streams[got].authority == "web.mesh");
  CHECK(app->streams[got].body == "body");
  app->respond(got, 200, End::Last, {{"l5d-orig-proto", "HTTP/1.1"}});
  const std::string answer = client.receiveUntil("\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.find("orig-proto") == std::string::npos);
}

TEST_CASE("clients that speak HTTP/2 share that connection, and say nothing of HTTP/1") {
  Scene scene({.takesOrigProto = true});
  auto client = scene.http2Client();
  const auto id = client->request("GET", "/two", End::Last);
  auto app = scene.acceptHttp2();
  CHECK(serveHttp2(*app).fields.count("l5d-orig-proto") == 0);
  CHECK(client->awaitEnd(id).status == 200);
  TestPeer old = scene.http1Client();
  old.send(GET);
  CHECK(serveHttp2(*app).fields["l5d-orig-proto"] == "HTTP/1.1");
  CHECK(old.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("each endpoint of a target gets what it takes") {
  Scene scene({.takesOrigProto = true});
  TestServer plain;
  scene.worker.addEndpoint(1, plain.address());
  // Both are asked in the end: which comes first is left to chance.
  bool asHttp1 = false;
  bool overHttp2 = false;
  std::unique_ptr<Http2Peer> meshed;
  while (!asHttp1 || !overHttp2) {
    TestPeer client = scene.http1Client();
    client.send("GET /a HTTP/1.1\r\nHost: web.mesh\r\nConnection: close\r\n\r\n");
    const http2::StreamId before = meshed ? meshed->lastRequest : 0;
    const auto isMeshed = [&] {
      if (!meshed && scene.server.waits(1)) meshed = scene.acceptHttp2();
      if (meshed && readable(meshed->socket())) meshed->receiveOnce();
      return meshed && meshed->lastRequest != before;
    };
    bool isPlain = false;
    while (!isPlain && !isMeshed()) isPlain = plain.waits(1);
    if (isPlain) {
      TestPeer app = plain.accept();
      CHECK(app.receiveUntil("\r\n\r\n") == GET);
      app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
      asHttp1 = true;
    } else {
      CHECK(meshed->streams[meshed->lastRequest].fields["l5d-orig-proto"] == "HTTP/1.1");
      meshed->respond(meshed->lastRequest, 200, End::Last);
      overHttp2 = true;
    }
    CHECK(client.receiveAll().starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE("many requests at once are served by one connection that is dialled for all") {
  Scene scene({.takesOrigProto = true});
  std::vector<TestPeer> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(scene.http1Client());
    clients.back().send(GET);
  }
  auto app = scene.acceptHttp2();
  app->receiveUntil([&] { return app->streams.size() == 5; });
  for (const auto& [id, seen] : app->streams) {
    CHECK(seen.fields.at("l5d-orig-proto") == "HTTP/1.1");
    app->respond(id, 200, End::Last);
  }
  for (TestPeer& client : clients) {
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  }
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("an upgrade takes HTTP/1.1 to an endpoint that takes HTTP/1 over HTTP/2") {
  Scene scene({.takesOrigProto = true, .authorityOverride = "other.mesh:81"});
  TestPeer client = scene.http1Client();
  client.send(
      "GET http://web.mesh/chat HTTP/1.1\r\nHost: web.mesh\r\nl5d-dst-canonical: c\r\n"
      "Connection: upgrade\r\nUpgrade: x\r\n\r\n");
  TestPeer app = scene.server.accept();
  const std::string head = app.receiveUntil("\r\n\r\n");
  CHECK(head.starts_with("GET http://other.mesh:81/chat HTTP/1.1\r\nHost: other.mesh:81\r\n"));
  CHECK(head.find("web.mesh") == std::string::npos);
  CHECK(head.find("canonical") == std::string::npos);
  CHECK(head.find("Upgrade: x\r\n") != std::string::npos);
  app.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi");
  CHECK(client.receiveUntil("hi").starts_with("HTTP/1.1 101 "));
  client.send("there");
  CHECK(app.receive(5) == "there");
}

TEST_CASE("another authority takes the place of the request's, over either protocol") {
  SUBCASE("HTTP/1") {
    Scene scene({.authorityOverride = "other.mesh:81"});
    TestPeer client = scene.http1Client();
    client.send(
        "GET /a HTTP/1.1\r\nHost: web.mesh\r\nX-Own: 1\r\nl5d-dst-canonical: web:80\r\n\r\n"
        "GET http://web.mesh/b HTTP/1.1\r\nHost: web.mesh\r\n\r\n");
    TestPeer app = scene.server.accept();
    CHECK(app.receiveUntil("\r\n\r\n") ==
          "GET /a HTTP/1.1\r\nHost: other.mesh:81\r\nX-Own: 1\r\n\r\n");
    app.send(FINE);
    CHECK(app.receiveUntil("\r\n\r\n") ==
          "GET http://other.mesh:81/b HTTP/1.1\r\nHost: other.mesh:81\r\n\r\n");
    app.send(FINE);
    CHECK(client.receiveUntil("ok").ends_with("ok"));
  }
  SUBCASE("HTTP/2") {
    Scene scene({.authorityOverride = "other.mesh"});
    auto client = scene.http2Client();
    client->request("GET", "/a", End::Last, {{"l5d-dst-canonical", "web:80"}, {"x-own", "1"}});
    auto app = scene.acceptHttp2();
    SeenStream seen = serveHttp2(*app);
    CHECK(seen.authority == "other.mesh");
    CHECK(seen.fields.count("l5d-dst-canonical") == 0);
    CHECK(seen.fields["x-own"] == "1");
  }
  SUBCASE("HTTP/1 over HTTP/2") {
    Scene scene({.takesOrigProto = true, .authorityOverride = "other.mesh:81"});
    TestPeer client = scene.http1Client();
    client.send("GET http://web.mesh/a HTTP/1.1\r\nHost: web.mesh\r\n\r\n");
    auto app = scene.acceptHttp2();
    SeenStream seen = serveHttp2(*app);
    CHECK(seen.authority == "other.mesh:81");
    CHECK(seen.path == "/a");
    CHECK(seen.fields["l5d-orig-proto"] == "HTTP/1.1; absolute-form");
    CHECK(seen.fields.count("host") == 0);
  }
}

TEST_CASE("what sets an endpoint apart can be given and taken back") {
  Scene scene({.authorityOverride = "other.mesh"});
  const auto asked = [&scene] {
    TestPeer client = scene.http1Client();
    client.send("GET /a HTTP/1.1\r\nHost: web.mesh\r\nConnection: close\r\n\r\n");
    TestPeer app = scene.server.accept();
    std::string head = app.receiveUntil("\r\n\r\n");
    app.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    client.receiveAll();
    return head;
  };
  CHECK(asked().find("Host: other.mesh\r\n") != std::string::npos);
  scene.give({});
  CHECK(asked().find("Host: web.mesh\r\n") != std::string::npos);
  bool apart = true;
  scene.worker.run([&](Worker& inside) { apart = inside.target(1)->writesByEndpoint(); });
  CHECK_FALSE(apart);
}

TEST_CASE("an endpoint has PINGs of its own in place of the target's") {
  contract::PutTarget target = testTarget(1);
  SUBCASE("where the target has none") {
    Scene scene({.http2KeepAlive = {{.intervalMs = 20, .timeoutMs = 20, .whileIdle = false}}});
    auto client = scene.http2Client();
    const auto id = client->request("GET", "/a", End::Last);
    // Nobody answers, so the connection is found to be dead.
    TestPeer silent = scene.server.accept();
    CHECK(client->awaitEnd(id).status == 502);
    CHECK(scene.worker.await<contract::Failure>().reason == Reason::KeepaliveTimeout);
  }
  SUBCASE("as the target tells") {
    Scene scene({.http2KeepAlive = {{.intervalMs = 1, .timeoutMs = 2, .whileIdle = true}}});
    scene.worker.run([&](Worker& inside) {
      Target& one = *inside.target(1);
      CHECK(one.http2KeepAliveOf(scene.server.address()).timeoutMs == 2);
      CHECK(one.http2KeepAliveOf(loopback(1)).timeoutMs == 0);
    });
  }
}

TEST_CASE("a target that refuses loopback connects to nobody there") {
  TestServer server;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  target.refuseLoopback = true;
  SUBCASE("where there is one endpoint the request is told why") {
    target.forward = true;
    const SocketAddress proxy = worker.serve(contract::Protocol::Http1, server.address());
    worker.putTarget(target);
    TestPeer client = TestPeer::connectTo(proxy);
    client.send(GET);
    CHECK(client.receiveAll().starts_with("HTTP/1.1 502 "));
    const auto failure = worker.await<contract::Failure>();
    CHECK(failure.reason == Reason::ConnectRefused);
    CHECK(failure.detail.find("Outbound proxy cannot initiate connections on the loopback "
                              "interface") != std::string::npos);
  }
  SUBCASE("a balanced one backs off, as after any dial that failed") {
    const SocketAddress proxy = worker.serve(contract::Protocol::Http1, server.address());
    worker.putTarget(target);
    TestPeer client = TestPeer::connectTo(proxy);
    client.send(GET);
    CHECK(client.receiveAll().starts_with("HTTP/1.1 504 "));
    CHECK(worker.await<contract::Failure>().reason == Reason::FailFast);
    worker.run([&](Worker& inside) {
      const Endpoint& endpoint = *inside.target(1)->balancer().find(server.address());
      CHECK(endpoint.inBackoff());
      CHECK(endpoint.lastError == ECONNREFUSED);
    });
  }
  CHECK_FALSE(server.waits(0));
}

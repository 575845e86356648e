// HTTP/1 between two proxies of the mesh: l5d-orig-proto on the way out and on the way in (reference
// §3.9).
#include "proxy/exchange.h"
#include "proxy/testing-scene.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

TEST_CASE("on the way out an HTTP/1 request says what it was, and the application cannot") {
  struct Case {
    std::string head;
    std::string said;
  };
  const Case cases[] = {
      {"GET /a HTTP/1.1\r\nHost: web.mesh\r\nl5d-orig-proto: HTTP/1.0\r\n\r\n", "HTTP/1.1"},
      {"GET /a HTTP/1.0\r\nHost: web.mesh\r\n\r\n", "HTTP/1.0"},
      {"GET http://web.mesh/a HTTP/1.1\r\nHost: web.mesh\r\n\r\n", "HTTP/1.1; absolute-form"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.head);
    ExchangeScene scene(EndpointProtocol::Http2OrigProto);
    TestPeer client = scene.http1Client();
    client.send(one.head);
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    CHECK(app->streams[got].fields["l5d-orig-proto"] == one.said);
    CHECK(app->streams[got].authority == "web.mesh");
    CHECK(app->streams[got].path == "/a");
    app->respond(got, 200, End::Last, {{"l5d-orig-proto", "HTTP/1.0"}});
    const std::string answer = client.receiveUntil("\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("l5d-orig-proto") == std::string::npos);
  }
}

TEST_CASE("what an application says of l5d-orig-proto goes nowhere") {
  SUBCASE("HTTP/2 to HTTP/2") {
    ExchangeScene scene(EndpointProtocol::Http2OrigProto);
    auto client = scene.http2Client();
    const auto id = client->request("GET", "/", End::Last, {{"l5d-orig-proto", "HTTP/1.1"}});
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    CHECK(app->streams[got].fields.count("l5d-orig-proto") == 0);
    app->respond(got, 200, End::Last, {{"l5d-orig-proto", "HTTP/1.1"}});
    CHECK(client->awaitEnd(id).fields.count("l5d-orig-proto") == 0);
  }
  SUBCASE("HTTP/1 to HTTP/1") {
    ExchangeScene scene(EndpointProtocol::Http1);
    TestPeer client = scene.http1Client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nl5d-orig-proto: HTTP/1.0\r\n\r\n");
    TestPeer app = scene.server.accept();
    CHECK(app.receiveUntil("\r\n\r\n").find("orig-proto") == std::string::npos);
    app.send("HTTP/1.1 200 OK\r\nL5d-Orig-Proto: HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
    CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }
}

TEST_CASE("on the way in the request becomes what it was, and the response says what it is") {
  ExchangeScene scene(EndpointProtocol::AsClient, testSettings(), Direction::Inbound);
  auto client = scene.http2Client();
  SUBCASE("origin-form, HTTP/1.1") {
    const auto id = client->request("GET", "/a", End::Last, {{"l5d-orig-proto", "HTTP/1.1"}});
    TestPeer app = scene.server.accept();
    const std::string head = app.receiveUntil("\r\n\r\n");
    CHECK(head == "GET /a HTTP/1.1\r\nHost: web.mesh\r\n\r\n");
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    SeenStream& response = client->awaitEnd(id);
    CHECK(response.fields["l5d-orig-proto"] == "HTTP/1.1");
    CHECK(response.body == "ok");
  }
  SUBCASE("absolute-form, HTTP/1.0") {
    const auto id =
        client->request("GET", "/a", End::Last, {{"l5d-orig-proto", "HTTP/1.0; absolute-form"}});
    TestPeer app = scene.server.accept();
    CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET http://web.mesh/a HTTP/1.1\r\n"));
    app.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    app.close();
    SeenStream& response = client->awaitEnd(id);
    CHECK(response.fields["l5d-orig-proto"] == "HTTP/1.0");
    CHECK(response.body == "until the end");
  }
  SUBCASE("a chunked body is chunked again, with its trailers") {
    const auto id = client->request("POST", "/a", End::More, {{"l5d-orig-proto", "HTTP/1.1"}});
    client->send(id, "hello");
    client->end(id, {{"x-sum", "5"}});
    TestPeer app = scene.server.accept();
    const std::string all = app.receiveUntil("x-sum: 5\r\n\r\n");
    CHECK(all.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    app.send("HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(client->awaitEnd(id).status == 204);
  }
  SUBCASE("without the header it stays HTTP/2") {
    const auto id = client->request("GET", "/a", End::Last);
    auto app = scene.acceptHttp2();
    app->respond(app->awaitRequest(), 200, End::Last);
    CHECK(client->awaitEnd(id).fields.count("l5d-orig-proto") == 0);
  }
}

TEST_CASE("a request through both proxies comes out as it went in") {
  ExchangeScene inbound(EndpointProtocol::AsClient, testSettings(), Direction::Inbound);
  ExchangeScene outbound(EndpointProtocol::Http2OrigProto);
  // The outbound side's endpoint is the inbound proxy.
  outbound.worker.addEndpoint(1, inbound.address);
  outbound.worker.run(
      [&](Worker& worker) { worker.updateEndpoints(1, {}, {outbound.server.address()}); });
  TestPeer client = outbound.http1Client();
  client.send(
      "POST http://web.mesh/a HTTP/1.1\r\nHost: web.mesh\r\nX-Own: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      chunked("body", 3));
  TestPeer app = inbound.server.accept();
  const std::string request = app.receiveUntil("0\r\n\r\n");
  CHECK(request.starts_with("POST http://web.mesh/a HTTP/1.1\r\n"));
  CHECK(request.find("x-own: 1\r\n") != std::string::npos);
  CHECK(dechunked(request.substr(request.find("\r\n\r\n") + 4)) == "body");
  app.send("HTTP/1.1 201 Created\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nok");
  CHECK(client.receiveUntil("ok") ==
        "HTTP/1.1 201 Created\r\nx-two: 2\r\ncontent-length: 2\r\n\r\nok");
}

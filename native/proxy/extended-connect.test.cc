// WebSocket of HTTP/2 clients (RFC 8441) to endpoints that speak HTTP/2 and to such that speak
// HTTP/1.1.
#include "proxy/exchange.h"
#include "proxy/testing-scene.h"
#include "proxy/websocket-handshake.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

namespace {
// An HTTP/2 client whose proxy has announced extended CONNECT.
std::unique_ptr<Http2Peer> webSocketClient(const ExchangeScene& scene) {
  auto client = scene.http2Client();
  client->receiveUntil([&] { return client->session().peerAllowsExtendedConnect(); });
  return client;
}
http2::StreamId open(Http2Peer& client) {
  return client.request("CONNECT", "/chat", End::More,
                        {{"sec-websocket-version", "13"}, {"sec-websocket-protocol", "one, two"}},
                        "websocket");
}
std::string keyIn(const std::string& head) {
  const std::string name = "sec-websocket-key: ";
  const size_t at = head.find(name);
  if (at == std::string::npos) return "";
  return head.substr(at + name.size(), head.find('\r', at) - at - name.size());
}
std::string agreement(const std::string& head, const std::string& more = "") {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         websocketAccept(keyIn(head)) + "\r\n" + more + "\r\n";
}
}  // namespace

TEST_CASE("extended CONNECT reaches an endpoint that announced it") {
  ExchangeScene scene(EndpointProtocol::AsClient);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  client->send(id, "early");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  CHECK(app->streams[got].method == "CONNECT");
  CHECK(app->streams[got].protocol == "websocket");
  CHECK(app->streams[got].path == "/chat");
  app->respond(got, 200, End::More);
  app->send(got, "hi");
  app->receiveUntil([&] { return app->streams[got].body == "early"; });
  client->receiveUntil([&] { return client->streams[id].body == "hi"; });
  SUBCASE("the endpoint ends first") {
    app->end(got);
    client->receiveUntil([&] { return client->streams[id].ended; });
    client->send(id, " and late");
    client->end(id);
  }
  SUBCASE("the client ends first") {
    client->send(id, " and late");
    client->end(id);
    app->receiveUntil([&] { return app->streams[got].ended; });
    app->end(got);
    client->receiveUntil([&] { return client->streams[id].ended; });
  }
  CHECK(app->awaitEnd(got).body == "early and late");
  CHECK_FALSE(client->streams[id].reset);
}

TEST_CASE("extended CONNECT is not sent to an endpoint that did not announce it") {
  ExchangeScene scene(EndpointProtocol::AsClient);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  http2::Settings without;
  without.extendedConnect = false;
  auto app = scene.acceptHttp2(without);
  std::thread answers([&] { app->reaches([] { return false; }); });
  SeenStream& response = client->awaitEnd(id);
  CHECK(response.status == 404);
  CHECK(response.fields["l5d-proxy-error"].find("extended CONNECT") != std::string::npos);
  shutdown(app->socket().fd(), SHUT_RDWR);
  answers.join();
  CHECK(app->streams.empty());
}

TEST_CASE("extended CONNECT becomes an upgrade at an HTTP/1.1 endpoint, bytes both ways") {
  ExchangeScene scene(EndpointProtocol::Http1);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  client->send(id, "early");
  TestPeer app = scene.server.accept();
  const std::string head = app.receiveUntil("\r\n\r\n");
  CHECK(head.starts_with("GET /chat HTTP/1.1\r\nHost: web.mesh\r\n"));
  CHECK(head.find("upgrade: websocket\r\n") != std::string::npos);
  CHECK(head.find("Connection: upgrade\r\n") != std::string::npos);
  CHECK(head.find("sec-websocket-version: 13\r\n") != std::string::npos);
  CHECK(keyIn(head).size() == 24);
  app.send(agreement(head, "Sec-WebSocket-Protocol: two\r\n") + "hi");
  client->receiveUntil([&] { return client->streams[id].body == "hi"; });
  SeenStream& response = client->streams[id];
  CHECK(response.status == 200);
  const std::map<std::string, std::string> expected = {{"sec-websocket-protocol", "two"}};
  CHECK(response.fields == expected);
  CHECK(app.receive(5) == "early");
  SUBCASE("the endpoint ends first") {
    app.finish();
    client->receiveUntil([&] { return response.ended; });
    client->send(id, "late");
    client->end(id);
    CHECK(app.receiveAll() == "late");
    CHECK_FALSE(response.reset);
  }
  SUBCASE("the client ends first") {
    client->end(id);
    CHECK(app.receiveAll().empty());
    app.send("late");
    app.close();
    CHECK(client->awaitEnd(id).body == "hilate");
    CHECK_FALSE(response.reset);
  }
  SUBCASE("a reset of the client's resets the endpoint's connection") {
    client->session().reset(id, http2::ErrorCode::Cancel);
    client->flush();
    CHECK(app.receiveAll() == "<reset>");
  }
  SUBCASE("a reset of the endpoint's resets the stream") {
    app.reset();
    CHECK(client->awaitEnd(id).reset);
  }
}

TEST_CASE("a tunnel over HTTP/1.1 carries large amounts both ways at once") {
  ExchangeScene scene(EndpointProtocol::Http1);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  TestPeer app = scene.server.accept();
  app.send(agreement(app.receiveUntil("\r\n\r\n")));
  const std::string up = randomBytes(2 << 20, 1);
  const std::string down = randomBytes(2 << 20, 2);
  std::string gotUp;
  std::thread sends([&] {
    app.send(down);
    app.finish();
  });
  std::thread reads([&] { gotUp = app.receiveAll(); });
  client->send(id, up);
  client->end(id);
  client->reachesEnd(id);
  sends.join();
  reads.join();
  CHECK(gotUp == up);
  CHECK(client->streams[id].body == down);
}

TEST_CASE("an endpoint that does not agree to the upgrade gives a failure, not a tunnel") {
  ExchangeScene scene(EndpointProtocol::Http1);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  TestPeer app = scene.server.accept();
  const std::string head = app.receiveUntil("\r\n\r\n");
  SUBCASE("another status is the answer") {
    app.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    SeenStream& response = client->awaitEnd(id);
    CHECK(response.status == 403);
    CHECK(response.body == "no");
  }
  SUBCASE("an ordinary success is none") {
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(client->awaitEnd(id).status == 502);
  }
  SUBCASE("a wrong answer to the key is none") {
    app.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    CHECK(client->awaitEnd(id).status == 502);
  }
  SUBCASE("its end is none") {
    app.close();
    CHECK(client->awaitEnd(id).status == 502);
  }
}

TEST_CASE("a tunnel that stays open in one direction only ends in time") {
  contract::Settings settings = testSettings();
  settings.halfCloseTimeoutMs = 100;
  ExchangeScene scene(EndpointProtocol::Http1, settings);
  auto client = webSocketClient(scene);
  const auto id = open(*client);
  TestPeer app = scene.server.accept();
  app.send(agreement(app.receiveUntil("\r\n\r\n")));
  app.finish();
  client->receiveUntil([&] { return client->streams[id].reset; });
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::HalfCloseTimeout);
}

TEST_CASE("other CONNECT requests cannot go on over HTTP/1.1") {
  ExchangeScene scene(EndpointProtocol::Http1);
  auto client = webSocketClient(scene);
  const auto id = client->request("CONNECT", "/", End::More, {}, "connect-udp");
  CHECK(client->awaitEnd(id).status == 404);
}

// Requests of HTTP/2 clients to endpoints that speak HTTP/2 or HTTP/1.1, faults included.
#include "proxy/exchange.h"

#include "proxy/testing-scene.h"

using namespace mesh;
using namespace mesh::testing;
using http2::End;
using http2::Role;

namespace {

// With a client that speaks HTTP/2.
struct Scene : ExchangeScene {
  explicit Scene(bool endpointHttp1, contract::Settings settings = testSettings())
      : ExchangeScene(endpointHttp1 ? contract::EndpointProtocol::Http1
                                    : contract::EndpointProtocol::AsClient,
                      std::move(settings)),
        client(http2Client()) {}
  std::unique_ptr<Http2Peer> client;
};

}  // namespace

TEST_CASE("a request over HTTP/2 reaches an HTTP/2 endpoint and its answer comes back") {
  Scene scene(false);
  const auto id =
      scene.client->request("POST", "/a?b", End::More, {{"x-one", "1"}, {"te", "trailers"}});
  scene.client->send(id, "hello");
  scene.client->end(id, {{"x-sum", "5"}});
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  SeenStream& request = app->awaitEnd(got);
  CHECK(request.method == "POST");
  CHECK(request.path == "/a?b");
  CHECK(request.authority == "web.mesh");
  CHECK(request.fields["x-one"] == "1");
  CHECK(request.fields["te"] == "trailers");
  CHECK(request.body == "hello");
  CHECK(request.trailers["x-sum"] == "5");
  app->respond(got, 103, End::More, {{"link", "</s>"}});
  app->respond(got, 200, End::More, {{"x-two", "2"}});
  app->send(got, "world");
  app->end(got, {{"grpc-status", "0"}});
  SeenStream& response = scene.client->awaitEnd(id);
  CHECK(response.interim == std::vector<uint16_t>{103});
  CHECK(response.status == 200);
  CHECK(response.fields["x-two"] == "2");
  CHECK(response.body == "world");
  CHECK(response.trailers["grpc-status"] == "0");
}

TEST_CASE("requests of several clients share one endpoint connection") {
  Scene scene(false);
  Http2Peer second(Role::Client, TestPeer::connectTo(scene.address));
  const auto one = scene.client->request("GET", "/1", End::Last);
  const auto two = second.request("GET", "/2", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  app->receiveUntil([&] { return app->streams.size() == 2; });
  for (auto& [id, stream] : app->streams) app->respond(id, 204, End::Last);
  CHECK(scene.client->awaitEnd(one).status == 204);
  CHECK(second.awaitEnd(two).status == 204);
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("more streams than the endpoint allows open a further connection") {
  Scene scene(false);
  http2::Settings narrow;
  narrow.maxConcurrentStreams = 1;
  const auto one = scene.client->request("GET", "/1", End::Last);
  auto first = std::make_unique<Http2Peer>(Role::Server, scene.server.accept(), narrow);
  const auto got = first->awaitRequest();
  // The endpoint's settings are known to the proxy once they are acknowledged; the first exchange
  // shows that they are.
  first->respond(got, 204, End::Last);
  CHECK(scene.client->awaitEnd(one).status == 204);
  const auto two = scene.client->request("GET", "/2", End::Last);
  const auto three = scene.client->request("GET", "/3", End::Last);
  const auto held = first->awaitRequest();
  auto second = std::make_unique<Http2Peer>(Role::Server, scene.server.accept(), narrow);
  const auto other = second->awaitRequest();
  second->respond(other, 204, End::Last);
  first->respond(held, 204, End::Last);
  CHECK(scene.client->awaitEnd(two).status == 204);
  CHECK(scene.client->awaitEnd(three).status == 204);
}

TEST_CASE("a request over HTTP/2 reaches an HTTP/1.1 endpoint and its answer comes back") {
  Scene scene(true);
  const auto id = scene.client->request("POST", "/a?b", End::More, {{"x-one", "1"}});
  scene.client->send(id, "hello");
  scene.client->end(id, {{"x-sum", "5"}});
  TestPeer app = scene.server.accept();
  const std::string head = app.receiveUntil("\r\n\r\n");
  CHECK(head.starts_with("POST /a?b HTTP/1.1\r\n"));
  CHECK(head.find("web.mesh\r\n") != std::string::npos);
  CHECK(head.find("x-one: 1\r\n") != std::string::npos);
  CHECK(app.receiveUntil("0\r\nx-sum: 5\r\n\r\n").find("hello") != std::string::npos);
  app.send(
      "HTTP/1.1 200 OK\r\nX-Two: 2\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
      "5\r\nworld\r\n0\r\nX-Sum: 9\r\n\r\n");
  SeenStream& response = scene.client->awaitEnd(id);
  CHECK(response.status == 200);
  CHECK(response.fields["x-two"] == "2");
  CHECK(response.fields.count("connection") == 0);
  CHECK(response.fields.count("transfer-encoding") == 0);
  CHECK(response.body == "world");
  CHECK(response.trailers["x-sum"] == "9");
  // The connection is used again.
  const auto next = scene.client->request("GET", "/next", End::Last);
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET /next "));
  app.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(scene.client->awaitEnd(next).status == 204);
}

TEST_CASE("large bodies pass byte for byte both ways over either protocol") {
  const std::string up = randomBytes(3 << 20, 1);
  const std::string down = randomBytes(3 << 20, 2);
  SUBCASE("HTTP/2") {
    Scene scene(false);
    const auto id = scene.client->request("POST", "/", End::More);
    std::thread sender([&] {
      if (!scene.client->send(id, up)) return;
      scene.client->end(id);
      scene.client->reachesEnd(id);
    });
    auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
    const auto got = app->awaitRequest();
    app->awaitEnd(got);
    app->respond(got, 200, End::More);
    CHECK(app->send(got, down));
    CHECK(app->finish(got));
    sender.join();
    CHECK(app->streams[got].body == up);
    CHECK(scene.client->streams[id].body == down);
  }
  SUBCASE("HTTP/1.1") {
    Scene scene(true);
    const auto id = scene.client->request("POST", "/", End::More,
                                          {{"content-length", std::to_string(up.size())}});
    std::thread sender([&] {
      if (!scene.client->send(id, up)) return;
      scene.client->end(id);
      scene.client->reachesEnd(id);
    });
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    CHECK(app.receive(up.size()) == up);
    app.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(down.size()) + "\r\n\r\n");
    app.send(down);
    sender.join();
    CHECK(scene.client->streams[id].body == down);
  }
}

TEST_CASE("a stream that is not read holds at most its window, and the others go on") {
  Scene scene(false);
  scene.client->consumes = false;
  const auto slow = scene.client->request("GET", "/slow", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto slowGot = app->awaitRequest();
  app->respond(slowGot, 200, End::More);
  const std::string block(16'384, 's');
  std::thread sender([&] {
    // Until nothing more is taken: the window of the stream, through the proxy, is used up.
    for (int block_ = 0; block_ < 64; ++block_) {
      if (app->session().sendData(slowGot, block) == 0) break;
      app->flush();
    }
  });
  sender.join();
  const auto fast = scene.client->request("GET", "/fast", End::Last);
  app->receiveUntil([&] { return app->lastRequest != slowGot; });
  app->respond(app->lastRequest, 200, End::More);
  app->send(app->lastRequest, "quick");
  app->end(app->lastRequest);
  SeenStream& response = scene.client->awaitEnd(fast);
  CHECK(response.body == "quick");
  CHECK_FALSE(scene.client->streams[slow].ended);
  scene.worker.run([&](Worker& worker) { CHECK(worker.buffers().inUseBytes() < (2U << 20)); });
}

TEST_CASE("a reset is passed on with its code, both ways") {
  Scene scene(false);
  const auto id = scene.client->request("POST", "/", End::More);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  SUBCASE("by the endpoint") {
    app->session().reset(got, http2::ErrorCode::EnhanceYourCalm);
    app->flush();
    SeenStream& response = scene.client->awaitEnd(id);
    CHECK(response.reset);
    CHECK(response.code == http2::ErrorCode::EnhanceYourCalm);
  }
  SUBCASE("by the client") {
    scene.client->session().reset(id, http2::ErrorCode::Cancel);
    scene.client->flush();
    CHECK(app->awaitEnd(got).code == http2::ErrorCode::Cancel);
  }
}

TEST_CASE("a refused stream is sent again, whatever its method, and the client does not notice") {
  Scene scene(false);
  const auto id = scene.client->request("POST", "/", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  app->session().reset(got, http2::ErrorCode::RefusedStream);
  app->flush();
  const auto again = app->awaitRequest();
  app->respond(again, 204, End::Last);
  CHECK(scene.client->awaitEnd(id).status == 204);
}

TEST_CASE("after GOAWAY streams under way finish and new requests go elsewhere") {
  Scene scene(false);
  const auto one = scene.client->request("GET", "/1", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  app->session().goaway(http2::ErrorCode::NoError);
  app->session().goaway(http2::ErrorCode::NoError);
  app->flush();
  // Seen by the proxy once it answers this.
  app->session().ping();
  app->flush();
  app->receiveUntil([&] { return app->session().pongs() > 0; });
  const auto two = scene.client->request("GET", "/2", End::Last);
  auto second = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  second->respond(second->awaitRequest(), 204, End::Last);
  CHECK(scene.client->awaitEnd(two).status == 204);
  app->respond(got, 200, End::Last);
  CHECK(scene.client->awaitEnd(one).status == 200);
}

TEST_CASE("a GET whose new connection dies is sent to another endpoint") {
  Scene scene(true);
  TestServer other;
  scene.worker.addEndpoint(1, other.address());
  const auto id = scene.client->request("GET", "/", End::Last);
  TestServer& first = firstAsked(scene.server, other);
  TestPeer app = first.accept();
  app.receiveUntil("\r\n\r\n");
  app.close();
  TestPeer again = (&first == &other ? scene.server : other).accept();
  again.receiveUntil("\r\n\r\n");
  again.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(scene.client->awaitEnd(id).status == 200);
}

TEST_CASE("failures are answered in the client's terms, and gRPC's") {
  DeadAddress dead;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, dead.address());
  target.forward = true;
  worker.putTarget(target);
  SUBCASE("HTTP") {
    Http2Peer client(Role::Client, TestPeer::connectTo(proxy));
    const auto id = client.request("GET", "/", End::Last);
    SeenStream& response = client.awaitEnd(id);
    CHECK(response.status == 502);
    CHECK(response.fields["l5d-proxy-error"].find("refused") != std::string::npos);
    client.receiveUntil([&] { return client.goaway; });
  }
  SUBCASE("gRPC") {
    Http2Peer client(Role::Client, TestPeer::connectTo(proxy));
    const auto id =
        client.request("POST", "/s/m", End::More, {{"content-type", "application/grpc"}});
    SeenStream& response = client.awaitEnd(id);
    CHECK(response.status == 200);
    CHECK(response.fields["grpc-status"] == "14");
  }
  CHECK(worker.await<contract::Failure>().reason == Reason::ConnectRefused);
}

TEST_CASE("an HTTP/1.1 response cut short resets the stream") {
  Scene scene(true);
  const auto id = scene.client->request("GET", "/", End::Last);
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  scene.client->receiveUntil([&] { return scene.client->streams[id].body == "half"; });
  app.close();
  SeenStream& response = scene.client->awaitEnd(id);
  CHECK(response.reset);
  CHECK(response.code == http2::ErrorCode::InternalError);
}

TEST_CASE("a client that goes away ends its exchanges at the endpoint") {
  Scene scene(false);
  scene.client->request("POST", "/", End::More);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  scene.client->socket().reset();
  CHECK(app->awaitEnd(got).reset);
}

TEST_CASE("draining lets streams finish and then ends the connection") {
  Scene scene(false);
  const auto id = scene.client->request("GET", "/", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  std::promise<void> drained;
  scene.worker.run([&](Worker& worker) { worker.drain(10'000, [&] { drained.set_value(); }); });
  scene.client->receiveUntil([&] { return scene.client->goaway; });
  app->respond(got, 200, End::Last);
  CHECK(scene.client->awaitEnd(id).status == 200);
  while (scene.client->receiveOnce()) {
  }
  scene.client->socket().close();
  CHECK(drained.get_future().wait_for(std::chrono::seconds(PATIENCE_S)) ==
        std::future_status::ready);
}

TEST_CASE("a removed endpoint gets no further streams, those under way finish") {
  Scene scene(false);
  const auto one = scene.client->request("GET", "/1", End::Last);
  auto app = std::make_unique<Http2Peer>(Role::Server, scene.server.accept());
  const auto got = app->awaitRequest();
  TestServer other;
  scene.worker.run(
      [&](Worker& worker) { worker.updateEndpoints(1, {}, {scene.server.address()}); });
  scene.worker.addEndpoint(1, other.address());
  const auto two = scene.client->request("GET", "/2", End::Last);
  auto second = std::make_unique<Http2Peer>(Role::Server, other.accept());
  second->respond(second->awaitRequest(), 204, End::Last);
  CHECK(scene.client->awaitEnd(two).status == 204);
  app->respond(got, 200, End::Last);
  CHECK(scene.client->awaitEnd(one).status == 200);
  CHECK_FALSE(scene.server.waits(0));
}

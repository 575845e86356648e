// Requests of HTTP/1 clients to endpoints that speak HTTP/2, faults included.
#include "proxy/http1-client-stream.h"

#include "proxy/testing-scene.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

namespace {
std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: web.mesh\r\n" + fields + "\r\n";
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("a request over HTTP/1.1 reaches an HTTP/2 endpoint and its answer comes back") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send(
      "POST /a?b HTTP/1.1\r\nHost: Web.Mesh\r\nX-One: 1\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\n"
      "Keep-Alive: timeout=5\r\nTE: gzip, trailers\r\nCookie: a=1; b=2\r\nl5d-orig-proto: "
      "HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  SeenStream& request = app->awaitEnd(got);
  CHECK(request.method == "POST");
  CHECK(request.path == "/a?b");
  CHECK(request.authority == "Web.Mesh");
  CHECK(request.body == "hello");
  const std::map<std::string, std::string> expected = {
      {"x-one", "1"}, {"te", "trailers"}, {"cookie", "a=1; b=2"}, {"content-length", "5"}};
  CHECK(request.fields == expected);
  app->respond(got, 200, End::More, {{"x-two", "2"}, {"content-length", "5"}});
  app->send(got, "world");
  app->end(got);
  CHECK(client.receiveAll() ==
        "HTTP/1.1 200 OK\r\nx-two: 2\r\ncontent-length: 5\r\nConnection: close\r\n\r\nworld");
}

TEST_CASE("a body without a length comes chunked to HTTP/1.1 and until the end to HTTP/1.0") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  SUBCASE("1.1, with trailers") {
    client.send(get("/"));
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    app->respond(got, 200, End::More);
    app->send(got, "data");
    app->end(got, {{"x-sum", "4"}});
    const std::string all = client.receiveUntil("x-sum: 4\r\n\r\n");
    CHECK(all.starts_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    CHECK(dechunked(all.substr(all.find("\r\n\r\n") + 4)) == "data");
  }
  SUBCASE("1.0, whose Host is the endpoint when nothing else is known") {
    client.send("GET / HTTP/1.0\r\n\r\n");
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    CHECK(app->streams[got].authority == scene.server.address().toString());
    app->respond(got, 103, End::More);
    app->respond(got, 200, End::More);
    app->send(got, "data");
    app->end(got, {{"x-sum", "4"}});
    CHECK(client.receiveAll() == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata");
  }
}

TEST_CASE("chunked requests, their trailers too, go on as data") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
              chunked("one two three", 4, "X-Sum: 13\r\n") + get("/next"));
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  SeenStream& request = app->awaitEnd(got);
  CHECK(request.body == "one two three");
  CHECK(request.trailers["x-sum"] == "13");
  CHECK(request.fields.count("transfer-encoding") == 0);
  app->respond(got, 204, End::Last);
  CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
  // What was pipelined goes on afterwards.
  const auto next = app->awaitRequest();
  CHECK(app->streams[next].path == "/next");
  app->respond(next, 200, End::Last);
  CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("HEAD, 204 and 304 have no body and keep their connection") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto app = scene.acceptHttp2();
  app->respond(app->awaitRequest(), 200, End::Last, {{"content-length", "99"}});
  CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
  client.send(get("/"));
  app->respond(app->awaitRequest(), 304, End::Last, {{"etag", "\"1\""}});
  CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n");
}

TEST_CASE("interim responses reach an HTTP/1.1 client before its body is sent") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  CHECK(app->streams[got].fields["expect"] == "100-continue");
  SUBCASE("told to go on") {
    app->respond(got, 100, End::More);
    CHECK(client.receiveUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    CHECK(app->awaitEnd(got).body == "body");
    app->respond(got, 200, End::Last);
    CHECK_FALSE(has(client.receiveUntil("\r\n\r\n"), "Connection: close"));
  }
  SUBCASE("told the outcome") {
    app->respond(got, 417, End::Last);
    CHECK(client.receiveAll() ==
          "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
}

TEST_CASE("bodies of any size pass byte for byte both ways") {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65'536}, size_t{3} << 20}) {
    CAPTURE(size);
    ExchangeScene scene(EndpointProtocol::Http2);
    TestPeer client = scene.http1Client();
    const std::string up = randomBytes(size, 1);
    const std::string down = randomBytes(size, 2);
    std::string answer;
    std::thread exchange([&] {
      client.send(
          "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
      client.send(chunked(up, 10'007));
      answer = client.receiveAll();
    });
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    app->reachesEnd(got);
    app->respond(got, 200, End::More);
    CHECK(app->send(got, down));
    CHECK(app->finish(got));
    exchange.join();
    CHECK(app->streams[got].body == up);
    CHECK(dechunked(answer.substr(answer.find("\r\n\r\n") + 4)) == down);
  }
}

TEST_CASE("a slow side holds up the other, and holds no more than its budget") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  SUBCASE("an endpoint that does not read") {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n");
    auto app = scene.acceptHttp2();
    app->consumes = false;
    const auto got = app->awaitRequest();
    // Until the sockets take no more.
    const std::string block(65'536, 'x');
    size_t sent = 0;
    while (sent < (64U << 20)) {
      pollfd one{.fd = client.fd(), .events = POLLOUT, .revents = 0};
      if (poll(&one, 1, 200) != 1) break;
      const ssize_t part = ::send(client.fd(), block.data(), block.size(), MSG_DONTWAIT);
      if (part > 0) sent += static_cast<size_t>(part);
    }
    CHECK(sent < (64U << 20));
    scene.worker.run([&](Worker& worker) { CHECK(worker.buffers().inUseBytes() < (1U << 20)); });
    app->respond(got, 200, End::Last);
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  }
  SUBCASE("a client that does not read") {
    client.send(get("/"));
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    app->respond(got, 200, End::More);
    const std::string block(16'384, 's');
    const timeval brief{.tv_sec = 0, .tv_usec = 300'000};
    setsockopt(app->socket().fd(), SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    size_t sent = 0;
    while (sent < (64U << 20)) {
      const size_t taken = app->session().sendData(got, block);
      app->flush();
      sent += taken;
      if (taken == 0 && !app->receiveOnce()) break;
    }
    CHECK(sent < (64U << 20));
    scene.worker.run([&](Worker& worker) { CHECK(worker.buffers().inUseBytes() < (1U << 20)); });
  }
}

TEST_CASE("a reset before the response is a 502 to an HTTP/1 client, with its reason") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  app->session().reset(got, http2::ErrorCode::EnhanceYourCalm);
  app->flush();
  const std::string answer = client.receiveAll();
  CHECK(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  CHECK(has(answer, "ENHANCE_YOUR_CALM"));
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::EndpointReset);
}

TEST_CASE("a response cut short resets the client's connection") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send(get("/"));
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  SUBCASE("by a reset") {
    app->respond(got, 200, End::More);
    app->send(got, "half");
    client.receiveUntil("half");
    app->session().reset(got, http2::ErrorCode::InternalError);
    app->flush();
  }
  SUBCASE("by an end before its length") {
    app->respond(got, 200, End::More, {{"content-length", "10"}});
    app->send(got, "half");
    client.receiveUntil("half");
    app->end(got);
  }
  SUBCASE("by the end of the connection") {
    app->respond(got, 200, End::More);
    app->send(got, "half");
    client.receiveUntil("half");
    app->socket().close();
  }
  CHECK(client.receiveAll().ends_with("<reset>"));
}

TEST_CASE("a client that goes away ends its exchange at the endpoint") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  SUBCASE("by a reset") { client.reset(); }
  SUBCASE("by an end before its length") { client.close(); }
  CHECK(app->awaitEnd(got).code == http2::ErrorCode::Cancel);
}

TEST_CASE("a malformed chunk is the client's mistake") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  client.send("zz\r\n");
  CHECK(client.receiveAll().starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(app->awaitEnd(got).code == http2::ErrorCode::Cancel);
}

TEST_CASE("an early answer ends the connection of a client that is still sending") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  app->respond(got, 413, End::Last);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 413 Content Too Large\r\n"));
  client.finish();
  CHECK(client.receiveAll().empty());
}

TEST_CASE("upgrades take an HTTP/1.1 connection to the same endpoint") {
  ExchangeScene scene(EndpointProtocol::Http2OrigProto);
  TestPeer client = scene.http1Client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  TestPeer app = scene.server.accept();
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET / HTTP/1.1\r\n"));
  app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi");
  CHECK(client.receiveUntil("hi").starts_with("HTTP/1.1 101 "));
}

TEST_CASE("a refused stream is sent again and the HTTP/1 client does not notice") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto app = scene.acceptHttp2();
  app->session().reset(app->awaitRequest(), http2::ErrorCode::RefusedStream);
  app->flush();
  app->respond(app->awaitRequest(), 204, End::Last);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 204 "));
}

TEST_CASE("a drained connection ends after the exchange under way") {
  ExchangeScene scene(EndpointProtocol::Http2);
  TestPeer client = scene.http1Client();
  client.send(get("/"));
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  std::promise<void> drained;
  scene.worker.run([&](Worker& worker) { worker.drain(60'000, [&] { drained.set_value(); }); });
  app->respond(got, 200, End::Last);
  CHECK(has(client.receiveAll(), "Connection: close\r\n"));
  CHECK(drained.get_future().wait_for(std::chrono::seconds(PATIENCE_S)) ==
        std::future_status::ready);
}

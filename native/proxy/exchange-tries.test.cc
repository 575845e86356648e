// Requests that are tried again by their route's rule, or sent again because nobody has read them,
// and the time-outs of rules; over real sockets, to endpoints of either protocol.
#include "proxy/exchange.h"
#include "proxy/testing-routes.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

namespace {
constexpr auto HTTP1 = EndpointProtocol::Http1;
constexpr auto HTTP2 = EndpointProtocol::Http2;

route::RuleSpec retrying(uint32_t maxRetries, uint64_t maxRequestBytes = 1'000) {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.retry = route::Retry{.maxRetries = maxRetries,
                            .maxRequestBytes = maxRequestBytes,
                            .statuses = {{500, 599}},
                            .grpcCodes = 1U << 14};
  return rule;
}
route::RuleSpec timed(route::StreamTimeouts timeouts) {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.timeouts = timeouts;
  return rule;
}
std::string post(const std::string& body) {
  return "POST /a HTTP/1.1\r\nHost: web.mesh\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
const std::string GET = "GET /a HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
const std::string UNAVAILABLE =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const std::string FINE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One try at an endpoint that speaks HTTP/1.1: its body.
std::string serve(TestServer& server, size_t bodyBytes, const std::string& response) {
  TestPeer app = server.accept();
  app.receiveUntil("\r\n\r\n");
  const std::string body = app.receive(bodyBytes);
  app.send(response);
  return body;
}
http2::StreamId askGrpc(Http2Peer& client) {
  const auto id = client.request("POST", "/s/m", End::More, {{"content-type", "application/grpc"}});
  client.session().sendData(id, "message");
  client.end(id);
  return id;
}
}  // namespace

TEST_CASE("a failed try is followed by one that the client sees alone, with the same body") {
  RouteScene scene(HTTP1, retrying(2));
  SUBCASE("of an HTTP/1.1 client") {
    TestPeer client = scene.http1Client();
    client.send(post("question"));
    CHECK(serve(scene.server, 8, UNAVAILABLE) == "question");
    CHECK(serve(scene.server, 8, FINE) == "question");
    CHECK(client.receiveUntil("\r\n\r\nok").starts_with("HTTP/1.1 200 OK\r\n"));
  }
  SUBCASE("of an HTTP/2 client") {
    auto client = scene.http2Client();
    const auto id = client->request("POST", "/a", End::More, {{"content-length", "8"}});
    client->session().sendData(id, "question");  // goes with the end: no response comes between
    client->end(id);
    CHECK(serve(scene.server, 8, UNAVAILABLE) == "question");
    CHECK(serve(scene.server, 8, FINE) == "question");
    CHECK(client->awaitEnd(id).status == 200);
    CHECK(client->streams[id].body == "ok");
  }
  CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 1);
  CHECK(scene.countedOf(Family::RouteRetrySuccessesTotal) == 1);
  CHECK(scene.countedOf(Family::BackendRequestsTotal, 3) == 2);
  CHECK(scene.ended(200) == 1);
}

TEST_CASE("after as many tries as are allowed the last response is the response") {
  RouteScene scene(HTTP1, retrying(2));
  TestPeer client = scene.http1Client();
  client.send(GET);
  for (int tries = 0; tries < 3; ++tries) serve(scene.server, 0, UNAVAILABLE);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 2);
  CHECK(scene.countedOf(Family::RouteRetryLimitExceededTotal) == 1);
  CHECK(scene.countedOf(Family::RouteRetrySuccessesTotal) == 0);
  CHECK(scene.ended(503) == 1);
}

TEST_CASE("a body above the limit is not tried again") {
  RouteScene scene(HTTP1, retrying(2, 7));
  TestPeer client = scene.http1Client();
  client.send(post("question"));
  serve(scene.server, 8, UNAVAILABLE);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 0);
  CHECK(scene.countedOf(Family::RouteRetryLimitExceededTotal) == 0);
}

TEST_CASE("a response before the end of its request is not tried again") {
  RouteScene scene(HTTP2, retrying(2));
  auto client = scene.http2Client();
  const auto id = client->request("POST", "/", End::More);
  auto app = scene.acceptHttp2();
  app->respond(app->awaitRequest(), 503, End::Last);
  CHECK(client->awaitEnd(id).status == 503);
  CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 0);
}

TEST_CASE("an endpoint that is too late with its head is given up, but for the last try") {
  route::RuleSpec rule = retrying(1);
  rule.retry->timeoutMs = 30;
  RouteScene scene(HTTP1, rule);
  TestPeer client = scene.http1Client();
  client.send(GET);
  TestPeer silent = scene.server.accept();
  silent.receiveUntil("\r\n\r\n");
  TestPeer last = scene.server.accept();
  last.receiveUntil("\r\n\r\n");
  CHECK(silent.receiveAll().empty());
  last.send(FINE);
  CHECK(client.receiveUntil("\r\n\r\nok").starts_with("HTTP/1.1 200 OK\r\n"));
  LabelSet late = routeLabels(7, 3);
  late.statusCode = 504;
  late.reason = Reason::ResponseHeadersTimeout;
  CHECK(counted(scene.worker, Family::BackendResponseStatusesTotal, late) == 1);
}

TEST_CASE("the whole request has one limit, whatever its tries do") {
  route::RuleSpec rule = retrying(5);
  rule.timeouts.requestMs = 500;
  SUBCASE("while a response is awaited") {
    RouteScene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    serve(scene.server, 0, UNAVAILABLE);
    TestPeer silent = scene.server.accept();
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 504 "));
    CHECK(scene.worker.await<contract::Failure>().tries == 2);
    CHECK(scene.ended(504, Reason::RequestTimeout) == 1);
  }
  SUBCASE("during a back-off that follows a response") {
    rule.retry->backoff = route::RetryBackoff{.minMs = 600'000, .maxMs = 600'000};
    RouteScene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    serve(scene.server, 0, UNAVAILABLE);
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 504 "));
    CHECK(scene.ended(504, Reason::RequestTimeout) == 1);
  }
  SUBCASE("during a back-off that follows another time-out") {
    rule.retry->timeoutMs = 20;
    rule.retry->backoff = route::RetryBackoff{.minMs = 600'000, .maxMs = 600'000};
    RouteScene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    TestPeer silent = scene.server.accept();
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 504 "));
    CHECK(scene.ended(504, Reason::RequestTimeout) == 1);
  }
}

TEST_CASE("when no backend is ready after the back-off, what was held is passed on") {
  route::RuleSpec rule = retrying(2);
  rule.retry->backoff = route::RetryBackoff{.minMs = 1'000, .maxMs = 1'000};
  RouteScene scene(HTTP1, rule);
  TestPeer client = scene.http1Client();
  client.send(GET);
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nheld");
  // The retry is counted when its back-off begins.
  while (scene.countedOf(Family::RouteRetryRequestsTotal) == 0) {
  }
  scene.worker.run([](Worker& worker) { worker.removeTarget(1); });
  CHECK(client.receiveUntil("\r\n\r\nheld").starts_with("HTTP/1.1 503 "));
  CHECK(scene.countedOf(Family::RouteRetryOverflowTotal) == 1);
  CHECK(scene.ended(503) == 1);
}

TEST_CASE("a spent budget leaves the response as it is") {
  route::RuleSpec rule = retrying(2);
  rule.retry->budget =
      route::BudgetSpec{.id = 1, .ratio = 0, .minRetriesPerSecond = 0, .ttlMs = 10'000};
  RouteScene scene(HTTP1, rule);
  TestPeer client = scene.http1Client();
  client.send(GET);
  serve(scene.server, 0, UNAVAILABLE);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(scene.countedOf(Family::RouteRetryOverflowTotal) == 1);
}

TEST_CASE("endpoints that cannot be reached are tried again, up to the limit") {
  contract::PutTarget forward = testTarget(1);
  forward.forward = true;
  RouteScene scene(HTTP1, retrying(2), forward);
  scene.server.close();
  TestPeer client = scene.http1Client();
  client.send(GET);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 502 "));
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::ConnectRefused);
  CHECK(failure.tries == 3);
  CHECK(failure.routeId == 7);
  CHECK(scene.countedOf(Family::RouteRetryLimitExceededTotal) == 1);
}

TEST_CASE("a gRPC response is tried again by its status, and not once it carries a message") {
  RouteScene scene(HTTP2, retrying(1));
  auto client = scene.http2Client();
  const auto id = askGrpc(*client);
  auto app = scene.acceptHttp2();
  const auto first = app->awaitRequest();
  CHECK(app->awaitEnd(first).body == "message");
  const std::vector<std::pair<std::string, std::string>> unavailable = {{"grpc-status", "14"}};
  SUBCASE("in a head that is all") { app->respond(first, 200, End::Last, unavailable); }
  SUBCASE("in trailers that follow at once") {
    app->respond(first, 200, End::More);
    app->end(first, unavailable);
  }
  SUBCASE("after a message") {
    app->respond(first, 200, End::More);
    app->send(first, "answer");
    app->end(first, unavailable);
    SeenStream& response = client->awaitEnd(id);
    CHECK(response.body == "answer");
    CHECK(response.trailers["grpc-status"] == "14");
    CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 0);
    CHECK(scene.ended(200, Reason::None, 14) == 1);
    return;
  }
  const auto second = app->awaitRequest();
  CHECK(app->awaitEnd(second).body == "message");
  app->respond(second, 200, End::More);
  app->send(second, "answer");
  app->end(second, {{"grpc-status", "0"}});
  SeenStream& response = client->awaitEnd(id);
  CHECK(response.body == "answer");
  CHECK(response.trailers["grpc-status"] == "0");
  CHECK(scene.countedOf(Family::RouteRetrySuccessesTotal) == 1);
  CHECK(scene.ended(200, Reason::None, 0) == 1);
}

TEST_CASE("a response that takes too long, or stands still, is cut short with a reset") {
  struct Row {
    route::StreamTimeouts timeouts;
    Reason reason;
  };
  for (const Row& row : {Row{{.responseMs = 700}, Reason::ResponseTimeout},
                         Row{{.idleMs = 700}, Reason::StreamIdleTimeout},
                         Row{{.requestMs = 700}, Reason::RequestTimeout}}) {
    RouteScene scene(HTTP2, timed(row.timeouts));
    auto client = scene.http2Client();
    const auto id = client->request("GET", "/", End::Last);
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    app->respond(got, 200, End::More);
    app->send(got, "half");
    SeenStream& response = client->awaitEnd(id);
    CHECK(response.reset);
    app->receiveUntil([&] { return app->streams[got].reset; });
    CHECK(scene.worker.await<contract::Failure>().reason == row.reason);
  }
}

TEST_CASE(
    "a refused request is sent again byte for byte while no more than 64 KiB of it have come") {
  struct Row {
    size_t size;
    bool again;
  };
  for (const Row& row : {Row{0, true}, Row{65'536, true}, Row{65'537, false}}) {
    CAPTURE(row.size);
    ExchangeScene scene(HTTP2);
    auto client = scene.http2Client();
    const std::string body = randomBytes(row.size, 1);
    const auto id = client->request("POST", "/", End::More);
    // Windows may be smaller than the body: the endpoint reads meanwhile.
    std::thread sender([&] {
      if (client->send(id, body)) client->end(id);
      client->reachesEnd(id);
    });
    auto app = scene.acceptHttp2();
    const auto first = app->awaitRequest();
    CHECK(app->reachesEnd(first));
    CHECK(app->streams[first].body == body);
    app->session().reset(first, http2::ErrorCode::RefusedStream);
    app->flush();
    if (row.again) {
      const auto second = app->awaitRequest();
      CHECK(app->reachesEnd(second));
      CHECK(app->streams[second].body == body);
      app->respond(second, 204, End::Last);
    }
    sender.join();
    CHECK(client->streams[id].status == (row.again ? 204 : 0));
    CHECK(client->streams[id].reset == !row.again);
  }
}

TEST_CASE("a gRPC request that fails at its last try has exceeded the limit") {
  RouteScene scene(HTTP2, retrying(1));
  auto client = scene.http2Client();
  const auto id = askGrpc(*client);
  auto app = scene.acceptHttp2();
  const auto first = app->awaitRequest();
  // One that has not come whole is not tried again.
  app->awaitEnd(first);
  app->respond(first, 200, End::More);
  app->end(first, {{"grpc-status", "14"}});
  // It may have come while the end was on its way.
  REQUIRE(app->reaches([&] { return app->lastRequest != first; }));
  const auto second = app->lastRequest;
  app->respond(second, 200, End::More);
  app->end(second, {{"grpc-status", "14"}});
  CHECK(client->awaitEnd(id).trailers["grpc-status"] == "14");
  CHECK(scene.countedOf(Family::RouteRetryLimitExceededTotal) == 1);
  CHECK(scene.countedOf(Family::RouteRetrySuccessesTotal) == 0);
}

// Rules of ServiceProfiles (reference §4.10): one limit for the head of the response, retries of
// responses alone within a budget, and the families that they are counted in.
#include "proxy/exchange.h"
#include "proxy/testing-routes.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

namespace {
constexpr auto HTTP1 = EndpointProtocol::Http1;
constexpr auto HTTP2 = EndpointProtocol::Http2;
const std::string GET = "GET /a HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
const std::string UNAVAILABLE =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const std::string FINE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

route::RuleSpec profile() {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.kind = route::RouteKind::Profile;
  return rule;
}
// As many retries as the budget has: this many for each request.
route::RuleSpec retrying(uint32_t perRequest) {
  route::RuleSpec rule = profile();
  rule.retry = route::Retry{
      .maxRetries = 0,
      .maxRequestBytes = 1'000,
      .statuses = {{500, 599}},
      .grpcCodes = 1U << 2 | 1U << 14,
      .budget =
          route::BudgetSpec{.id = 1, .ratio = static_cast<double>(perRequest), .ttlMs = 60'000},
      .responsesOnly = true};
  return rule;
}
void serve(TestServer& server, const std::string& response) {
  TestPeer app = server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(response);
}

struct Scene : RouteScene {
  using RouteScene::RouteScene;
  uint64_t responded(Family family, uint16_t status, bool failure, int8_t grpcStatus = -1,
                     Reason reason = Reason::None) {
    LabelSet labels = routeLabels(7);
    labels.statusCode = status;
    labels.classification = failure ? Classification::Failure : Classification::Success;
    labels.grpcStatus = grpcStatus;
    labels.reason = reason;
    return counted(worker, family, labels);
  }
  uint64_t skipped() {
    LabelSet labels = routeLabels(7);
    labels.noBudget = true;
    return counted(worker, Family::ProfileRetryableTotal, labels);
  }
  // How many latencies of this status there are.
  uint64_t latencies(uint16_t status) {
    LabelSet labels = routeLabels(7);
    labels.statusCode = status;
    uint64_t count = 0;
    worker.run([&](Worker& inside) {
      const SeriesId series = inside.recorder().intern(Family::ProfileResponseLatencyMs, labels);
      std::vector<uint64_t> values;
      inside.recorder().snapshot(values);
      // Three bounds and +Inf (testSettings).
      for (SeriesId bucket = 0; bucket < 4; ++bucket) count += values.at(series + bucket);
    });
    return count;
  }
};
}  // namespace

TEST_CASE("a rule of a profile is counted in families of its own, and in no other") {
  Scene scene(HTTP1, profile());
  TestPeer client = scene.http1Client();
  client.send(GET);
  serve(scene.server, FINE);
  CHECK(client.receiveUntil("ok").ends_with("ok"));
  CHECK(scene.countedOf(Family::ProfileRequestTotal) == 1);
  CHECK(scene.countedOf(Family::ProfileActualRequestTotal) == 1);
  CHECK(scene.responded(Family::ProfileResponseTotal, 200, false) == 1);
  CHECK(scene.responded(Family::ProfileActualResponseTotal, 200, false) == 1);
  CHECK(scene.latencies(200) == 1);
  CHECK(scene.ended(200) == 0);
  CHECK(scene.countedOf(Family::BackendRequestsTotal, 3) == 0);
}

TEST_CASE("what the rule calls a failure is counted as one") {
  route::RuleSpec rule = profile();
  rule.failureStatuses = {{404, 404}};
  Scene scene(HTTP1, rule);
  TestPeer client = scene.http1Client();
  for (const std::string status : {"404 Not Found", "503 Service Unavailable"}) {
    client.send(GET);
    serve(scene.server,
          "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.receiveUntil("\r\n\r\n");
  }
  CHECK(scene.responded(Family::ProfileResponseTotal, 404, true) == 1);
  CHECK(scene.responded(Family::ProfileResponseTotal, 503, false) == 1);
}

TEST_CASE("a request without a response has no status and is a failure") {
  Scene scene(HTTP1, profile());
  scene.server.close();
  TestPeer client = scene.http1Client();
  client.send(GET);
  CHECK(client.receiveAll().starts_with("HTTP/1.1 504 "));
  CHECK(scene.responded(Family::ProfileResponseTotal, 0, true, -1, Reason::FailFast) == 1);
  CHECK(scene.responded(Family::ProfileActualResponseTotal, 0, true, -1, Reason::FailFast) == 1);
  CHECK(scene.latencies(504) == 0);
}

TEST_CASE("what a client gave up counts as its response stood, and without one not at all") {
  Scene scene(HTTP2, profile());
  auto client = scene.http2Client();
  SUBCASE("a response that had begun") {
    const auto id = client->request("GET", "/", End::Last);
    auto app = scene.acceptHttp2();
    app->respond(app->awaitRequest(), 200, End::More);
    client->receiveUntil([&] { return client->streams[id].status == 200; });
    client->socket().reset();
    while (scene.responded(Family::ProfileResponseTotal, 200, false) == 0)
      std::this_thread::yield();
    CHECK(scene.responded(Family::ProfileActualResponseTotal, 200, false) == 1);
    CHECK(scene.latencies(200) == 1);
  }
  SUBCASE("none") {
    client->request("GET", "/", End::Last);
    auto app = scene.acceptHttp2();
    app->awaitRequest();
    client->socket().reset();
    app->receiveUntil([&] { return app->streams[app->lastRequest].reset; });
    CHECK(scene.countedOf(Family::ProfileRequestTotal) == 1);
    CHECK(scene.responded(Family::ProfileResponseTotal, 0, true, -1, Reason::ClientReset) == 0);
    CHECK(scene.responded(Family::ProfileResponseTotal, 0, false) == 0);
  }
}

TEST_CASE("gRPC is judged by its status, and one that ends without is no failure") {
  struct Row {
    std::vector<std::pair<std::string, std::string>> trailers;
    int8_t status;
    bool failure;
  };
  const Row rows[] = {
      {{{"grpc-status", "0"}}, 0, false},
      {{{"grpc-status", "5"}}, 5, false},
      {{{"grpc-status", "14"}}, 14, true},
      {{{"grpc-status", "2"}}, 2, true},
      {{{"x", "y"}}, 2, false},
  };
  for (const Row& row : rows) {
    CAPTURE(int{row.status});
    Scene scene(HTTP2, profile());
    auto client = scene.http2Client();
    const auto id =
        client->request("POST", "/s/m", End::Last, {{"content-type", "application/grpc"}});
    auto app = scene.acceptHttp2();
    const auto got = app->awaitRequest();
    app->respond(got, 200, End::More);
    app->send(got, "message");
    app->end(got, row.trailers);
    client->awaitEnd(id);
    CHECK(scene.responded(Family::ProfileResponseTotal, 200, row.failure, row.status) == 1);
    CHECK(scene.responded(Family::ProfileActualResponseTotal, 200, row.failure, row.status) == 1);
  }
}

TEST_CASE("failed responses are tried again until the budget is spent") {
  Scene scene(HTTP1, retrying(2));
  TestPeer client = scene.http1Client();
  client.send(GET);
  for (int tries = 0; tries < 3; ++tries) serve(scene.server, UNAVAILABLE);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(scene.countedOf(Family::ProfileRequestTotal) == 1);
  CHECK(scene.countedOf(Family::ProfileActualRequestTotal) == 3);
  CHECK(scene.responded(Family::ProfileResponseTotal, 503, true) == 1);
  CHECK(scene.responded(Family::ProfileActualResponseTotal, 503, true) == 3);
  CHECK(scene.countedOf(Family::ProfileRetryableTotal) == 3);
  CHECK(scene.skipped() == 1);
  CHECK(scene.countedOf(Family::RouteRetryRequestsTotal) == 0);
}

TEST_CASE("a retry that gets a response is what the client sees") {
  Scene scene(HTTP1, retrying(5));
  TestPeer client = scene.http1Client();
  client.send(GET);
  serve(scene.server, UNAVAILABLE);
  serve(scene.server, FINE);
  CHECK(client.receiveUntil("ok").starts_with("HTTP/1.1 200 "));
  CHECK(scene.responded(Family::ProfileResponseTotal, 200, false) == 1);
  CHECK(scene.responded(Family::ProfileActualResponseTotal, 503, true) == 1);
  CHECK(scene.responded(Family::ProfileActualResponseTotal, 200, false) == 1);
  CHECK(scene.skipped() == 0);
}

TEST_CASE("what failed otherwise than by its response is not tried again") {
  SUBCASE("a connection that ends") {
    Scene scene(HTTP1, retrying(5));
    TestPeer client = scene.http1Client();
    client.send(GET);
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    app.close();
    CHECK(client.receiveAll().starts_with("HTTP/1.1 502 "));
    CHECK(scene.countedOf(Family::ProfileActualRequestTotal) == 1);
    CHECK(scene.countedOf(Family::ProfileRetryableTotal) == 0);
  }
  SUBCASE("fail-fast") {
    Scene scene(HTTP1, retrying(5));
    scene.server.close();
    TestPeer client = scene.http1Client();
    client.send(GET);
    CHECK(client.receiveAll().starts_with("HTTP/1.1 504 "));
    CHECK(scene.countedOf(Family::ProfileActualRequestTotal) == 1);
  }
  SUBCASE("a head that is late") {
    route::RuleSpec rule = retrying(5);
    rule.retry->timeoutMs = 30;
    Scene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    TestPeer silent = scene.server.accept();
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 504 "));
    CHECK(scene.countedOf(Family::ProfileActualRequestTotal) == 1);
  }
}

TEST_CASE("the head of the response has one limit over all tries, and then the connection ends") {
  route::RuleSpec rule = retrying(1'000);
  rule.timeouts.headMs = 300;
  SUBCASE("an HTTP/1.1 client is answered and let go") {
    Scene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    serve(scene.server, UNAVAILABLE);
    TestPeer silent = scene.server.accept();
    const std::string answer = client.receiveAll();
    CHECK(answer.starts_with("HTTP/1.1 504 "));
    CHECK(answer.find("connection: close\r\n") != std::string::npos);
    const auto failure = scene.worker.await<contract::Failure>();
    CHECK(failure.reason == Reason::RouteTimeout);
    CHECK(failure.tries == 2);
    CHECK(scene.responded(Family::ProfileResponseTotal, 0, true, -1, Reason::RouteTimeout) == 1);
    CHECK(scene.responded(Family::ProfileActualResponseTotal, 0, true, -1, Reason::RouteTimeout) ==
          1);
  }
  SUBCASE("a gRPC client is told its deadline is over, and its connection goes away") {
    Scene scene(HTTP2, rule);
    auto client = scene.http2Client();
    const auto id =
        client->request("POST", "/s/m", End::Last, {{"content-type", "application/grpc"}});
    auto silent = scene.acceptHttp2();
    CHECK(client->awaitEnd(id).fields["grpc-status"] == "4");
    client->receiveUntil([&] { return client->goaway; });
  }
  SUBCASE("what comes after the head takes as long as it will") {
    Scene scene(HTTP1, rule);
    TestPeer client = scene.http1Client();
    client.send(GET);
    TestPeer app = scene.server.accept();
    app.receiveUntil("\r\n\r\n");
    app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    client.receiveUntil("\r\n\r\n");
    // Until the limit would be over.
    uint64_t begun = 0;
    for (uint64_t now = 0; begun == 0 || now < begun + 400;) {
      scene.worker.run([&](Worker& inside) { now = inside.loop().nowMs(); });
      if (begun == 0) begun = now;
    }
    app.send("ok");
    CHECK(client.receiveUntil("ok") == "ok");
  }
}

// HTTP/1 requests that are relayed in place by the rules of a route table: what filters change, and
// what they answer.
#include "proxy/http-connection.h"
#include "proxy/testing-routes.h"

using namespace mesh;
using namespace mesh::testing;

namespace {
constexpr auto HTTP1 = contract::EndpointProtocol::Http1;
const std::string GET = "GET /a?b HTTP/1.1\r\nHost: web.mesh\r\n\r\n";

route::FailureInjector tea() {
  return {.numerator = 1, .denominator = 1, .failure = route::HttpFailure{418, "tea"}};
}
route::RuleSpec filtered(route::Filter filter) {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.filters = {std::move(filter)};
  return rule;
}
}  // namespace

TEST_CASE("filters change heads on their way, and the request is counted for rule and backend") {
  route::Backend backend = backendTo(1);
  backend.filters = {route::ResponseHeaders{{.set = {{"server", "mesh"}}}}};
  route::RuleSpec rule = ruleTo({backend});
  rule.filters = {route::RequestHeaders{{.add = {{"x-rule", "1"}}}},
                  route::ResponseHeaders{{.remove = {"x-secret"}}}};
  RouteScene scene(HTTP1, rule);
  TestPeer client = scene.http1Client();
  client.send(GET);
  TestPeer app = scene.server.accept();
  CHECK(app.receiveUntil("\r\n\r\n").find("x-rule: 1\r\n") != std::string::npos);
  app.send("HTTP/1.1 200 OK\r\nServer: app\r\nX-Secret: s\r\nContent-Length: 2\r\n\r\nok");
  const std::string response = client.receiveUntil("\r\n\r\nok");
  CHECK(response.find(": mesh\r\n") != std::string::npos);
  CHECK(response.find("app") == std::string::npos);
  CHECK(response.find("Secret") == std::string::npos);
  CHECK(scene.ended(200) == 1);
  CHECK(scene.countedOf(Family::BackendRequestsTotal, 3) == 1);
  LabelSet answered = routeLabels(7, 3);
  answered.statusCode = 200;
  CHECK(counted(scene.worker, Family::BackendResponseStatusesTotal, answered) == 1);
}

TEST_CASE("what a filter answers leaves the connection to the requests that follow") {
  SUBCASE("an injected failure") {
    RouteScene scene(HTTP1, filtered(tea()));
    TestPeer client = scene.http1Client();
    // Pipelined: one after the other.
    client.send(GET + GET);
    for (int times = 0; times < 2; ++times) {
      const std::string answer = client.receiveUntil("\r\n\r\n");
      CHECK(answer.starts_with("HTTP/1.1 418 "));
      CHECK(answer.find("onnection: close") == std::string::npos);
    }
    client.send(GET);
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 418 "));
    CHECK(scene.ended(418) == 3);
    CHECK(scene.worker.await<contract::Failure>().reason == Reason::InjectedFailure);
    CHECK_FALSE(scene.server.waits(0));
  }
  SUBCASE("a redirect") {
    RouteScene scene(HTTP1, filtered(route::Redirect{.status = 302, .host = "else.where"}));
    TestPeer client = scene.http1Client();
    for (int times = 0; times < 2; ++times) {
      client.send(GET);
      const std::string answer = client.receiveUntil("\r\n\r\n");
      CHECK(answer.starts_with("HTTP/1.1 302 "));
      CHECK(answer.find("ocation: http://else.where/a?b\r\n") != std::string::npos);
    }
    CHECK(scene.ended(302) == 2);
  }
}

TEST_CASE("a request with a body that is answered by a filter is the last of its connection") {
  RouteScene scene(HTTP1, filtered(tea()));
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: web.mesh\r\nContent-Length: 5\r\n\r\n");
  const std::string answer = client.receiveUntil("\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 418 "));
  CHECK(answer.find("onnection: close") != std::string::npos);
  CHECK(client.receiveAll().empty());
}

TEST_CASE("a request whose rule leads nowhere is told so and counted") {
  RouteScene scene(HTTP1, ruleTo({backendTo(0)}));
  TestPeer client = scene.http1Client();
  client.send(GET);
  const uint16_t status = statusOf(Reason::NoDispatcher);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 " + std::to_string(status)));
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::NoDispatcher);
  CHECK(failure.routeId == 7);
  CHECK(scene.ended(status, Reason::NoDispatcher) == 1);
}

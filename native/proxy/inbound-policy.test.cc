// Who comes in by the policy of a server, how often, and what is counted of it: over real connections
// to a worker of its own.
#include "proxy/inbound-policy.h"

#include "proxy/testing-routes.h"

using namespace mesh;
using namespace mesh::testing;

namespace {

constexpr uint32_t LOOPBACK = 0x7f000000;
constexpr uint32_t ELSEWHERE = 0xc0000200;
const std::string GET = "GET /a HTTP/1.1\r\nHost: web.mesh\r\n\r\n";
const std::string OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

authz::AuthorizationSpec from(uint32_t network, bool audit = false) {
  return {.id = 31,
          .name = "authorization/near",
          .networks = {{.network = {.address = SocketAddress::v4(network, 0), .prefixLength = 8},
                        .except = {}}},
          .authentication = authz::Authentication::Anyone,
          .identities = {},
          .identitySuffixes = {},
          .audit = audit};
}

// One rule and one TCP route, both by the authorization given, to target 1.
route::TableSpec policed(authz::AuthorizationSpec authorization) {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.authorizations = {0};
  route::TableSpec spec = tableOf(std::move(rule));
  spec.tcp = route::TcpRouteSpec{
      .id = 5,
      .name = "tcp-5",
      .distribution = {.kind = route::DistributionKind::FirstAvailable, .backends = {backendTo(1)}},
      .refusal = Reason::None,
      .authorizations = {0}};
  spec.server = authz::ServerPolicySpec{.id = 21,
                                        .name = "server/web",
                                        .authorizations = {std::move(authorization)},
                                        .rateLimit = std::nullopt};
  return spec;
}

contract::Settings loggingSettings() {
  contract::Settings settings = testSettings();
  settings.logLevel = contract::LogLevel::Info;
  return settings;
}

// Whether the connection ends without a byte. What was sent meanwhile may have met the reset already.
bool closedMute(TestPeer& client) {
  const std::string all = client.receiveAll();
  return all.empty() || all == "<reset>";
}

// An inbound port whose table is `spec`.
struct Scene {
  TestServer server;
  TestWorker worker;
  SocketAddress address;

  explicit Scene(route::TableSpec spec, contract::Protocol protocol = contract::Protocol::Http1,
                 contract::Settings settings = loggingSettings())
      : worker(std::move(settings)) {
    worker.putTarget(testTarget(1));
    worker.addEndpoint(1, server.address());
    put(std::move(spec));
    direct(protocol);
    address = worker.listenFor({.id = 1,
                                .direction = Direction::Inbound,
                                .address = loopback(0),
                                .source = contract::OriginalDestinationSource::Fixed,
                                .destinationId = 1});
  }
  void put(route::TableSpec spec) {
    const auto table = compiledTable(std::move(spec));
    worker.run([&](Worker& inside) { inside.putRouteTable(table); });
  }
  void direct(contract::Protocol protocol, uint32_t tableId = 1) {
    worker.putDestination({.id = 1,
                           .direction = Direction::Inbound,
                           .address = {},
                           .protocol = protocol,
                           .detectTimeoutMs = 60'000,
                           .targetId = 0,
                           .authorities = {},
                           .routeTableId = tableId});
  }
  TestPeer client() const { return TestPeer::connectTo(address); }
  // Of server 21.
  uint64_t counts(Family family, PolicyLabels labels = {}) {
    LabelSet wanted;
    wanted.direction = Direction::Inbound;
    wanted.serverId = 21;
    wanted.routeId = labels.routeId;
    wanted.authorizationId = labels.authorizationId;
    wanted.rateLimitId = labels.rateLimitId;
    wanted.limitScope = labels.limitScope;
    wanted.portSkipped = labels.portSkipped;
    return counted(worker, family, wanted);
  }
  // The next line, its fields as "name=value" in order but for the client, whose port is any.
  std::string line() {
    const auto logged = worker.await<contract::LogLine>();
    CHECK(logged.level == contract::LogLevel::Info);
    std::string text = logged.message;
    for (const auto& [name, value] : logged.fields) {
      text += name == "client" ? " " + name : " " + name + "=" + value;
    }
    return text;
  }
};

}  // namespace

// ---------------------------------------------------------------- requests

TEST_CASE("a request from an allowed network goes on and is counted for its authorization") {
  Scene scene(policed(from(LOOPBACK)));
  TestPeer client = scene.client();
  client.send(GET);
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(OK);
  CHECK(client.receiveUntil("\r\n\r\nok").starts_with("HTTP/1.1 200"));
  CHECK(scene.counts(Family::HttpAuthzAllowTotal, {.routeId = 7, .authorizationId = 31}) == 1);
  CHECK(scene.counts(Family::HttpAuthzDenyTotal, {.routeId = 7}) == 0);
  CHECK(scene.counts(Family::ServerRequestsTotal, {.routeId = 7}) == 1);
  LabelSet answered;
  answered.direction = Direction::Inbound;
  answered.serverId = 21;
  answered.routeId = 7;
  answered.statusCode = 200;
  CHECK(counted(scene.worker, Family::ServerStatusesTotal, answered) == 1);
  // Outbound routes are counted apart.
  CHECK(counted(scene.worker, Family::BackendRequestsTotal, routeLabels(7, 3)) == 0);
}

TEST_CASE("a request from elsewhere is denied, is said, and the connection stays open") {
  Scene scene(policed(from(ELSEWHERE)));
  TestPeer client = scene.client();
  for (int times = 0; times < 2; ++times) {
    client.send(GET);
    const std::string answer = client.receiveUntil("\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 403 "));
    CHECK(answer.find("onnection: close") == std::string::npos);
    CHECK(answer.find("l5d-proxy-error") == std::string::npos);
    CHECK(scene.line() == "Request denied server=server/web route=rule-7 client tls=none");
    const auto failure = scene.worker.await<contract::Failure>();
    CHECK(failure.reason == Reason::Unauthorized);
    CHECK(failure.routeId == 7);
    CHECK(failure.status == 403);
    CHECK(failure.detail == "route rule-7: unauthorized request on route");
  }
  CHECK(scene.counts(Family::HttpAuthzDenyTotal, {.routeId = 7}) == 2);
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("a rule without authorizations allows nobody, also through a policy that would") {
  route::TableSpec spec = policed(from(LOOPBACK));
  spec.rules[0].authorizations.clear();
  Scene scene(std::move(spec));
  TestPeer client = scene.client();
  client.send(GET);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 403 "));
}

TEST_CASE("filters answer after the authorization") {
  route::TableSpec spec = policed(from(ELSEWHERE));
  spec.rules[0].filters = {route::Redirect{.status = 302, .host = "b.mesh"}};
  Scene scene(spec);
  TestPeer client = scene.client();
  client.send(GET);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 403 "));
  spec.server->authorizations = {from(LOOPBACK)};
  scene.put(spec);
  client.send(GET);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 302 "));
}

TEST_CASE("a request that an audited authorization allows is said") {
  Scene scene(policed(from(LOOPBACK, true)));
  TestPeer client = scene.client();
  client.send(GET);
  TestPeer app = scene.server.accept();
  CHECK(scene.line() ==
        "Request allowed server=server/web route=rule-7 authorization=authorization/near client "
        "tls=none");
}

TEST_CASE("a request that no rule takes is counted for the server") {
  route::TableSpec spec = policed(from(LOOPBACK));
  spec.hosts[0].entries[0].match.path = route::PathExact{"/b"};
  Scene scene(std::move(spec));
  TestPeer client = scene.client();
  client.send(GET);
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 404 "));
  CHECK(scene.worker.await<contract::Failure>().detail == "no route found for request");
  CHECK(scene.counts(Family::HttpRouteNotFoundTotal) == 1);
}

TEST_CASE("what is beyond the rate limit is told so, after the filters") {
  route::TableSpec spec = policed(from(LOOPBACK));
  spec.server->rateLimit = authz::RateLimitSpec{.id = 41, .totalPerSecond = 1};
  // Never given a token: what a filter answers is not counted.
  spec.hosts[0].entries.insert(
      spec.hosts[0].entries.begin(),
      route::EntrySpec{.match = {.path = route::PathExact{"/tea"}}, .rule = 1});
  route::RuleSpec tea = ruleTo({backendTo(1)});
  tea.authorizations = {0};
  tea.filters = {route::Redirect{.status = 302, .host = "b.mesh"}};
  spec.rules.push_back(std::move(tea));
  Scene scene(std::move(spec));
  TestPeer client = scene.client();
  for (int times = 0; times < 3; ++times) {
    client.send("GET /tea HTTP/1.1\r\nHost: web.mesh\r\n\r\n");
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 302 "));
  }
  std::thread application([&scene] {
    TestPeer app = scene.server.accept();
    while (app.receiveUntil("\r\n\r\n").ends_with("\r\n\r\n")) app.send(OK);
  });
  // One goes on at once and the next does not, unless a second has gone by between them.
  int passed = 0;
  std::string answer;
  for (;;) {
    client.send(GET);
    answer = client.receiveUntil("\r\n\r\n");
    if (!answer.starts_with("HTTP/1.1 200 ")) break;
    CHECK(client.receive(2) == "ok");
    ++passed;
  }
  CHECK(passed >= 1);
  CHECK(answer.starts_with("HTTP/1.1 429 "));
  CHECK(answer.find("onnection: close") == std::string::npos);
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::RateLimited);
  CHECK(failure.detail == "route rule-7: total rate limit exceeded: 1rps");
  CHECK(scene.counts(Family::HttpRateLimitTotal,
                     {.rateLimitId = 41, .limitScope = LimitScope::Total}) == 1);
  // The application's connection ends with its pool.
  scene.worker.run([](Worker& inside) { inside.removeTarget(1); });
  application.join();
}

// ---------------------------------------------------------------- connections

TEST_CASE("an allowed connection is joined to its endpoint and counted") {
  Scene scene(policed(from(LOOPBACK, true)), contract::Protocol::Opaque);
  TestPeer client = scene.client();
  client.send("question");
  TestPeer app = scene.server.accept();
  CHECK(app.receive(8) == "question");
  CHECK(scene.line() ==
        "Connection allowed server=server/web authorization=authorization/near client tls=none");
  CHECK(scene.counts(Family::TcpAuthzAllowTotal, {.authorizationId = 31, .portSkipped = true}) ==
        1);
}

TEST_CASE("a denied connection is closed without a word, and nothing is dialled") {
  route::TableSpec spec = policed(from(ELSEWHERE));
  SUBCASE("by the network") {}
  SUBCASE("by a route without authorizations") { spec.tcp->authorizations.clear(); }
  SUBCASE("by a table for HTTP alone") { spec.tcp.reset(); }
  Scene scene(std::move(spec), contract::Protocol::Opaque);
  TestPeer client = scene.client();
  // What looks like a request is not answered either.
  client.send(GET);
  CHECK(closedMute(client));
  CHECK(scene.line() == "Connection denied server=server/web client tls=none");
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::Unauthorized);
  CHECK(failure.detail == "unauthorized connection on server/web");
  CHECK(scene.counts(Family::TcpAuthzDenyTotal, {.portSkipped = true}) == 1);
  CHECK_FALSE(scene.server.waits(0));
}

TEST_CASE("a silent client of a server that speaks first is judged before the dial") {
  Scene scene(policed(from(ELSEWHERE)), contract::Protocol::Detect);
  TestPeer client = scene.client();
  CHECK_FALSE(scene.server.waits(100));
  client.send(std::string("\x01\x02\x03", 3));
  CHECK(closedMute(client));
  CHECK(scene.counts(Family::TcpAuthzDenyTotal) == 1);
}

TEST_CASE("a connection that is no longer allowed is cut, and one that still is goes on") {
  Scene scene(policed(from(LOOPBACK)), contract::Protocol::Opaque);
  TestPeer client = scene.client();
  client.send("a");
  TestPeer app = scene.server.accept();
  CHECK(app.receive(1) == "a");
  route::TableSpec same = policed(from(LOOPBACK));
  same.server->name = "server/other";
  scene.put(same);
  client.send("b");
  CHECK(app.receive(1) == "b");
  CHECK(scene.counts(Family::TcpAuthzTerminateTotal, {.portSkipped = true}) == 0);

  SUBCASE("by another table of this id") { scene.put(policed(from(ELSEWHERE))); }
  SUBCASE("by a table of another id") {
    route::TableSpec other = policed(from(ELSEWHERE));
    other.id = 2;
    scene.put(std::move(other));
    scene.direct(contract::Protocol::Opaque, 2);
  }
  CHECK(closedMute(client));
  CHECK(app.receiveAll() == "<reset>");
  CHECK(scene.line() ==
        "Connection terminated due to policy change server=server/web client tls=none");
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::Unauthorized);
  CHECK(failure.detail == "unauthorized connection on server/web");
  CHECK(scene.counts(Family::TcpAuthzTerminateTotal, {.portSkipped = true}) == 1);
}

TEST_CASE("a request under way and an upgrade are not cut when the policy changes") {
  Scene scene(policed(from(LOOPBACK)));
  TestPeer client = scene.client();
  client.send("GET /a HTTP/1.1\r\nHost: web.mesh\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  scene.put(policed(from(ELSEWHERE)));
  app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  scene.put(policed(from(ELSEWHERE)));
  client.send("ping");
  CHECK(app.receive(4) == "ping");
}

TEST_CASE("connections of an address that is refused are closed at once") {
  Scene scene(policed(from(LOOPBACK)));
  contract::PutDestination refused{.id = 2,
                                   .direction = Direction::Inbound,
                                   .address = SocketAddress::v4(0x0a000007, 80),
                                   .protocol = contract::Protocol::Http1};
  refused.refusal = Reason::AddressNotAllowed;
  std::string detail = "inbound connections are not allowed on this IP address (10.0.0.7)";
  SUBCASE("in the words of the reason") {}
  SUBCASE("in words that were given") {
    refused.refusalDetail = "of another pod";
    detail = "inbound connections are not allowed on this IP address: of another pod";
  }
  scene.worker.putDestination(refused);
  const SocketAddress address =
      scene.worker.listenFor({.id = 2,
                              .direction = Direction::Inbound,
                              .address = loopback(0),
                              .source = contract::OriginalDestinationSource::Address,
                              .originalDestination = SocketAddress::v4(0x0a000007, 80)});
  TestPeer client = TestPeer::connectTo(address);
  client.send(GET);
  CHECK(closedMute(client));
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::AddressNotAllowed);
  CHECK(failure.detail == detail);
  CHECK(failure.originalDestination == SocketAddress::v4(0x0a000007, 80));
  CHECK(failure.status == 0);
}

TEST_CASE("a listener without original destinations refuses whoever comes") {
  Scene scene(policed(from(LOOPBACK)));
  const SocketAddress address =
      scene.worker.listenFor({.id = 2,
                              .direction = Direction::Inbound,
                              .address = loopback(0),
                              .source = contract::OriginalDestinationSource::Nowhere});
  TestPeer client = TestPeer::connectTo(address);
  CHECK(closedMute(client));
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::NoOriginalDestination);
}

// ---------------------------------------------------------------- requests in flight

TEST_CASE("more requests in flight than allowed are shed until a response head has come") {
  contract::Settings settings = testSettings();
  settings.inboundMaxInFlight = 1;
  Scene scene(policed(from(LOOPBACK)), contract::Protocol::Http1, settings);
  TestPeer first = scene.client();
  first.send(GET);
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  TestPeer second = scene.client();
  second.send(GET);
  const std::string shed = second.receiveAll();
  CHECK(shed.starts_with("HTTP/1.1 503 "));
  CHECK(shed.find("onnection: close") != std::string::npos);
  const auto failure = scene.worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::TooManyInFlight);
  CHECK(failure.detail == "service unavailable: too many requests in flight");
  // The head makes room, though the body is still to come.
  app.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  CHECK(first.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 200"));
  TestPeer third = scene.client();
  third.send(GET);
  TestPeer other = scene.server.accept();
  other.receiveUntil("\r\n\r\n");
  other.send(OK);
  CHECK(third.receiveUntil("\r\n\r\nok").starts_with("HTTP/1.1 200"));
}

TEST_CASE("a request that is refused or given up leaves its place to the next") {
  contract::Settings settings = testSettings();
  settings.inboundMaxInFlight = 1;
  Scene scene(policed(from(ELSEWHERE)), contract::Protocol::Http1, settings);
  TestPeer client = scene.client();
  for (int times = 0; times < 3; ++times) {
    client.send(GET);
    CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 403 "));
  }
  scene.put(policed(from(LOOPBACK)));
  TestPeer impatient = scene.client();
  impatient.send(GET);
  TestPeer app = scene.server.accept();
  app.receiveUntil("\r\n\r\n");
  impatient.reset();
  CHECK(app.receiveAll() != "<timeout>");
  client.send(GET);
  TestPeer again = scene.server.accept();
  again.receiveUntil("\r\n\r\n");
  again.send(OK);
  CHECK(client.receiveUntil("\r\n\r\nok").starts_with("HTTP/1.1 200"));
}

// TCP routes: where connections go by them, and what is counted.
#include "proxy/opaque-route.h"

#include "proxy/testing-routes.h"
#include "tls/test-hellos.h"

using namespace mesh;
using namespace mesh::testing;

namespace {

struct Scene {
  TestServer server;
  TestWorker worker;
  SocketAddress address = worker.serve(contract::Protocol::Opaque, server.address());

  explicit Scene(route::TcpRouteSpec tcp) {
    route::TableSpec spec{.id = 1};
    spec.tcp = std::move(tcp);
    routeBy(worker, std::move(spec), contract::Protocol::Opaque);
  }
  uint64_t opened() { return counted(worker, Family::TcpRouteOpenTotal, labels()); }
  uint64_t closed(Reason reason) {
    LabelSet wanted = labels();
    wanted.reason = reason;
    return counted(worker, Family::TcpRouteCloseTotal, wanted);
  }
  LabelSet labels() const {
    LabelSet labels = routeLabels(5);
    labels.targetAddress = original;
    return labels;
  }
  SocketAddress original;  // of connections: none, their destination is fixed
};

route::TcpRouteSpec routeTo(std::vector<route::Backend> backends) {
  return {.id = 5,
          .name = "tcp-5",
          .distribution = {.kind = route::DistributionKind::FirstAvailable,
                           .backends = std::move(backends)}};
}

}  // namespace

TEST_CASE("a connection is counted by its route when it opens and when it ends") {
  Scene scene(routeTo({backendTo(1)}));
  TestPeer client = TestPeer::connectTo(scene.address);
  client.send("question");
  TestPeer app = scene.server.accept();
  CHECK(app.receive(8) == "question");
  CHECK(scene.opened() == 1);
  SUBCASE("by the wish of its peers") {
    client.finish();
    CHECK(app.receiveAll().empty());
    app.close();
    CHECK(client.receiveAll().empty());
    CHECK(scene.closed(Reason::None) == 1);
  }
  SUBCASE("by a reset") {
    client.reset();
    CHECK(app.receiveAll() == "<reset>");
    const auto failure = scene.worker.await<contract::Failure>();
    CHECK(failure.routeId == 5);
    CHECK(scene.closed(Reason::ClientReset) == 1);
    CHECK(scene.closed(Reason::None) == 0);
  }
}

TEST_CASE("a connection that its route refuses is counted, too") {
  struct Row {
    route::TcpRouteSpec tcp;
    Reason reason;
  };
  route::TcpRouteSpec forbidden = routeTo({});
  forbidden.refusal = Reason::Forbidden;
  route::TcpRouteSpec invalid = routeTo({});
  invalid.refusal = Reason::InvalidPolicy;
  for (const Row& row : {Row{forbidden, Reason::Forbidden}, Row{invalid, Reason::InvalidPolicy},
                         Row{routeTo({backendTo(0)}), Reason::NoDispatcher},
                         Row{routeTo({backendTo(9)}), Reason::NoReadyBackend}}) {
    Scene scene(row.tcp);
    TestPeer client = TestPeer::connectTo(scene.address);
    CHECK(client.receiveAll() == "<reset>");
    const auto failure = scene.worker.await<contract::Failure>();
    CHECK(failure.reason == row.reason);
    CHECK(failure.routeId == 5);
    CHECK(scene.opened() == 1);
    CHECK(scene.closed(row.reason) == 1);
  }
}

TEST_CASE(
    "a dial made before the client has spoken is counted when the connection is joined to it") {
  Scene scene(routeTo({backendTo(1)}));
  scene.worker.putDestination({.id = 1,
                               .direction = Direction::Outbound,
                               .address = {},
                               .protocol = contract::Protocol::Detect,
                               .detectTimeoutMs = 60'000,
                               .targetId = 0,
                               .authorities = {},
                               .routeTableId = 1});
  scene.worker.run([](Worker& inside) { inside.destination(1)->learned = Learned::Nothing; });
  TestPeer client = TestPeer::connectTo(scene.address);
  TestPeer app = scene.server.accept();
  app.send("220 hello\r\n");
  CHECK(client.receiveUntil("\n") == "220 hello\r\n");
  CHECK(scene.opened() == 1);
  app.reset();
  CHECK(client.receiveAll() == "<reset>");
  CHECK(scene.worker.await<contract::Failure>().routeId == 5);
  CHECK(scene.closed(Reason::EndpointReset) == 1);
}

TEST_CASE("where TLS is declared the name of the server decides, and is counted with its route") {
  TestServer other;
  Scene scene(routeTo({backendTo(1)}));
  scene.worker.putTarget(testTarget(2));
  scene.worker.addEndpoint(2, other.address());
  const std::string hello = tls::testing::fromHex(tls::testing::NODE);
  const std::string name = "api.shop.svc.cluster.local";
  const auto counts = [&](Family family, Reason reason = Reason::None) {
    LabelSet labels = routeLabels(6);
    labels.serverName = name;
    labels.reason = reason;
    return counted(scene.worker, family, labels);
  };
  route::TcpRouteSpec named = routeTo({backendTo(2)});
  named.id = 6;
  named.name = "tls-6";
  route::TableSpec spec{.id = 1};
  spec.tcp = routeTo({backendTo(1)});
  SUBCASE("to the backend of its route") {
    spec.tls = {{.host = "shop.svc.cluster.local", .suffix = true, .route = named}};
    routeBy(scene.worker, spec, contract::Protocol::Tls);
    TestPeer client = TestPeer::connectTo(scene.address);
    client.send(hello);
    TestPeer app = other.accept();
    CHECK(app.receive(hello.size()) == hello);
    CHECK(counts(Family::TlsRouteOpenTotal) == 1);
    client.finish();
    CHECK(app.receiveAll().empty());
    app.close();
    CHECK(client.receiveAll().empty());
    CHECK(counts(Family::TlsRouteCloseTotal) == 1);
  }
  SUBCASE("nowhere, where no route has the name") {
    spec.tls = {{.host = "web.svc.cluster.local", .suffix = false, .route = named}};
    routeBy(scene.worker, spec, contract::Protocol::Tls);
    TestPeer client = TestPeer::connectTo(scene.address);
    client.send(hello);
    CHECK(client.receiveAll() == "<reset>");
    const auto failure = scene.worker.await<contract::Failure>();
    CHECK(failure.reason == Reason::NoRoute);
    CHECK(failure.routeId == 0);
  }
  SUBCASE("nowhere, where its route refuses it") {
    named.refusal = Reason::Forbidden;
    spec.tls = {{.host = name, .suffix = false, .route = named}};
    routeBy(scene.worker, spec, contract::Protocol::Tls);
    TestPeer client = TestPeer::connectTo(scene.address);
    client.send(hello);
    CHECK(client.receiveAll() == "<reset>");
    CHECK(scene.worker.await<contract::Failure>().detail ==
          "SNI " + name + ": forbidden TLS route: tls-6");
    CHECK(counts(Family::TlsRouteCloseTotal, Reason::Forbidden) == 1);
  }
  SUBCASE("where it is not declared the name decides nothing") {
    spec.tls = {{.host = name, .suffix = false, .route = named}};
    routeBy(scene.worker, spec, contract::Protocol::Detect);
    TestPeer client = TestPeer::connectTo(scene.address);
    client.send(hello);
    CHECK(scene.server.accept().receive(hello.size()) == hello);
    CHECK(scene.opened() == 1);
    CHECK(counts(Family::TlsRouteOpenTotal) == 0);
  }
  CHECK(scene.closed(Reason::NoRoute) == 0);
}

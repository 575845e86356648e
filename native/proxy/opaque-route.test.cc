// TCP routes: where connections go by them, and what is counted.
#include "proxy/opaque-route.h"

#include "proxy/testing-routes.h"

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

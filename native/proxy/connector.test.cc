// Who is dialled, who is not, and how long a request waits.
#include "proxy/connector.h"

#include "proxy/testing.h"

using namespace mesh;
using namespace mesh::testing;

namespace {
const std::string GET = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const std::string OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
}  // namespace

TEST_CASE("a dial that fails goes on with another endpoint") {
  DeadAddress dead;
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, dead.address());
  worker.addEndpoint(1, server.address());
  for (int request = 0; request < 5; ++request) {
    TestPeer client = TestPeer::connectTo(proxy);
    client.send(GET);
    TestPeer app = server.accept();
    app.receiveUntil("\r\n\r\n");
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    CHECK(client.receiveUntil("ok").ends_with("ok"));
  }
}

TEST_CASE("a target without endpoints answers 503 at once") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, server.address());
  worker.run([&](Worker& inside) { inside.updateEndpoints(1, {}, {server.address()}); });
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(GET);
  CHECK(client.receiveAll().starts_with("HTTP/1.1 503 "));
  CHECK(worker.await<contract::Failure>().reason == Reason::NoEndpoints);
}

TEST_CASE("requests wait for an endpoint for the fail-fast time, and then fail at once") {
  DeadAddress dead;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, dead.address());
  target.backoff = {.minMs = 60'000, .maxMs = 60'000, .jitter = 0};
  worker.putTarget(target);
  TestPeer first = TestPeer::connectTo(proxy);
  first.send(GET);
  CHECK(first.receiveAll().starts_with("HTTP/1.1 504 "));
  CHECK(worker.await<contract::Failure>().reason == Reason::FailFast);
  TestPeer second = TestPeer::connectTo(proxy);
  second.send(GET);
  CHECK(second.receiveAll().starts_with("HTTP/1.1 504 "));
}

TEST_CASE("a waiting request goes to an endpoint that is added") {
  DeadAddress dead;
  TestServer server;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  target.failFastTimeoutMs = 10'000;
  target.backoff = {.minMs = 60'000, .maxMs = 60'000, .jitter = 0};
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, dead.address());
  worker.putTarget(target);
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(GET);
  // Until the request waits.
  for (size_t waiting = 0; waiting == 0;) {
    worker.run([&](Worker& inside) { waiting = inside.target(1)->balancer().waiting(); });
  }
  worker.addEndpoint(1, server.address());
  TestPeer app = server.accept();
  app.receiveUntil("\r\n\r\n");
  app.send(OK);
  CHECK(client.receiveUntil("ok").ends_with("ok"));
}

TEST_CASE("more waiting requests than the queue holds are shed") {
  DeadAddress dead;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  target.failFastTimeoutMs = 10'000;
  target.queueCapacity = 1;
  target.backoff = {.minMs = 60'000, .maxMs = 60'000, .jitter = 0};
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, dead.address());
  worker.putTarget(target);
  TestPeer first = TestPeer::connectTo(proxy);
  first.send(GET);
  for (size_t waiting = 0; waiting == 0;) {
    worker.run([&](Worker& inside) { waiting = inside.target(1)->balancer().waiting(); });
  }
  TestPeer second = TestPeer::connectTo(proxy);
  second.send(GET);
  CHECK(second.receiveAll().starts_with("HTTP/1.1 503 "));
  CHECK(worker.await<contract::Failure>().reason == Reason::QueueFull);
}

TEST_CASE("an address that was removed is not dialled, also when it is marked only") {
  TestServer server;
  TestWorker worker;
  worker.putTarget(testTarget(1));
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, server.address());
  worker.run([&](Worker& inside) {
    inside.target(1)->balancer().forEach(
        [](Endpoint& endpoint) { endpoint.shared->removed.store(true); });
  });
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(GET);
  CHECK(client.receiveAll().starts_with("HTTP/1.1 50"));
  CHECK_FALSE(server.waits(0));
}

TEST_CASE("a connect time-out is answered 504 where there is nobody else to try") {
  // A full backlog makes the kernel drop further SYNs.
  UniqueFd full(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage storage;
  const socklen_t length = loopback(0).toSockaddr(storage);
  REQUIRE(bind(full.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0);
  REQUIRE(listen(full.get(), 0) == 0);
  const SocketAddress address = localAddress(full.get());
  std::vector<UniqueFd> fillers;
  for (int filler = 0; filler < 3; ++filler) {
    Result<UniqueFd> one = openTcp(address, {}, {});
    REQUIRE(one.ok());
    REQUIRE(startConnect(one.value().get(), address).ok());
    fillers.push_back(std::move(one).value());
  }
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Http1, address);
  contract::PutTarget target = testTarget(1);
  target.forward = true;
  target.connectTimeoutMs = 50;
  worker.putTarget(target);
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(GET);
  CHECK(client.receiveAll().starts_with("HTTP/1.1 504 "));
  CHECK(worker.await<contract::Failure>().reason == Reason::ConnectTimeout);
}

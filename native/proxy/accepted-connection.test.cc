// Connections until it is known where they go and what they speak: detection, parking, refusals.
#include "proxy/accepted-connection.h"

#include "proxy/testing.h"
#include "tls/test-hellos.h"

using namespace mesh;
using namespace mesh::testing;

namespace {
// A listener whose connections carry their destination as their local address.
contract::Listen byLocalAddress() {
  return {.id = 9,
          .direction = Direction::Inbound,
          .address = SocketAddress::v4(INADDR_ANY, 0),
          .source = contract::OriginalDestinationSource::LocalAddress,
          .destinationId = 0};
}
}  // namespace

TEST_CASE("the first bytes decide between HTTP/1 and opaque") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, server.address());
  SUBCASE("bytes that are no request pass as they are") {
    TestPeer client = TestPeer::connectTo(proxy);
    client.send("\x16\x03\x01 not a request");
    CHECK(server.accept().receive(17) == "\x16\x03\x01 not a request");
  }
  SUBCASE("an HTTP/2 preface in pieces is HTTP/2") {
    TestPeer client = TestPeer::connectTo(proxy);
    client.send("PRI * HT");
    client.send("TP/2.0\r\n\r\nSM\r\n\r\n");
    // SETTINGS, the server's first frame (RFC 9113 §3.4): length, type 4, no flags, stream 0.
    const std::string frame = client.receive(9);
    CHECK(frame[3] == 4);
    CHECK(frame.substr(4) == std::string(5, '\0'));
  }
  SUBCASE("a request in pieces is a request") {
    TestPeer client = TestPeer::connectTo(proxy);
    client.send("GE");
    client.send("T /x HTTP/1.1\r\nhost: a\r\nconnection: x-drop\r\nx-drop: 1\r\n\r\n");
    TestPeer app = server.accept();
    const std::string head = app.receiveUntil("\r\n\r\n");
    CHECK(head.starts_with("GET /x HTTP/1.1\r\n"));
    CHECK(head.find("x-drop") == std::string::npos);
  }
  SUBCASE("a client that closes without a word is passed on, and so is the answer") {
    TestPeer client = TestPeer::connectTo(proxy);
    client.finish();
    TestPeer app = server.accept();
    app.send("greeting");
    app.finish();
    CHECK(app.receiveAll().empty());
    CHECK(client.receiveAll() == "greeting");
  }
}

TEST_CASE("a server that speaks first is heard at once, without a declaration") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, server.address());
  // Time enough to tell a wait for the time-out, which would end the test as well.
  worker.putDestination({.id = 1,
                         .direction = Direction::Outbound,
                         .address = {},
                         .protocol = contract::Protocol::Detect,
                         .detectTimeoutMs = 60'000,
                         .targetId = 1,
                         .authorities = {}});
  for (int connection = 0; connection < 2; ++connection) {
    TestPeer client = TestPeer::connectTo(proxy);
    TestPeer app = server.accept();
    app.send("220 ready\r\n");
    CHECK(client.receive(11) == "220 ready\r\n");
    client.send("GET is no request here\r\n");
    CHECK(app.receive(24) == "GET is no request here\r\n");
  }
}

TEST_CASE("a dial made before an HTTP client spoke carries its request") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, server.address());
  TestPeer client = TestPeer::connectTo(proxy);
  TestPeer app = server.accept();
  // The dial has begun; it is over for the proxy when nothing is under way to the endpoint.
  for (uint32_t dialling = 1; dialling != 0;) {
    worker.run([&](Worker& inside) {
      inside.target(1)->balancer().forEach(
          [&](Endpoint& endpoint) { dialling = endpoint.shared->load.inFlight(); });
    });
  }
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(app.receiveUntil("\r\n\r\n").starts_with("GET / "));
  app.send("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(client.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 204 "));
  // From now on nothing is dialled before the client has spoken.
  TestPeer second = TestPeer::connectTo(proxy);
  CHECK_FALSE(server.waits(50));
}

TEST_CASE("a client that waits for a silent server is forwarded when detection times out") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, server.address());
  worker.putDestination({.id = 1,
                         .direction = Direction::Outbound,
                         .address = {},
                         .protocol = contract::Protocol::Detect,
                         .detectTimeoutMs = 50,
                         .targetId = 1,
                         .authorities = {}});
  TestPeer client = TestPeer::connectTo(proxy);
  TestPeer app = server.accept();
  // Whatever comes after the time-out is not looked into.
  const std::string request = "GET / HTTP/1.1\r\nconnection: x\r\nx: 1\r\n\r\n";
  // The first count of a result announces its series.
  std::string detected;
  while (detected != "read_timeout") {
    detected = worker.await<contract::SeriesDefined>().series.labels.detected;
  }
  client.send(request);
  CHECK(app.receive(request.size()) == request);
}

TEST_CASE("connections to an unknown destination wait, and one answer serves them all") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.listenFor(byLocalAddress());
  const SocketAddress dialled = loopback(proxy.port());
  TestPeer first = TestPeer::connectTo(dialled);
  TestPeer second = TestPeer::connectTo(dialled);
  const auto asked = worker.await<contract::DiscoverDestination>();
  CHECK(asked.address == dialled);
  CHECK(asked.direction == Direction::Inbound);
  worker.putTarget(testTarget(1));
  worker.addEndpoint(1, server.address());
  worker.putDestination({.id = 1,
                         .direction = Direction::Inbound,
                         .address = dialled,
                         .protocol = contract::Protocol::Opaque,
                         .detectTimeoutMs = 0,
                         .targetId = 1,
                         .authorities = {}});
  first.send("1");
  second.send("2");
  TestPeer one = server.accept();
  TestPeer two = server.accept();
  CHECK((one.receive(1) == "1") != (two.receive(1) == "1"));
}

TEST_CASE("discovery that fails is answered in HTTP to those who speak it, else by a reset") {
  TestWorker worker;
  const SocketAddress proxy = worker.listenFor(byLocalAddress());
  const SocketAddress dialled = loopback(proxy.port());
  TestPeer http = TestPeer::connectTo(dialled);
  http.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  TestPeer opaque = TestPeer::connectTo(dialled);
  worker.await<contract::DiscoverDestination>();
  // Both have been accepted once the worker has counted them.
  for (uint64_t connections = 0; connections < 2;) {
    contract::Picture picture;
    worker.run([&](Worker& inside) { inside.describe(picture); });
    connections = picture.connections;
  }
  worker.run([&](Worker& inside) {
    inside.failDiscovery({.direction = Direction::Inbound,
                          .address = dialled,
                          .destinationId = 0,
                          .authority = "",
                          .detail = "no such service"});
  });
  CHECK(http.receiveAll().starts_with("HTTP/1.1 502 "));
  CHECK(opaque.receiveAll() == "<reset>");
  CHECK(worker.await<contract::Failure>().detail.find("no such service") != std::string::npos);
}

TEST_CASE("discovery that does not answer in time is a reason of its own") {
  contract::Settings settings = testSettings();
  settings.discoveryTimeoutMs = 50;
  TestWorker worker(settings);
  const SocketAddress proxy = worker.listenFor(byLocalAddress());
  TestPeer client = TestPeer::connectTo(loopback(proxy.port()));
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  CHECK(client.receiveAll().starts_with("HTTP/1.1 504 "));
  CHECK(worker.await<contract::Failure>().reason == Reason::DiscoveryTimeout);
}

TEST_CASE("a connection to the proxy itself is refused as a loop") {
  TestWorker worker;
  const SocketAddress proxy = worker.listenFor(byLocalAddress());
  const SocketAddress dialled = loopback(proxy.port());
  auto own = std::make_shared<OwnAddresses>(OwnAddresses{dialled});
  worker.run([&](Worker& inside) { inside.setOwnAddresses(own); });
  TestPeer client = TestPeer::connectTo(dialled);
  CHECK(client.receiveAll() == "<reset>");
  CHECK(worker.await<contract::Failure>().reason == Reason::LoopRefused);
}

TEST_CASE("above the memory watermark new connections are refused and counted") {
  TestServer server;
  contract::Settings settings = testSettings();
  settings.totalBudgetBytes = 0;
  TestWorker worker(settings);
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
  CHECK(client.receiveAll() == "<reset>");
}

namespace {
contract::PutDestination destinationOf(contract::Protocol protocol, uint32_t detectTimeoutMs) {
  return {.id = 1,
          .direction = Direction::Outbound,
          .address = {},
          .protocol = protocol,
          .detectTimeoutMs = detectTimeoutMs,
          .targetId = 1,
          .authorities = {}};
}

// The label of the first series of this family that is announced.
std::string announced(TestWorker& worker, Family family) {
  for (;;) {
    const auto series = worker.await<contract::SeriesDefined>().series;
    if (series.family == family) return series.labels.detected;
  }
}

// A ClientHello larger than the first buffer, in records of 100 bytes.
std::string largeHello() {
  const std::string browser = tls::testing::fromHex(tls::testing::BROWSER);
  const size_t body = browser.size() - 9;
  constexpr size_t PADDING = 5'000;
  const auto number = [](size_t value, int width) {
    std::string bytes;
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(value >> shift));
    }
    return bytes;
  };
  // Before the extensions: version, random, session id of 32, four suites, one compression.
  constexpr size_t EXTENSIONS = 9 + 2 + 32 + 33 + 10 + 2;
  const size_t extensions = browser.size() - EXTENSIONS - 2;
  const std::string message = "\x01" + number(body + 4 + PADDING, 3) +
                              browser.substr(9, EXTENSIONS - 9) +
                              number(extensions + 4 + PADDING, 2) + browser.substr(EXTENSIONS + 2) +
                              number(21, 2) + number(PADDING, 2) + std::string(PADDING, '\0');
  std::string bytes;
  for (size_t at = 0; at < message.size(); at += 100) {
    const std::string fragment = message.substr(at, 100);
    bytes += "\x16\x03\x01" + number(fragment.size(), 2) + fragment;
  }
  return bytes;
}
}  // namespace

TEST_CASE("a ClientHello passes untouched, however large and cut, and is counted as TLS") {
  TestServer server;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Detect, server.address());
  const std::string hello = largeHello();
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(hello.substr(0, 3));
  client.send(hello.substr(3, 4'500));
  client.send(hello.substr(4'503));
  CHECK(announced(worker, Family::DetectResultsTotal) == "tls");
  CHECK(server.accept().receive(hello.size()) == hello);
}

TEST_CASE("the name of the server is in the failure of its connection") {
  DeadAddress dead;
  TestWorker worker;
  const SocketAddress proxy = worker.serve(contract::Protocol::Tls, dead.address());
  contract::PutTarget target = testTarget(1);
  target.forward = true;
  worker.putTarget(target);
  TestPeer client = TestPeer::connectTo(proxy);
  client.send(tls::testing::fromHex(tls::testing::NODE));
  CHECK(client.receiveAll() == "<reset>");
  CHECK(worker.await<contract::Failure>().detail.starts_with("SNI api.shop.svc.cluster.local: "));
}

TEST_CASE("where TLS is declared a connection must name its server, and in time") {
  struct Row {
    std::string bytes;
    bool finish;
    Reason reason;
  };
  const Row rows[] = {
      {tls::testing::fromHex(tls::testing::OPENSSL_NO_NAME), false, Reason::NoRoute},
      {"SSH-2.0-x\r\n", false, Reason::NoRoute},
      {tls::testing::fromHex(tls::testing::NODE).substr(0, 100), true, Reason::NoRoute},
      {"", true, Reason::ClientClosed},
      {"", false, Reason::DetectTimeout},
      {tls::testing::fromHex(tls::testing::NODE).substr(0, 100), false, Reason::DetectTimeout},
  };
  TestServer server;
  for (const Row& row : rows) {
    CAPTURE(reasonName(row.reason));
    TestWorker worker;
    const SocketAddress proxy = worker.serve(contract::Protocol::Tls, server.address());
    // Only those that wait for it meet the time-out.
    const bool waits = row.reason == Reason::DetectTimeout;
    worker.putDestination(destinationOf(contract::Protocol::Tls, waits ? 50 : 60'000));
    TestPeer client = TestPeer::connectTo(proxy);
    client.send(row.bytes);
    if (row.finish) client.finish();
    CHECK(client.receiveAll() == "<reset>");
    const auto failure = worker.await<contract::Failure>();
    CHECK(failure.reason == row.reason);
    if (waits) CHECK(failure.detail.ends_with("SNI detection timed out"));
    if (row.reason == Reason::NoRoute) CHECK(failure.detail.ends_with("Could not find SNI"));
  }
  CHECK_FALSE(server.waits(0));
}

TEST_CASE("a connection is counted by what its destination declares") {
  struct Row {
    contract::Protocol protocol;
    const char* label;
  };
  const Row rows[] = {
      {contract::Protocol::Detect, "detect"}, {contract::Protocol::Http1, "http/1"},
      {contract::Protocol::Http2, "http/2"},  {contract::Protocol::Opaque, "opaq"},
      {contract::Protocol::Tls, "tls"},
  };
  TestServer server;
  for (const Row& row : rows) {
    TestWorker worker;
    TestPeer client = TestPeer::connectTo(worker.serve(row.protocol, server.address()));
    CHECK(announced(worker, Family::TcpProtocolConnectionsTotal) == row.label);
  }
}

TEST_CASE("declared HTTP/2 is served") {
  TestServer server;
  TestWorker worker;
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Http2, server.address()));
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  // SETTINGS, the server's first frame (RFC 9113 §3.4).
  CHECK(client.receive(9)[3] == 4);
}

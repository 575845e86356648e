// Bytes, half-closes and resets between two real sockets.
#include "proxy/opaque-forward.h"

#include "base/test-bytes.h"
#include "proxy/testing.h"

using namespace mesh;
using namespace mesh::testing;

TEST_CASE("bytes and half-closes pass in both orders") {
  for (const bool clientFirst : {true, false}) {
    TestServer server;
    TestWorker worker;
    TestPeer client =
        TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
    TestPeer app = server.accept();
    TestPeer& first = clientFirst ? client : app;
    TestPeer& second = clientFirst ? app : client;
    first.send("question");
    first.finish();
    CHECK(second.receiveAll() == "question");
    second.send("a long answer");
    second.finish();
    CHECK(first.receiveAll() == "a long answer");
  }
}

TEST_CASE("megabytes pass byte for byte in both directions at once") {
  TestServer server;
  TestWorker worker;
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
  TestPeer app = server.accept();
  const std::string up = randomBytes(8 << 20, 1);
  const std::string down = randomBytes(8 << 20, 2);
  std::thread clientSends([&] {
    client.send(up);
    client.finish();
  });
  std::thread appSends([&] {
    app.send(down);
    app.finish();
  });
  std::string gotDown;
  std::thread clientReads([&] { gotDown = client.receiveAll(); });
  const std::string gotUp = app.receiveAll();
  clientSends.join();
  appSends.join();
  clientReads.join();
  CHECK(gotUp == up);
  CHECK(gotDown == down);
}

TEST_CASE("a reset on either side becomes a reset on the other") {
  for (const bool byClient : {true, false}) {
    TestServer server;
    TestWorker worker;
    TestPeer client =
        TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
    TestPeer app = server.accept();
    client.send("x");
    CHECK(app.receive(1) == "x");
    (byClient ? client : app).reset();
    CHECK((byClient ? app : client).receiveAll() == "<reset>");
    const auto failure = worker.await<contract::Failure>();
    CHECK(failure.reason == (byClient ? Reason::ClientReset : Reason::EndpointReset));
  }
}

TEST_CASE("what an endpoint said before it went away still arrives") {
  TestServer server;
  TestWorker worker;
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
  TestPeer app = server.accept();
  client.send("never read");
  app.send("last words");
  CHECK(client.receive(10) == "last words");
  // Closing with unread input makes the kernel send RST.
  app.close();
  CHECK(client.receiveAll() == "<reset>");
}

TEST_CASE("a receiver that does not read bounds what the proxy holds") {
  TestServer server;
  contract::Settings settings = testSettings();
  TestWorker worker(settings);
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
  TestPeer app = server.accept();
  // Until the kernel's buffers and the proxy's are full: nothing goes within a second.
  const timeval limit{.tv_sec = 1, .tv_usec = 0};
  setsockopt(client.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const std::string block(65'536, 'b');
  size_t sent = 0;
  while (sent < (256U << 20)) {
    const ssize_t some = ::send(client.fd(), block.data(), block.size(), MSG_NOSIGNAL);
    if (some < 0) break;
    sent += static_cast<size_t>(some);
  }
  CHECK(sent < (256U << 20));
  worker.run([&](Worker& inside) {
    CHECK(inside.buffers().inUseBytes() <= 2 * settings.directionBudgetBytes);
  });
  std::string got = app.receive(sent);
  CHECK(got.size() == sent);
}

TEST_CASE("a direction left alone and silent ends after the half-close time") {
  TestServer server;
  contract::Settings settings = testSettings();
  settings.halfCloseTimeoutMs = 50;
  TestWorker worker(settings);
  TestPeer client = TestPeer::connectTo(worker.serve(contract::Protocol::Opaque, server.address()));
  TestPeer app = server.accept();
  client.finish();
  CHECK(app.receiveSome().empty());
  CHECK(client.receiveAll() == "<reset>");
  CHECK(worker.await<contract::Failure>().reason == Reason::HalfCloseTimeout);
}

TEST_CASE("a refused dial resets the client and says why") {
  DeadAddress dead;
  TestWorker worker;
  contract::PutTarget target = testTarget(1);
  const SocketAddress proxy = worker.serve(contract::Protocol::Opaque, dead.address());
  target.forward = true;
  worker.putTarget(target);
  TestPeer client = TestPeer::connectTo(proxy);
  CHECK(client.receiveAll() == "<reset>");
  const auto failure = worker.await<contract::Failure>();
  CHECK(failure.reason == Reason::ConnectRefused);
  CHECK(failure.endpoint == dead.address());
}

// PINGs towards clients and endpoints that say nothing, with short times and peers driven by hand.
#include "proxy/ping-keep-alive.h"

#include "proxy/testing-scene.h"

using namespace mesh;
using namespace mesh::testing;
using contract::EndpointProtocol;
using http2::End;

namespace {
// Soon enough for a test, and late enough for a request to arrive before.
constexpr contract::Http2KeepAlive BRISK = {
    .intervalMs = 300, .timeoutMs = 700, .whileIdle = false};
// Times within which a peer that reads is always heard, even on a loaded machine.
constexpr contract::Http2KeepAlive PATIENT = {
    .intervalMs = 50, .timeoutMs = 60'000, .whileIdle = false};

contract::Settings towardsClients(contract::Http2KeepAlive keepAlive) {
  contract::Settings settings = testSettings();
  settings.http2KeepAlive = keepAlive;
  return settings;
}
contract::PutTarget towardsEndpoints(contract::Http2KeepAlive keepAlive) {
  contract::PutTarget target = testTarget(1);
  target.http2KeepAlive = keepAlive;
  return target;
}
constexpr char PING = 6;
// Whether a PING is among the frames that come within `forMs`; frames are whole in what is read.
bool pinged(TestPeer& peer, int forMs) {
  const timeval limit{.tv_sec = forMs / 1000, .tv_usec = (forMs % 1000) * 1000};
  setsockopt(peer.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  for (;;) {
    const std::string head = peer.receive(9);
    if (head.size() != 9 || head.ends_with("<timeout>")) return false;
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(head[at]); };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (head[3] == PING && (head[4] & 1) == 0) return true;
    peer.receive(length);
  }
}
}  // namespace

TEST_CASE("a client that does not answer a PING loses its connection, with the reason") {
  ExchangeScene scene(EndpointProtocol::AsClient, towardsClients(BRISK));
  auto client = scene.http2Client();
  client->request("GET", "/", End::Last);
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  // The client reads nothing any more.
  app->receiveUntil([&] { return app->streams[got].reset; });
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::KeepaliveTimeout);
  CHECK(client->socket().receiveAll().ends_with("<reset>"));
}

TEST_CASE("a client that answers keeps its connection") {
  ExchangeScene scene(EndpointProtocol::AsClient, towardsClients(PATIENT));
  auto client = scene.http2Client();
  const auto id = client->request("GET", "/", End::Last);
  auto app = scene.acceptHttp2();
  const auto got = app->awaitRequest();
  // Three PINGs, each sent because the one before was answered.
  for (int ping = 0; ping < 3; ++ping) CHECK(client->receiveOnce());
  app->respond(got, 204, End::Last);
  CHECK(client->awaitEnd(id).status == 204);
}

TEST_CASE("an endpoint that does not answer a PING fails its streams, and is dialled anew") {
  ExchangeScene scene(EndpointProtocol::Http2, testSettings(), Direction::Outbound,
                      towardsEndpoints(BRISK));
  TestPeer client = scene.http1Client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto app = scene.acceptHttp2();
  app->awaitRequest();
  const std::string answer = client.receiveAll();
  CHECK(answer.starts_with("HTTP/1.1 502 "));
  CHECK(answer.find("PING") != std::string::npos);
  CHECK(scene.worker.await<contract::Failure>().reason == Reason::KeepaliveTimeout);
  contract::PutTarget patient = towardsEndpoints(PATIENT);
  patient.endpointProtocol = EndpointProtocol::Http2;
  scene.worker.putTarget(patient);
  TestPeer second = scene.http1Client();
  second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto other = scene.acceptHttp2();
  other->respond(other->awaitRequest(), 204, End::Last);
  CHECK(second.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 204 "));
}

TEST_CASE("without a stream there are no PINGs unless they are wanted while idle") {
  contract::Http2KeepAlive keepAlive = PATIENT;
  keepAlive.intervalMs = 20;
  SUBCASE("not wanted") {
    ExchangeScene scene(EndpointProtocol::AsClient, towardsClients(keepAlive));
    auto client = scene.http2Client();
    CHECK_FALSE(pinged(client->socket(), 300));
  }
  SUBCASE("wanted") {
    keepAlive.whileIdle = true;
    ExchangeScene scene(EndpointProtocol::AsClient, towardsClients(keepAlive));
    auto client = scene.http2Client();
    CHECK(pinged(client->socket(), 60'000));
  }
}

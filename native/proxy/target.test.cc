// What bad answers do to an endpoint, when a target is ready, and how HTTP/2 and idle connections
// that end are taken: connectors on a worker, with the exchanges played by the test.
#include "proxy/target.h"

#include "proxy/connector.h"
#include "proxy/http2-client.h"
#include "proxy/testing-http2.h"

using namespace mesh;
using namespace mesh::testing;

namespace {

constexpr uint32_t NEVER_MS = 3'600'000;

// An exchange that does nothing by itself. Lives on the worker's thread, like everything it holds.
class Caller final : public ConnectorOwner {
 public:
  explicit Caller(Worker& worker) : connector(worker, *this) {}
  ~Caller() { drop(); }
  void onConnected(std::unique_ptr<EndpointConnection> got, LoadToken token) override {
    connection = std::move(got);
    load = std::move(token);
  }
  void onHttp2(Http2Client& got, LoadToken token) override {
    client = &got;
    load = std::move(token);
  }
  void onConnectFailed(const ConnectFailure& failure) override { failed = failure.reason; }
  bool served() const { return connection != nullptr || client != nullptr; }
  void drop() {
    connector.cancel();
    load.abandon();
    if (connection) EndpointConnection::end(std::move(connection));
  }

  std::unique_ptr<EndpointConnection> connection;
  Http2Client* client = nullptr;
  LoadToken load;
  Reason failed = Reason::None;
  Connector connector;
};

struct Scene {
  explicit Scene(contract::PutTarget settings = testTarget(1), contract::LogLevel level = {})
      : settings(std::move(settings)), worker(withLevel(level)) {
    this->settings.failFastTimeoutMs = NEVER_MS;
    worker.putTarget(this->settings);
  }
  ~Scene() {
    worker.run([&](Worker&) { callers.clear(); });
  }
  static contract::Settings withLevel(contract::LogLevel level) {
    contract::Settings all = testSettings();
    if (level != contract::LogLevel{}) all.logLevel = level;
    return all;
  }
  Caller& call(Reuse reuse = Reuse::Allowed) {
    Caller* made = nullptr;
    worker.run([&](Worker& inside) {
      callers.push_back(std::make_unique<Caller>(inside));
      made = callers.back().get();
      made->connector.start(inside.target(1), Direction::Outbound, reuse);
    });
    return *made;
  }
  Caller& callServed(Reuse reuse = Reuse::Allowed) {
    Caller& caller = call(reuse);
    until([&](Target&) { return caller.served(); });
    return caller;
  }
  template <typename Call>
  void inside(Call call) {
    worker.run([&](Worker& worker) { call(*worker.target(1)); });
  }
  // Looks after each turn of the worker, for ten seconds at most.
  template <typename Done>
  void until(Done done) {
    const auto giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (bool reached = false; !reached;) {
      REQUIRE(std::chrono::steady_clock::now() < giveUp);
      inside([&](Target& target) { reached = done(target); });
    }
  }
  contract::EndpointPicture picture() {
    contract::TargetPicture all;
    worker.run([&](Worker& worker) { worker.target(1)->describe(all, worker.loop().nowMs()); });
    REQUIRE(all.endpoints.size() == 1);
    return all.endpoints[0];
  }
  void observe(Caller& caller, ResponseOutcome outcome) {
    inside([&](Target&) { caller.load.observe(outcome); });
  }
  void put() { worker.putTarget(settings); }

  contract::PutTarget settings;
  TestWorker worker;
  std::vector<std::unique_ptr<Caller>> callers;
};

// One failure ejects, for good unless the settings change.
contract::PutTarget ejecting() {
  contract::PutTarget settings = testTarget(1);
  settings.failureAccrual = {.maxConsecutiveFailures = 1,
                             .backoff = {.minMs = NEVER_MS, .maxMs = NEVER_MS, .jitter = 0},
                             .mayEjectLast = true};
  return settings;
}

}  // namespace

// ---------------------------------------------------------------- ejection

TEST_CASE("an endpoint that answers badly is ejected, and says so when looked at") {
  TestServer server;
  Scene scene(ejecting());
  scene.worker.addEndpoint(1, server.address());
  Caller& caller = scene.callServed();
  scene.observe(caller, {.status = 404});
  CHECK(scene.picture().state == contract::EndpointState::Ready);
  scene.observe(caller, {.status = 500});
  // An exchange has one outcome.
  CHECK(scene.picture().state == contract::EndpointState::Ready);
  Caller& second = scene.callServed();
  scene.observe(second, {.status = 500});
  const contract::EndpointPicture picture = scene.picture();
  CHECK(picture.state == contract::EndpointState::Ejected);
  CHECK(picture.ejectedBy == contract::EjectionRule::ConsecutiveFailures);
  CHECK(picture.nextAttemptMs > NEVER_MS - 60'000);
  CHECK(picture.nextAttemptMs <= NEVER_MS);
}

TEST_CASE("one request at a time probes an ejected endpoint, on whatever connection") {
  TestServer server;
  Scene scene(ejecting());
  scene.worker.addEndpoint(1, server.address());
  // One connection stays in the pool.
  Caller& pooled = scene.callServed();
  Caller& bad = scene.callServed();
  scene.inside([&](Target&) {
    pooled.load.abandon();
    EndpointConnection::release(std::move(pooled.connection));
  });
  scene.observe(bad, {});
  Caller& first = scene.call();
  Caller& second = scene.call();
  Caller& third = scene.call();
  scene.until([](Target& target) { return target.balancer().waiting() == 3; });
  scene.settings.failureAccrual.backoff = {.minMs = 1, .maxMs = 1, .jitter = 0};
  scene.put();
  scene.until([&](Target&) { return first.served(); });
  // Its client goes away: the next one is the probe, and dials.
  scene.inside([&](Target& target) {
    CHECK(target.balancer().waiting() == 2);
    first.drop();
  });
  scene.until([&](Target&) { return second.served(); });
  CHECK(scene.picture().state == contract::EndpointState::Ejected);
  scene.inside([&](Target& target) { CHECK(target.balancer().waiting() == 1); });
  scene.observe(second, {.status = 200});
  CHECK(scene.picture().state == contract::EndpointState::Ready);
  scene.until([&](Target&) { return third.served(); });
}

TEST_CASE("switching failure accrual off lets those who wait for an ejected endpoint go on") {
  TestServer server;
  Scene scene(ejecting());
  scene.worker.addEndpoint(1, server.address());
  scene.observe(scene.callServed(), {});
  Caller& waiting = scene.call();
  scene.until([](Target& target) { return target.balancer().waiting() == 1; });
  scene.settings.failureAccrual = {};
  scene.put();
  scene.until([&](Target&) { return waiting.served(); });
}

TEST_CASE("outcomes of endpoints that are gone are nobody's") {
  TestServer server;
  Scene scene(ejecting());
  const auto endpoint = scene.worker.addEndpoint(1, server.address());
  Caller& caller = scene.callServed();
  scene.worker.removeEndpoint(1, *endpoint);
  scene.worker.addEndpoint(1, server.address());
  scene.observe(caller, {});
  CHECK(scene.picture().state == contract::EndpointState::Ready);
}

// ---------------------------------------------------------------- fail-fast

TEST_CASE("a target is ready while an endpoint is, or has not been missing for long") {
  TestServer server;
  Scene scene(ejecting());
  scene.inside([](Target& target) { CHECK_FALSE(target.ready(0)); });
  scene.worker.addEndpoint(1, server.address());
  Caller& caller = scene.callServed();
  scene.worker.run([&](Worker& worker) {
    const std::shared_ptr<Target> target = worker.target(1);
    const uint64_t now = worker.loop().nowMs();
    CHECK(target->ready(now));
    caller.load.observe({});
    // Nobody has missed it yet.
    CHECK(target->ready(now + 2 * NEVER_MS));
  });
  scene.call();
  scene.worker.run([&](Worker& worker) {
    const std::shared_ptr<Target> target = worker.target(1);
    const uint64_t now = worker.loop().nowMs();
    CHECK(target->ready(now));
    CHECK_FALSE(target->ready(now + NEVER_MS + 1));
    worker.removeTarget(1);
    CHECK_FALSE(target->ready(now));
    // For the end of the scene.
    worker.putTarget(testTarget(1));
  });
}

TEST_CASE("fail-fast is entered and left once, with the states of the endpoints") {
  DeadAddress dead;
  TestServer server;
  Scene scene(testTarget(1), contract::LogLevel::Info);
  scene.settings.failFastTimeoutMs = 30;
  scene.settings.backoff = {.minMs = NEVER_MS, .maxMs = NEVER_MS, .jitter = 0};
  scene.put();
  scene.worker.addEndpoint(1, dead.address());
  for (int request = 0; request < 5; ++request) {
    Caller& caller = scene.call();
    scene.until([&](Target&) { return caller.failed != Reason::None; });
    CHECK(caller.failed == Reason::FailFast);
  }
  scene.worker.addEndpoint(1, server.address());
  for (int request = 0; request < 3; ++request) scene.callServed(Reuse::Never);
  scene.worker.run(
      [](Worker& worker) { worker.sink().log(contract::LogLevel::Info, 0, "The last line", {}); });
  std::vector<std::string> messages;
  while (messages.empty() || messages.back() != "The last line") {
    const auto line = scene.worker.await<contract::LogLine>();
    messages.push_back(line.message);
    for (const auto& [key, value] : line.fields) {
      if (key != "endpoints") continue;
      CHECK(value.find(dead.address().toString() + " in back-off (Connection refused)") !=
            std::string::npos);
    }
  }
  CHECK(messages == std::vector<std::string>{"Failed to connect", "Unavailable; entering fail-fast",
                                             "Available; exited fail-fast", "The last line"});
}

// ---------------------------------------------------------------- connections that end

namespace {
// An HTTP/2 endpoint whose connection has just ended, and someone who waits for another.
struct Disconnected : Scene {
  enum class How { Closed, Reset, Gracefully };
  explicit Disconnected(How how) {
    settings.backoff = {.minMs = NEVER_MS, .maxMs = NEVER_MS, .jitter = 0};
    put();
    endpoint = worker.addEndpoint(1, server.address());
    callServed(Reuse::Shared);
    app = std::make_unique<Http2Peer>(http2::Role::Server, server.accept());
    if (how == How::Closed) app->socket().close();
    if (how == How::Reset) app->socket().reset();
    if (how == How::Gracefully) {
      app->session().goaway(http2::ErrorCode::NoError);
      app->flush();
    }
    until([&](Target& target) { return target.balancer().find(server.address())->inBackoff(); });
    waiting = &call(Reuse::Shared);
    until([](Target& target) { return target.balancer().waiting() == 1; });
  }
  void endBackoff() {
    settings.backoff = {.minMs = 1, .maxMs = 1, .jitter = 0};
    put();
  }
  TestServer server;
  std::shared_ptr<EndpointShared> endpoint;
  std::unique_ptr<Http2Peer> app;
  Caller* waiting = nullptr;
};
}  // namespace

TEST_CASE(
    "an HTTP/2 endpoint is not dialled again before a back-off, however its connection ended") {
  using How = Disconnected::How;
  for (const How how : {How::Closed, How::Reset, How::Gracefully}) {
    CAPTURE(static_cast<int>(how));
    Disconnected scene(how);
    const contract::EndpointPicture picture = scene.picture();
    CHECK(picture.state == contract::EndpointState::Backoff);
    CHECK(picture.lastErrno == 0);
    CHECK(picture.nextAttemptMs > 0);
    CHECK_FALSE(scene.server.waits(0));
    scene.endBackoff();
    const TestPeer again = scene.server.accept();
    scene.until([&](Target&) { return scene.waiting->served(); });
    CHECK(scene.picture().state == contract::EndpointState::Ready);
  }
}

TEST_CASE("an HTTP/2 endpoint that is removed in its back-off is never dialled again") {
  Disconnected scene(Disconnected::How::Closed);
  scene.worker.removeEndpoint(1, *scene.endpoint);
  scene.endBackoff();
  scene.until([&](Target&) { return scene.waiting->failed == Reason::NoEndpoints; });
  CHECK_FALSE(scene.server.waits(20));
}

TEST_CASE("an HTTP/1 connection that ends is replaced at once") {
  contract::PutTarget settings = testTarget(1);
  settings.backoff = {.minMs = NEVER_MS, .maxMs = NEVER_MS, .jitter = 0};
  TestServer server;
  Scene scene(settings);
  scene.worker.addEndpoint(1, server.address());
  Caller& first = scene.callServed();
  scene.inside([&](Target&) { EndpointConnection::release(std::move(first.connection)); });
  server.accept().close();
  scene.until(
      [&](Target& target) { return target.balancer().find(server.address())->pool.size() == 0; });
  scene.callServed();
  server.accept();
}

TEST_CASE(
    "an endpoint that closes an idle connection teaches its pool for how long it keeps them") {
  TestServer server;
  Scene scene;
  scene.worker.addEndpoint(1, server.address());
  Caller& first = scene.callServed();
  Caller& second = scene.callServed();
  const auto idleFor = [&](Caller& caller, uint64_t ms) {
    scene.inside([&](Target&) {
      EndpointConnection* connection = caller.connection.get();
      EndpointConnection::release(std::move(caller.connection));
      connection->idleSinceMs -= ms;
    });
  };
  idleFor(first, 20'000);
  TestPeer one = server.accept();
  TestPeer two = server.accept();
  one.close();
  scene.until(
      [&](Target& target) { return target.balancer().find(server.address())->pool.size() == 0; });
  // Older than that one would have become: closed, and a new one dialled.
  idleFor(second, 20'000);
  scene.callServed();
  server.accept();
  CHECK(two.receiveAll().empty());
}

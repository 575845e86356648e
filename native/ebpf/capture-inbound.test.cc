// Inbound steering on the running kernel: connections for chosen ports meet the proxy's listener,
// the proxy's own dials meet the application. Privileged; see capture-fixture.h.
#include "ebpf/capture.h"

#ifdef __linux__

#include "ebpf/capture-fixture.h"

namespace mesh {
namespace {

using namespace test;

UniqueFd client(int family) { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// An application, and the inbound listener of a proxy that takes over the application's port.
struct Inbound {
  ScratchCgroup cgroup;
  TestListener application;
  TestListener first;
  TestListener second;
  CaptureSettings settings;

  explicit Inbound(const char* loopback)
      : application(address(loopback)), first(address(loopback)), second(first.local()) {
    settings.cgroupPath = cgroup.path();
    settings.inboundPorts = {application.local().port()};
    settings.inboundListenerFds = {first.fd(), second.fd()};
    settings.ownSource = address("127.0.0.6:0");
  }
  const TestListener& taker() const { return first.hasConnection() ? first : second; }
};

TEST_CASE("a connection for an inbound port meets the proxy and keeps the address it dialled") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const auto capture = attachOrFail(inbound.settings);
  CHECK(capture->hooks() == std::vector<std::string>{"sk_lookup"});

  const UniqueFd dialler = client(AF_INET);
  REQUIRE(connectTo(dialler.get(), inbound.application.local()) == 0);
  CHECK_FALSE(inbound.application.hasConnection());
  const UniqueFd accepted = inbound.taker().accept();
  CHECK(localAddress(accepted.get()) == inbound.application.local());
  CHECK(peerAddress(accepted.get()) == localAddress(dialler.get()));
  CHECK(carries(dialler.get(), accepted.get()));
  CHECK(carries(accepted.get(), dialler.get()));
  CHECK(outcome(*capture, "steered") == 1);
}

TEST_CASE("steered connections are spread over the listener's sockets") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const auto capture = attachOrFail(inbound.settings);
  std::vector<UniqueFd> diallers;
  for (int index = 0; index < 64; ++index) {
    diallers.push_back(client(AF_INET));
    REQUIRE(connectTo(diallers.back().get(), inbound.application.local()) == 0);
  }
  // 64 connections all on one side of a fair hash: once in 2^63 runs.
  CHECK(inbound.first.hasConnection());
  CHECK(inbound.second.hasConnection());
}

TEST_CASE("the proxy's own dials meet the application") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const auto capture = attachOrFail(inbound.settings);
  const UniqueFd own = client(AF_INET);
  REQUIRE(bindTo(own.get(), address("127.0.0.6:0")));
  REQUIRE(connectTo(own.get(), inbound.application.local()) == 0);
  CHECK(inbound.application.hasConnection());
  CHECK(outcome(*capture, "passed_own_source") == 1);
}

TEST_CASE("recorded source ports of IPv6 dials meet the application until they are forgotten") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("[::1]:0");
  const auto capture = attachOrFail(inbound.settings);
  const char* source = nullptr;
  SUBCASE("bound to an address") { source = "[::1]:0"; }
  SUBCASE("bound to no address") { source = "[::]:0"; }

  const UniqueFd stranger = client(AF_INET6);
  REQUIRE(connectTo(stranger.get(), inbound.application.local()) == 0);
  CHECK(inbound.taker().hasConnection());
  CHECK_FALSE(inbound.application.hasConnection());
  inbound.taker().accept();

  const UniqueFd own = client(AF_INET6);
  REQUIRE(bindTo(own.get(), address(source)));
  const SocketAddress recorded = localAddress(own.get());
  REQUIRE(capture->exemptSource(recorded).ok());
  REQUIRE(connectTo(own.get(), inbound.application.local()) == 0);
  CHECK(inbound.application.hasConnection());
  inbound.application.accept();

  capture->forgetSource(recorded);
  UniqueFd later = client(AF_INET6);
  const int yes = 1;
  ::setsockopt(own.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  REQUIRE(connectTo(later.get(), inbound.application.local()) == 0);
  CHECK_FALSE(inbound.application.hasConnection());
}

TEST_CASE("connections of each family meet the listener of that family, or one that serves both") {
  SKIP_UNLESS_PRIVILEGED();
  // An application on both families at one port.
  const TestListener applicationV6(address("[::]:0"));
  const uint16_t port = applicationV6.local().port();
  const TestListener v4(address("127.0.0.1:0"));
  const TestListener v6(address("[::1]:0"));
  const TestListener both(address("[::]:0"));
  const ScratchCgroup cgroup;
  CaptureSettings settings;
  settings.cgroupPath = cgroup.path();
  settings.inboundPorts = {port};
  struct Case {
    std::vector<int> listeners;
    const TestListener& takesV4;
    const TestListener& takesV6;
  };
  const Case cases[] = {
      {{v4.fd(), v6.fd()}, v4, v6},
      {{both.fd()}, both, both},
      {{v4.fd()}, v4, applicationV6},
      {{v6.fd()}, applicationV6, v6},
  };
  for (const Case& one : cases) {
    CAPTURE(&one - cases);
    settings.inboundListenerFds = one.listeners;
    const auto capture = attachOrFail(settings);
    REQUIRE(connectTo(client(AF_INET).get(), SocketAddress::v4(INADDR_LOOPBACK, port)) == 0);
    REQUIRE(one.takesV4.hasConnection());
    CHECK(localAddress(one.takesV4.accept().get()) == SocketAddress::v4(INADDR_LOOPBACK, port));
    REQUIRE(connectTo(client(AF_INET6).get(), address("[::1]:1").withPort(port)) == 0);
    REQUIRE(one.takesV6.hasConnection());
    CHECK(localAddress(one.takesV6.accept().get()) == address("[::1]:1").withPort(port));
  }
}

TEST_CASE("other ports are left alone, and so is UDP on the same port") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const auto capture = attachOrFail(inbound.settings);
  const TestListener other(address("127.0.0.1:0"));
  const UniqueFd dialler = client(AF_INET);
  REQUIRE(connectTo(dialler.get(), other.local()) == 0);
  CHECK(other.hasConnection());

  const UniqueFd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  setTimeouts(server.get());
  REQUIRE(bindTo(server.get(), inbound.application.local()));
  const UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(connectTo(datagrams.get(), inbound.application.local()) == 0);
  CHECK(carries(datagrams.get(), server.get()));
  CHECK(outcome(*capture, "steered") == 0);
}

TEST_CASE("a port that nobody serves is steered too, and is free again after detaching") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const SocketAddress served = inbound.application.local();
  inbound.application.close();
  auto capture = attachOrFail(inbound.settings);
  CHECK(connectTo(client(AF_INET).get(), served) == 0);
  capture.reset();
  CHECK(connectTo(client(AF_INET).get(), served) == ECONNREFUSED);
}

TEST_CASE("when the inbound listener is closed connections meet the application again") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const auto capture = attachOrFail(inbound.settings);
  inbound.first.close();
  inbound.second.close();
  REQUIRE(connectTo(client(AF_INET).get(), inbound.application.local()) == 0);
  CHECK(inbound.application.hasConnection());
  CHECK(outcome(*capture, "failed_steering") == 1);
}

TEST_CASE("a captured local client of an inbound port passes both sides of the proxy") {
  SKIP_UNLESS_PRIVILEGED();
  Inbound inbound("127.0.0.1:0");
  const TestListener outbound(address("127.0.0.1:0"));
  inbound.settings.outboundV4 = outbound.local();
  inbound.settings.captureLoopback = true;
  const auto capture = attachOrFail(inbound.settings);
  const SocketAddress served = inbound.application.local();

  const UniqueFd local = inbound.cgroup.socket(AF_INET);
  REQUIRE(connectTo(local.get(), served) == 0);
  const UniqueFd outboundEnd = outbound.accept();
  CHECK(originalOf(*capture, peerAddress(outboundEnd.get())) == served.toString());

  const UniqueFd toInbound = inbound.cgroup.socket(AF_INET);
  REQUIRE(capture->exempt(toInbound.get()).ok());
  REQUIRE(connectTo(toInbound.get(), served) == 0);
  const UniqueFd inboundEnd = inbound.taker().accept();
  CHECK(localAddress(inboundEnd.get()) == served);

  const UniqueFd toApplication = inbound.cgroup.socket(AF_INET);
  REQUIRE(capture->exempt(toApplication.get()).ok());
  REQUIRE(bindTo(toApplication.get(), address("127.0.0.6:0")));
  REQUIRE(connectTo(toApplication.get(), served) == 0);
  const UniqueFd applicationEnd = inbound.application.accept();
  CHECK(carries(toApplication.get(), applicationEnd.get()));
}

}  // namespace
}  // namespace mesh

#endif  // __linux__

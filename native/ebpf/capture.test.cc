// Outbound capture on the running kernel: what is captured, what is left alone, and that each
// captured connection is told apart by its own original destination. Privileged; see
// capture-fixture.h.
#include "ebpf/capture.h"

#ifdef __linux__

#include "ebpf/capture-fixture.h"

namespace mesh {
namespace {

using namespace test;

const std::string GONE = std::strerror(ENOENT);

// A cgroup, the two listeners of a proxy, and settings that capture everything.
struct Proxy {
  ScratchCgroup cgroup;
  // Not 127.0.0.1, which the unspecified address would reach too.
  TestListener v4{address("127.0.0.3:0")};
  TestListener v6{address("[::1]:0")};
  CaptureSettings settings;

  Proxy() {
    settings.cgroupPath = cgroup.path();
    settings.outboundV4 = v4.local();
    settings.outboundV6 = v6.local();
    settings.captureLoopback = true;
  }
};

TEST_CASE("an IPv4 connection is captured and its original destination can be taken once") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  CHECK(capture->hooks() == std::vector<std::string>{"cgroup/sock_ops", "cgroup/getpeername4",
                                                     "cgroup/getpeername6", "cgroup/connect4",
                                                     "cgroup/connect6"});

  const UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(connectTo(client.get(), address("192.0.2.1:80")) == 0);
  const UniqueFd accepted = proxy.v4.accept();

  const SocketAddress from = peerAddress(accepted.get());
  CHECK(from == localAddress(client.get()));
  CHECK(originalOf(*capture, from) == "192.0.2.1:80");
  CHECK(originalOf(*capture, from) == GONE);
  CHECK(peerAddress(client.get()).toString() == "192.0.2.1:80");
  CHECK(carries(client.get(), accepted.get()));
  CHECK(carries(accepted.get(), client.get()));
}

TEST_CASE("an IPv6 connection is captured") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd client = proxy.cgroup.socket(AF_INET6);
  REQUIRE(connectTo(client.get(), address("[2001:db8::1]:80")) == 0);
  const UniqueFd accepted = proxy.v6.accept();
  CHECK(originalOf(*capture, peerAddress(accepted.get())) == "[2001:db8::1]:80");
  CHECK(peerAddress(client.get()).toString() == "[2001:db8::1]:80");
}

TEST_CASE("an IPv6 socket that dials an IPv4-mapped address meets the IPv4 listener") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd client = proxy.cgroup.socket(AF_INET6);
  setTimeouts(client.get());
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(80);
  REQUIRE(::inet_pton(AF_INET6, "::ffff:192.0.2.1", &mapped.sin6_addr) == 1);
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&mapped), sizeof(mapped)) == 0);
  const UniqueFd accepted = proxy.v4.accept();
  CHECK(originalOf(*capture, peerAddress(accepted.get())) == "192.0.2.1:80");

  sockaddr_in6 seen{};
  socklen_t length = sizeof(seen);
  REQUIRE(::getpeername(client.get(), reinterpret_cast<sockaddr*>(&seen), &length) == 0);
  CHECK(std::memcmp(&seen.sin6_addr, &mapped.sin6_addr, sizeof(seen.sin6_addr)) == 0);
  CHECK(seen.sin6_port == htons(80));
}

TEST_CASE("a connect that does not block is captured, and its record is there before accept") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  for (int round = 0; round < 200; ++round) {
    const UniqueFd client = proxy.cgroup.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    const std::string wanted = "192.0.2.1:" + std::to_string(1000 + round);
    const int error = connectTo(client.get(), address(wanted));
    REQUIRE((error == 0 || error == EINPROGRESS));
    const UniqueFd accepted = proxy.v4.accept();
    REQUIRE(originalOf(*capture, peerAddress(accepted.get())) == wanted);
  }
}

TEST_CASE("the unspecified address means loopback, as connect(2) takes it") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd v4 = proxy.cgroup.socket(AF_INET);
  REQUIRE(connectTo(v4.get(), address("0.0.0.0:80")) == 0);
  CHECK(originalOf(*capture, localAddress(v4.get())) == "127.0.0.1:80");
  const UniqueFd v6 = proxy.cgroup.socket(AF_INET6);
  REQUIRE(connectTo(v6.get(), address("[::]:80")) == 0);
  CHECK(originalOf(*capture, localAddress(v6.get())) == "[::1]:80");
}

TEST_CASE("skip lists, loopback and captured networks decide as documented") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const TestListener server(address("127.1.2.3:0"));
  const uint16_t port = server.local().port();
  const CaptureSettings::Network wide{address("127.1.0.0:0"), 16};
  const CaptureSettings::Network exact{address("127.1.2.3:0"), 32};
  struct Case {
    const char* description;
    bool loopback;
    std::vector<CaptureSettings::Ports> skipPorts;
    std::vector<CaptureSettings::Network> skipNetworks;
    std::vector<CaptureSettings::Network> captureNetworks;
    const char* outcome;
  };
  const Case cases[] = {
      {"nothing skipped", true, {}, {}, {}, "captured"},
      {"loopback off", false, {}, {}, {}, "left_loopback"},
      {"port skipped", true, {{port, port}}, {}, {}, "left_port"},
      {"port within a skipped range", true, {{1, 65535}}, {}, {}, "left_port"},
      {"the port below is skipped",
       true,
       {{static_cast<uint16_t>(port - 1), static_cast<uint16_t>(port - 1)}},
       {},
       {},
       "captured"},
      {"network skipped", true, {}, {wide}, {}, "left_network"},
      {"every IPv4 network skipped", true, {}, {{address("0.0.0.0:0"), 0}}, {}, "left_network"},
      {"every IPv6 network skipped", true, {}, {{address("[::]:0"), 0}}, {}, "captured"},
      {"another network skipped", true, {}, {{address("127.2.0.0:0"), 16}}, {}, "captured"},
      {"captured network inside a skipped one", true, {}, {wide}, {exact}, "captured"},
      {"skipped network inside a captured one", true, {}, {exact}, {wide}, "captured"},
      {"captured network on a skipped port", true, {{port, port}}, {}, {exact}, "captured"},
      {"captured network on loopback", false, {}, {}, {exact}, "captured"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.description);
    CaptureSettings settings = proxy.settings;
    settings.captureLoopback = one.loopback;
    settings.skipOutboundPorts = one.skipPorts;
    settings.skipOutboundNetworks = one.skipNetworks;
    settings.captureNetworks = one.captureNetworks;
    const auto capture = attachOrFail(settings);
    const UniqueFd client = proxy.cgroup.socket(AF_INET);
    REQUIRE(connectTo(client.get(), server.local()) == 0);
    CHECK(outcome(*capture, one.outcome) == 1);
    const bool captured = std::string_view(one.outcome) == "captured";
    CHECK(proxy.v4.hasConnection() == captured);
    CHECK(server.hasConnection() == !captured);
    const UniqueFd accepted = captured ? proxy.v4.accept() : server.accept();
    CHECK(peerAddress(client.get()) == server.local());
    CHECK(originalOf(*capture, localAddress(client.get())) ==
          (captured ? server.local().toString() : GONE));
  }
}

TEST_CASE("without a listener of its family a connection is left alone") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  proxy.settings.outboundV6 = SocketAddress();
  const auto capture = attachOrFail(proxy.settings);
  const TestListener server(address("[::1]:0"));
  const UniqueFd client = proxy.cgroup.socket(AF_INET6);
  REQUIRE(connectTo(client.get(), server.local()) == 0);
  CHECK(server.hasConnection());
  CHECK(outcome(*capture, "left_no_listener") == 1);
}

TEST_CASE("UDP is left alone") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd client = proxy.cgroup.socket(AF_INET, SOCK_DGRAM);
  REQUIRE(connectTo(client.get(), address("127.0.0.9:53")) == 0);
  CHECK(peerAddress(client.get()).toString() == "127.0.0.9:53");
  for (const auto& verdict : capture->outcomes()) {
    CAPTURE(std::string(verdict.first));
    CHECK(verdict.second == 0);
  }
}

TEST_CASE("sockets outside the cgroup are left alone") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const TestListener server(address("127.0.0.1:0"));
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connectTo(client.get(), server.local()) == 0);
  CHECK(server.hasConnection());
}

TEST_CASE("an exempt socket is left alone") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const TestListener server(address("127.0.0.1:0"));
  const UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(capture->exempt(client.get()).ok());
  REQUIRE(connectTo(client.get(), server.local()) == 0);
  CHECK(server.hasConnection());
  CHECK(outcome(*capture, "left_exempt") == 1);
  CHECK(capture->exempt(-1).error().code == EBADF);
}

TEST_CASE("a socket bound to a device stays on it") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const TestListener server(address("127.0.0.1:0"));
  const UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(::setsockopt(client.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
  REQUIRE(connectTo(client.get(), server.local()) == 0);
  CHECK(server.hasConnection());
  CHECK(outcome(*capture, "left_bound_device") == 1);
}

TEST_CASE("dialling the proxy's listener itself is not captured and has no original destination") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(connectTo(client.get(), proxy.v4.local()) == 0);
  const UniqueFd accepted = proxy.v4.accept();
  CHECK(outcome(*capture, "left_own_listener") == 1);
  CHECK(originalOf(*capture, peerAddress(accepted.get())) == GONE);
}

// A client socket bound to a port of the kernel's choice that may be used again at once.
UniqueFd boundClient(const ScratchCgroup& cgroup, const SocketAddress& local) {
  UniqueFd client = cgroup.socket(AF_INET);
  const int yes = 1;
  const linger reset{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  REQUIRE(bindTo(client.get(), local));
  return client;
}

TEST_CASE("a client port that is used again never gives the older destination") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  UniqueFd first = boundClient(proxy.cgroup, address("127.0.0.1:0"));
  const SocketAddress local = localAddress(first.get());
  REQUIRE(connectTo(first.get(), address("192.0.2.1:80")) == 0);
  // Accepted but not asked about, as by a proxy that was killed or shed it.
  REQUIRE(proxy.v4.accept().valid());
  first.reset();

  SUBCASE("by a captured connection") {
    const UniqueFd second = boundClient(proxy.cgroup, local);
    REQUIRE(connectTo(second.get(), address("192.0.2.2:81")) == 0);
    CHECK(originalOf(*capture, local) == "192.0.2.2:81");
  }
  SUBCASE("by a connection that is not captured") {
    const UniqueFd second = boundClient(proxy.cgroup, local);
    REQUIRE(connectTo(second.get(), proxy.v4.local()) == 0);
    CHECK(originalOf(*capture, local) == GONE);
  }
}

TEST_CASE("an attempt that failed leaves no record") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  proxy.v4.close();
  const UniqueFd client = boundClient(proxy.cgroup, address("127.0.0.1:0"));
  const SocketAddress local = localAddress(client.get());
  CHECK(connectTo(client.get(), address("192.0.2.1:80")) == ECONNREFUSED);
  CHECK(outcome(*capture, "captured") == 1);
  CHECK(originalOf(*capture, local) == GONE);
}

TEST_CASE("a client that sends and closes before it is accepted is still recognised") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const auto capture = attachOrFail(proxy.settings);
  UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(connectTo(client.get(), address("192.0.2.1:514")) == 0);
  REQUIRE(::send(client.get(), "bye", 3, 0) == 3);
  client.reset();
  const UniqueFd accepted = proxy.v4.accept();
  CHECK(originalOf(*capture, peerAddress(accepted.get())) == "192.0.2.1:514");
  char received[8];
  CHECK(::recv(accepted.get(), received, sizeof(received), MSG_WAITALL) == 3);
}

TEST_CASE("a socket that is connected again elsewhere shows its new peer") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  const TestListener server(address("127.0.0.1:0"));
  proxy.settings.skipOutboundPorts = {{server.local().port(), server.local().port()}};
  const auto capture = attachOrFail(proxy.settings);
  const UniqueFd client = proxy.cgroup.socket(AF_INET);
  REQUIRE(connectTo(client.get(), address("192.0.2.1:80")) == 0);
  sockaddr dissolve{};
  dissolve.sa_family = AF_UNSPEC;
  REQUIRE(::connect(client.get(), &dissolve, sizeof(dissolve)) == 0);
  REQUIRE(connectTo(client.get(), server.local()) == 0);
  CHECK(peerAddress(client.get()) == server.local());
}

TEST_CASE("when too many connections wait, the newest are kept and the rest are refused by name") {
  SKIP_UNLESS_PRIVILEGED();
  Proxy proxy;
  proxy.settings.maxPending = 64;
  const auto capture = attachOrFail(proxy.settings);
  constexpr int COUNT = 600;
  std::vector<UniqueFd> clients;
  for (int index = 0; index < COUNT; ++index) {
    clients.push_back(proxy.cgroup.socket(AF_INET));
    REQUIRE(connectTo(clients.back().get(), address("192.0.2.1:80")) == 0);
  }
  CHECK(outcome(*capture, "captured") == COUNT);
  CHECK(outcome(*capture, "failed_pending") == 0);
  CHECK(originalOf(*capture, localAddress(clients.back().get())) == "192.0.2.1:80");
  int kept = 1;
  for (const UniqueFd& client : clients) {
    const std::string original = originalOf(*capture, localAddress(client.get()));
    const bool known = original == "192.0.2.1:80";
    CHECK((known || original == GONE));
    kept += known ? 1 : 0;
  }
  CHECK(kept <= 64);
}

}  // namespace
}  // namespace mesh

#endif  // __linux__

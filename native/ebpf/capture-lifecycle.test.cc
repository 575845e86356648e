// Attaching as a transaction, detaching on every kind of end, living beside other programs and
// namespaces. Privileged; see capture-fixture.h.
#include "ebpf/capture.h"

#ifdef __linux__

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <functional>

#include "cluster_ip.skel.h"
#include "ebpf/capture-fixture.h"

namespace mesh {
namespace {

using namespace test;

UniqueFd openDirectory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(directory.valid());
  return directory;
}

uint32_t attachedCount(int target, bpf_attach_type type) {
  uint32_t ids[16];
  uint32_t count = 16;
  REQUIRE(bpf_prog_query(target, type, 0, nullptr, ids, &count) == 0);
  return count;
}

// How many programs are attached to the cgroup and steer in this network namespace.
uint32_t attachedPrograms(const std::string& cgroup) {
  const UniqueFd directory = openDirectory(cgroup);
  const UniqueFd netns(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  uint32_t total = attachedCount(netns.get(), BPF_SK_LOOKUP);
  for (const bpf_attach_type type :
       {BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_INET4_GETPEERNAME,
        BPF_CGROUP_INET6_GETPEERNAME, BPF_CGROUP_SOCK_OPS}) {
    total += attachedCount(directory.get(), type);
  }
  return total;
}

struct Wanted {
  ScratchCgroup cgroup;
  TestListener outbound{address("127.0.0.1:0")};
  TestListener inbound{address("127.0.0.1:0")};
  TestListener server{address("127.0.0.1:0")};
  CaptureSettings settings;

  Wanted() {
    settings.cgroupPath = cgroup.path();
    settings.outboundV4 = outbound.local();
    settings.captureLoopback = true;
    settings.inboundPorts = {server.local().port()};
    settings.inboundListenerFds = {inbound.fd()};
    settings.ownSource = address("127.0.0.6:0");
  }
  // A connection of the workload goes where it wanted, by itself.
  void checkDirect() const {
    const UniqueFd client = cgroup.socket(AF_INET);
    REQUIRE(connectTo(client.get(), server.local()) == 0);
    CHECK(server.hasConnection());
    CHECK_FALSE(outbound.hasConnection());
    CHECK_FALSE(inbound.hasConnection());
    server.accept();
  }
};

// Runs `body` in a child process; answers what it returned as exit status. The child must not use
// doctest's macros: its copy of the test run is nobody's.
int inChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Keeps these effective and permitted capabilities only, as a user that is not root.
bool becomeUnprivileged(uint64_t capabilities) {
  constexpr int NOBODY = 65534;
  if (::syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  // Otherwise changing the user gives up all of them.
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0) return false;
  if (::syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) != 0) return false;
  __user_cap_data_struct data[2]{};
  data[0].effective = data[0].permitted = static_cast<uint32_t>(capabilities);
  data[1].effective = data[1].permitted = static_cast<uint32_t>(capabilities >> 32);
  return ::syscall(SYS_capset, &header, data) == 0;
}

TEST_CASE("detaching leaves nothing attached and connections direct") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  auto capture = attachOrFail(wanted.settings);
  CHECK(capture->hooks().size() == 6);
  CHECK(attachedPrograms(wanted.cgroup.path()) == 6);
  capture.reset();
  CHECK(attachedPrograms(wanted.cgroup.path()) == 0);
  wanted.checkDirect();
}

TEST_CASE("when the holder is killed nothing stays attached") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  int ready[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  const UniqueFd readEnd(ready[0]);
  UniqueFd writeEnd(ready[1]);
  const pid_t holder = ::fork();
  REQUIRE(holder >= 0);
  if (holder == 0) {
    const auto capture = Capture::attach(wanted.settings);
    const char answer = capture.ok() ? 'y' : 'n';
    if (::write(writeEnd.get(), &answer, 1) == 1) ::pause();
    ::_exit(1);
  }
  writeEnd.reset();
  char answer = 0;
  REQUIRE(::read(readEnd.get(), &answer, 1) == 1);
  CHECK(answer == 'y');
  CHECK(attachedPrograms(wanted.cgroup.path()) == 6);
  REQUIRE(::kill(holder, SIGKILL) == 0);
  int status = 0;
  REQUIRE(::waitpid(holder, &status, 0) == holder);

  // The kernel may release links from a work queue, of which nobody is told: ask until it has.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(WAIT_SECONDS);
  while (attachedPrograms(wanted.cgroup.path()) != 0 && std::chrono::steady_clock::now() < limit) {
    ::sched_yield();
  }
  CHECK(attachedPrograms(wanted.cgroup.path()) == 0);
  wanted.checkDirect();
}

TEST_CASE("attaching that fails half-way leaves nothing") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  SUBCASE("because a hook is held exclusively") {
    cluster_ip* other = cluster_ip::open_and_load();
    REQUIRE(other != nullptr);
    const UniqueFd directory = openDirectory(wanted.cgroup.path());
    const int program = bpf_program__fd(other->progs.cluster_ip_connect4);
    REQUIRE(bpf_prog_attach(program, directory.get(), BPF_CGROUP_INET4_CONNECT, 0) == 0);
    const auto refused = Capture::attach(wanted.settings);
    CHECK(attachedPrograms(wanted.cgroup.path()) == 1);
    CHECK(bpf_prog_detach2(program, directory.get(), BPF_CGROUP_INET4_CONNECT) == 0);
    cluster_ip::destroy(other);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().step == "attach cgroup/connect4");
    CHECK(refused.error().osError == EPERM);
    CHECK(refused.error().message.find("exclusively") != std::string::npos);
  }
  SUBCASE("because the inbound listener is no socket") {
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    wanted.settings.inboundListenerFds = {file.get()};
    const auto refused = Capture::attach(wanted.settings);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().step == "fill inbound listener");
  }
  SUBCASE("because the cgroup is missing") {
    wanted.settings.cgroupPath += "-missing";
    const auto refused = Capture::attach(wanted.settings);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().step == "open cgroup");
    CHECK(refused.error().osError == ENOENT);
  }
  SUBCASE("because the directory is no cgroup") {
    wanted.settings.cgroupPath = "/";
    const auto refused = Capture::attach(wanted.settings);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message == "/ is not a directory of cgroup v2");
  }
  CHECK(attachedPrograms(wanted.cgroup.path()) == 0);
  wanted.checkDirect();
}

TEST_CASE("without capabilities attaching is refused with the ones that are missing") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  CHECK(inChild([&] {
          if (!becomeUnprivileged(0)) return 2;
          const auto refused = Capture::attach(wanted.settings);
          if (refused.ok() || refused.error().osError != EPERM) return 3;
          return refused.error().message.find("CAP_BPF") == std::string::npos ? 4 : 0;
        }) == 0);
}

TEST_CASE("CAP_BPF and CAP_NET_ADMIN are enough") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  CHECK(inChild([&] {
          const uint64_t enough = (uint64_t{1} << CAP_BPF) | (uint64_t{1} << CAP_NET_ADMIN);
          if (!becomeUnprivileged(enough)) return 2;
          const auto capture = Capture::attach(wanted.settings);
          if (!capture.ok()) std::fprintf(stderr, "%s\n", capture.error().message.c_str());
          return capture.ok() ? 0 : 3;
        }) == 0);
}

TEST_CASE("two captures share a cgroup's parent without meeting each other's connections") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted first;
  Wanted second;
  const auto firstCapture = attachOrFail(first.settings);
  const auto secondCapture = attachOrFail(second.settings);
  const UniqueFd client = second.cgroup.socket(AF_INET);
  REQUIRE(connectTo(client.get(), address("192.0.2.1:80")) == 0);
  CHECK(second.outbound.hasConnection());
  CHECK_FALSE(first.outbound.hasConnection());
  CHECK(originalOf(*firstCapture, localAddress(client.get())) == std::strerror(ENOENT));
  CHECK(originalOf(*secondCapture, localAddress(client.get())) == "192.0.2.1:80");
}

TEST_CASE("capture sees a cluster address before a rewriting program of the cgroup above") {
  SKIP_UNLESS_PRIVILEGED();
  const ScratchCgroup node;
  const ScratchCgroup workload(node.path());
  const TestListener outbound(address("127.0.0.1:0"));
  const TestListener backend(address("127.0.0.1:0"));

  cluster_ip* balancer = cluster_ip::open();
  REQUIRE(balancer != nullptr);
  balancer->rodata->cluster_ip = ::inet_addr("10.96.7.7");
  balancer->rodata->cluster_port = htons(80);
  balancer->rodata->backend_ip = ::inet_addr("127.0.0.1");
  balancer->rodata->backend_port = htons(backend.local().port());
  REQUIRE(cluster_ip::load(balancer) == 0);
  const UniqueFd directory = openDirectory(node.path());
  bpf_link* link = bpf_program__attach_cgroup(balancer->progs.cluster_ip_connect4, directory.get());
  REQUIRE(link != nullptr);

  CaptureSettings settings;
  settings.cgroupPath = workload.path();
  settings.outboundV4 = outbound.local();
  const auto capture = attachOrFail(settings);

  // The workload's connection reaches the proxy with the cluster address.
  const UniqueFd client = workload.socket(AF_INET);
  REQUIRE(connectTo(client.get(), address("10.96.7.7:80")) == 0);
  const UniqueFd accepted = outbound.accept();
  CHECK(originalOf(*capture, peerAddress(accepted.get())) == "10.96.7.7:80");
  CHECK(balancer->bss->seen == 1);
  CHECK(balancer->bss->rewritten == 0);

  // The proxy's own dial, from inside the node, is the balancer's to rewrite.
  const UniqueFd own = node.socket(AF_INET);
  REQUIRE(connectTo(own.get(), address("10.96.7.7:80")) == 0);
  CHECK(backend.hasConnection());
  CHECK(balancer->bss->rewritten == 1);

  CHECK(bpf_link__destroy(link) == 0);
  cluster_ip::destroy(balancer);
}

TEST_CASE("sockets of another network namespace are left alone") {
  SKIP_UNLESS_PRIVILEGED();
  Wanted wanted;
  const auto capture = attachOrFail(wanted.settings);
  CHECK(inChild([&] {
          if (::unshare(CLONE_NEWNET) != 0 || !joinCgroup(wanted.cgroup.path())) return 2;
          const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
          ifreq loopback{};
          std::strcpy(loopback.ifr_name, "lo");
          loopback.ifr_flags = IFF_UP;
          if (::ioctl(socket, SIOCSIFFLAGS, &loopback) != 0) return 3;
          // Nobody listens in the new namespace, so the connection is refused there.
          return connectTo(socket, wanted.server.local()) == ECONNREFUSED ? 0 : 4;
        }) == 0);
  CHECK(outcome(*capture, "left_namespace") == 1);
  CHECK_FALSE(wanted.outbound.hasConnection());
}

TEST_CASE("the proxy reaches an address of an interface from its reserved loopback source") {
  SKIP_UNLESS_PRIVILEGED();
  // In a network namespace, so that the host's addresses are left alone.
  CHECK(inChild([] {
          if (::unshare(CLONE_NEWNET) != 0) return 2;
          const UniqueFd control(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          ifreq request{};
          std::strcpy(request.ifr_name, "lo");
          request.ifr_flags = IFF_UP;
          if (::ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return 3;
          std::strcpy(request.ifr_name, "lo:1");
          sockaddr_in own{};
          own.sin_family = AF_INET;
          own.sin_addr.s_addr = ::inet_addr("10.99.0.1");
          std::memcpy(&request.ifr_addr, &own, sizeof(own));
          if (::ioctl(control.get(), SIOCSIFADDR, &request) != 0) return 4;

          const ScratchCgroup cgroup;
          const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const UniqueFd inbound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          own.sin_port = htons(8080);
          if (::bind(server.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) return 5;
          if (::listen(server.get(), 16) != 0 || ::listen(inbound.get(), 16) != 0) return 6;
          CaptureSettings settings;
          settings.cgroupPath = cgroup.path();
          settings.inboundPorts = {8080};
          settings.inboundListenerFds = {inbound.get()};
          settings.ownSource = SocketAddress::v4(0x7f000006, 0);
          const auto capture = Capture::attach(settings);
          if (!capture.ok()) return 7;

          const UniqueFd stranger(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const UniqueFd proxy(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const SocketAddress served = SocketAddress::v4(0x0a630001, 8080);
          pollfd atServer{server.get(), POLLIN, 0};
          pollfd atInbound{inbound.get(), POLLIN, 0};
          if (connectTo(stranger.get(), served) != 0) return 8;
          if (::poll(&atInbound, 1, 0) != 1 || ::poll(&atServer, 1, 0) != 0) return 9;
          if (!bindTo(proxy.get(), SocketAddress::v4(0x7f000006, 0))) return 10;
          if (connectTo(proxy.get(), served) != 0) return 11;
          return ::poll(&atServer, 1, 0) == 1 ? 0 : 12;
        }) == 0);
}

}  // namespace
}  // namespace mesh

#endif  // __linux__

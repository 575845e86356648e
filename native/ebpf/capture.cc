// Capture on Linux: attaching as one transaction, and the maps the workers ask and tell.
#include "ebpf/capture.h"

#ifdef __linux__

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/unique-fd.h"
#include "ebpf/capture-tables.h"
#include "ebpf/programs.h"
#include "ebpf/refusal.h"

// Linux 5.14; Debian 11's headers do not have it.
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace mesh {

using ebpf::CaptureTables;
using ebpf::Programs;

namespace {

Result<UniqueFd, CaptureError> openCgroup(const std::string& path) {
  UniqueFd cgroup(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.valid()) return ebpf::refusal("open cgroup", errno, path);
  struct statfs fileSystem {};
  if (::fstatfs(cgroup.get(), &fileSystem) != 0) return ebpf::refusal("open cgroup", errno, path);
  if (fileSystem.f_type != CGROUP2_SUPER_MAGIC) {
    return CaptureError{"open cgroup", path + " is not a directory of cgroup v2", EINVAL};
  }
  return cgroup;
}

// 0: the kernel cannot tell (before 5.14); sockets of other namespaces are then not recognised.
uint64_t ownNetnsCookie() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (!socket.valid() ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) {
    return 0;
  }
  return cookie;
}

uint64_t monotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// BPF_MAP_LOOKUP_AND_DELETE_ELEM works on hash maps since Linux 5.14.
bool canTakeAtOnce(int pendingFd) {
  const mesh_address nobody{};
  mesh_pending pending{};
  return bpf_map_lookup_and_delete_elem(pendingFd, &nobody, &pending) == -ENOENT;
}

}  // namespace

struct Capture::State {
  explicit State(std::unique_ptr<Programs> loaded)
      : programs(std::move(loaded)),
        pendingFd(programs->pendingFd()),
        exemptFd(programs->exemptFd()),
        ownSourcesFd(programs->ownSourcesFd()),
        takesAtOnce(canTakeAtOnce(pendingFd)) {}

  const std::unique_ptr<Programs> programs;
  // Kept here because they are used for every connection.
  const int pendingFd;
  const int exemptFd;
  const int ownSourcesFd;
  const bool takesAtOnce;
};

Capture::Capture(std::unique_ptr<State> state) : state_(std::move(state)) {}
Capture::~Capture() = default;

Result<std::unique_ptr<Capture>, CaptureError> Capture::attach(const CaptureSettings& settings) {
  Result<CaptureTables, CaptureError> tables = ebpf::makeTables(settings, ownNetnsCookie());
  if (!tables) return tables.error();
  Result<UniqueFd, CaptureError> cgroup = openCgroup(settings.cgroupPath);
  if (!cgroup) return cgroup.error();
  Result<std::unique_ptr<Programs>, CaptureError> loaded = Programs::load(settings, tables.value());
  if (!loaded) return loaded.error();
  std::unique_ptr<Programs> programs = std::move(loaded).value();
  // What was attached before a failing step goes with `programs`.
  if (Status<CaptureError> attached = programs->attach(cgroup.value().get()); !attached) {
    return attached.error();
  }
  return std::unique_ptr<Capture>(new Capture(std::make_unique<State>(std::move(programs))));
}

const std::vector<std::string>& Capture::hooks() const { return state_->programs->hooks(); }

Result<SocketAddress> Capture::takeOriginalDestination(const SocketAddress& client) const {
  const mesh_address key = ebpf::toMeshAddress(client);
  mesh_pending pending{};
  if (state_->takesAtOnce) {
    if (bpf_map_lookup_and_delete_elem(state_->pendingFd, &key, &pending) != 0) {
      return SysError{errno};
    }
  } else {
    // The client's address cannot be used again while its connection is in our hands.
    if (bpf_map_lookup_elem(state_->pendingFd, &key, &pending) != 0) return SysError{errno};
    bpf_map_delete_elem(state_->pendingFd, &key);
  }
  if (!ebpf::isCurrent(pending, monotonicNs())) return SysError{ENOENT};
  return ebpf::fromMeshAddress(pending.original);
}

Status<> Capture::exempt(int fd) const {
  const uint32_t present = 1;
  if (bpf_map_update_elem(state_->exemptFd, &fd, &present, BPF_ANY) != 0) return SysError{errno};
  return Unit{};
}

Status<> Capture::exemptSource(const SocketAddress& source) const {
  const mesh_address key = ebpf::toMeshAddress(source);
  const uint32_t present = 1;
  if (bpf_map_update_elem(state_->ownSourcesFd, &key, &present, BPF_ANY) != 0) {
    return SysError{errno};
  }
  return Unit{};
}

void Capture::forgetSource(const SocketAddress& source) const {
  const mesh_address key = ebpf::toMeshAddress(source);
  // Absent already: nothing to forget.
  bpf_map_delete_elem(state_->ownSourcesFd, &key);
}

std::vector<std::pair<std::string_view, uint64_t>> Capture::outcomes() const {
  std::vector<std::pair<std::string_view, uint64_t>> result;
  std::vector<uint64_t> perProcessor(static_cast<size_t>(std::max(1, libbpf_num_possible_cpus())));
  for (uint32_t outcome = 0; outcome < MESH_OUTCOMES; ++outcome) {
    uint64_t total = 0;
    if (bpf_map_lookup_elem(state_->programs->outcomesFd(), &outcome, perProcessor.data()) == 0) {
      for (const uint64_t count : perProcessor) total += count;
    }
    result.emplace_back(ebpf::outcomeName(outcome), total);
  }
  return result;
}

}  // namespace mesh

#endif  // __linux__

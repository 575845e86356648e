// Opening, loading, filling and attaching, step by step; each step has a name for its error.
#include "ebpf/programs.h"

#ifdef __linux__

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>

#include "base/unique-fd.h"
#include "capture.skel.h"
#include "ebpf/refusal.h"

namespace mesh::ebpf {

namespace {

// What libbpf says while this thread attaches; elsewhere it is dropped: each call's result is
// looked at, and standard error belongs to the workload.
thread_local std::string* libbpfText = nullptr;

__attribute__((format(printf, 2, 0))) int keepText(libbpf_print_level level, const char* format,
                                                   va_list arguments) {
  if (libbpfText == nullptr || level != LIBBPF_WARN) return 0;
  // A verifier's log comes as one text, of which the end matters.
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return length;
  const size_t before = libbpfText->size();
  libbpfText->resize(before + static_cast<size_t>(length) + 1);
  std::vsnprintf(libbpfText->data() + before, static_cast<size_t>(length) + 1, format, arguments);
  libbpfText->pop_back();
  return length;
}

class LibbpfTextScope {
 public:
  LibbpfTextScope() : outer_(libbpfText) {
    static std::once_flag once;
    std::call_once(once, [] { libbpf_set_print(keepText); });
    libbpfText = &text_;
  }
  ~LibbpfTextScope() { libbpfText = outer_; }
  LibbpfTextScope(const LibbpfTextScope&) = delete;
  LibbpfTextScope& operator=(const LibbpfTextScope&) = delete;
  const std::string& text() const { return text_; }

 private:
  std::string* const outer_;
  std::string text_;
};

// libbpf names the program or map at fault in its text only.
std::string loadStep(const std::string& text) {
  static constexpr std::string_view BEFORE_NAME[] = {"prog 'mesh_", "map 'mesh_"};
  for (const std::string_view before : BEFORE_NAME) {
    const size_t at = text.find(before);
    if (at == std::string::npos) continue;
    const size_t start = at + before.size();
    return "load " + text.substr(start, text.find('\'', start) - start);
  }
  return "load programs";
}

uint32_t roomFor(size_t entries) { return static_cast<uint32_t>(std::max<size_t>(1, entries)); }

template <typename Key, typename Value>
bool put(const bpf_map* map, const Key& key, const Value& value) {
  return bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0;
}

}  // namespace

// What records comes before what rewrites, so that no connection is captured that the proxy would
// not recognise.
Programs::Programs(::capture* skeleton, const CaptureSettings& settings) : skeleton_(skeleton) {
  const auto& programs = skeleton_->progs;
  if (settings.outboundV4.valid() || settings.outboundV6.valid()) {
    wanted_.push_back({"cgroup/sock_ops", programs.mesh_sock_ops});
    wanted_.push_back({"cgroup/getpeername4", programs.mesh_getpeername4});
    wanted_.push_back({"cgroup/getpeername6", programs.mesh_getpeername6});
    wanted_.push_back({"cgroup/connect4", programs.mesh_connect4});
    wanted_.push_back({"cgroup/connect6", programs.mesh_connect6});
  }
  if (!settings.inboundPorts.empty()) wanted_.push_back({"sk_lookup", programs.mesh_sk_lookup});
}

Programs::~Programs() {
  // The last attached first: nothing is rewritten once nothing records where it was going.
  while (!links_.empty()) {
    bpf_link__destroy(links_.back());
    links_.pop_back();
  }
  capture::destroy(skeleton_);
}

Result<std::unique_ptr<Programs>, CaptureError> Programs::load(const CaptureSettings& settings,
                                                               const CaptureTables& tables) {
  const LibbpfTextScope libbpf;
  ::capture* skeleton = capture::open();
  if (skeleton == nullptr) return refusal("open programs", errno, libbpf.text());
  std::unique_ptr<Programs> programs(new Programs(skeleton, settings));
  Status<CaptureError> done = programs->loadWith(settings, tables);
  if (done) done = programs->fillMaps(settings, tables);
  if (!done) return done.error();
  return programs;
}

Status<CaptureError> Programs::loadWith(const CaptureSettings& settings,
                                        const CaptureTables& tables) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) bpf_program__set_autoload(program, false);
  for (const Hook& hook : wanted_) bpf_program__set_autoload(hook.program, true);
  skeleton_->rodata->mesh_settings = tables.settings;
  const auto& maps = skeleton_->maps;
  bpf_map__set_max_entries(maps.mesh_pending, settings.maxPending);
  bpf_map__set_max_entries(maps.mesh_skip_networks, roomFor(tables.skipNetworks.size()));
  bpf_map__set_max_entries(maps.mesh_capture_networks, roomFor(tables.captureNetworks.size()));

  const LibbpfTextScope libbpf;
  const int error = capture::load(skeleton_);
  if (error != 0) return refusal(loadStep(libbpf.text()), -error, libbpf.text());
  return Unit{};
}

Status<CaptureError> Programs::fillMaps(const CaptureSettings& settings,
                                        const CaptureTables& tables) {
  const auto& maps = skeleton_->maps;
  for (uint32_t index = 0; index < tables.portWords.size(); ++index) {
    const uint64_t word = tables.portWords[index];
    // Entries of an array are there from the start, as zero.
    if (word != 0 && !put(maps.mesh_port_words, index, word)) {
      return refusal("fill ports", errno, "");
    }
  }
  const uint32_t present = 1;
  for (const mesh_network& network : tables.skipNetworks) {
    if (!put(maps.mesh_skip_networks, network, present)) return refusal("fill networks", errno, "");
  }
  for (const mesh_network& network : tables.captureNetworks) {
    if (!put(maps.mesh_capture_networks, network, present)) {
      return refusal("fill networks", errno, "");
    }
  }
  if (settings.inboundPorts.empty()) return Unit{};
  for (const int listener : settings.inboundListenerFds) {
    int family = 0;
    socklen_t length = sizeof(family);
    if (::getsockopt(listener, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) {
      return refusal("fill inbound listener", errno, "");
    }
    const uint32_t index = family == AF_INET ? MESH_SOCKET_IPV4 : MESH_SOCKET_IPV6;
    if (!put(maps.mesh_inbound_sockets, index, static_cast<uint64_t>(listener))) {
      return refusal("fill inbound listener", errno, "");
    }
  }
  return Unit{};
}

Status<CaptureError> Programs::attach(int cgroupFd) {
  for (const Hook& hook : wanted_) {
    const LibbpfTextScope libbpf;
    bpf_link* link = nullptr;
    if (hook.program == skeleton_->progs.mesh_sk_lookup) {
      const UniqueFd netns(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      if (!netns.valid()) return refusal("open network namespace", errno, "");
      link = bpf_program__attach_netns(hook.program, netns.get());
    } else {
      link = bpf_program__attach_cgroup(hook.program, cgroupFd);
    }
    if (link == nullptr) return refusal("attach " + hook.name, errno, libbpf.text());
    links_.push_back(link);
    hooks_.push_back(hook.name);
  }
  return Unit{};
}

int Programs::pendingFd() const { return bpf_map__fd(skeleton_->maps.mesh_pending); }
int Programs::exemptFd() const { return bpf_map__fd(skeleton_->maps.mesh_exempt); }
int Programs::ownSourcesFd() const { return bpf_map__fd(skeleton_->maps.mesh_own_sources); }
int Programs::outcomesFd() const { return bpf_map__fd(skeleton_->maps.mesh_outcomes); }

}  // namespace mesh::ebpf

#endif  // __linux__

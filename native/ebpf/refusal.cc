// errno and capabilities to an explanation.
#include "ebpf/refusal.h"

#ifdef __linux__

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mesh::ebpf {

namespace {

constexpr size_t MAX_DETAIL_BYTES = 600;

// Of a verifier's log, the complaint: it comes before the statistics at the end.
std::string_view essence(std::string_view detail) {
  if (const size_t statistics = detail.rfind("\nprocessed "); statistics != detail.npos) {
    detail = detail.substr(0, statistics);
    detail = detail.substr(detail.rfind('\n') + 1);
  }
  while (!detail.empty() && (detail.back() == '\n' || detail.back() == ' '))
    detail.remove_suffix(1);
  return detail;
}

bool has(uint64_t capabilities, int capability) { return ((capabilities >> capability) & 1) != 0; }

std::string whyNotPermitted(std::string_view step, int osError, uint64_t capabilities) {
  // CAP_SYS_ADMIN contains CAP_BPF; CAP_NET_ADMIN is asked for beside either (Linux 5.8).
  std::string missing;
  if (!has(capabilities, CAP_BPF) && !has(capabilities, CAP_SYS_ADMIN)) missing = "CAP_BPF";
  if (!has(capabilities, CAP_NET_ADMIN) && !has(capabilities, CAP_SYS_ADMIN)) {
    missing += missing.empty() ? "CAP_NET_ADMIN" : " and CAP_NET_ADMIN";
  }
  if (!missing.empty()) {
    return "this process lacks " + missing + ": run as root, or grant the capability";
  }
  // The verifier answers EACCES or EINVAL, missing rights are EPERM.
  if (osError == EACCES) return "the kernel's verifier refuses the program";
  if (step.substr(0, 7) == "attach ") {
    return "another program holds this hook of the cgroup exclusively: detach it, or use another "
           "cgroup";
  }
  return "the capabilities are there, so a seccomp filter or a security module refuses bpf(2): "
         "allow it for this container";
}

std::string whyFailed(std::string_view step, int osError, uint64_t capabilities) {
  switch (osError) {
    case EPERM:
    case EACCES:
      if (step.substr(0, 5) != "open ") return whyNotPermitted(step, osError, capabilities);
      return std::string(std::strerror(osError)) + ": check its owner and mode";
    case ENOENT:
      return "no such file or directory";
    case ENOMEM:
      return "the kernel has no memory for it: the memory limit of the cgroup, or the "
             "locked-memory "
             "limit on kernels before 5.11, may be too small";
    case ENOSYS:
      return "this kernel has no bpf(2)";
    default:
      return std::strerror(osError);
  }
}

}  // namespace

uint64_t effectiveCapabilities() {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, data) != 0) return 0;
  return data[0].effective | (uint64_t{data[1].effective} << 32);
}

std::string explainRefusal(std::string_view step, int osError, uint64_t capabilities,
                           std::string_view detail) {
  std::string text = whyFailed(step, osError, capabilities);
  detail = essence(detail);
  if (detail.size() > MAX_DETAIL_BYTES) detail.remove_prefix(detail.size() - MAX_DETAIL_BYTES);
  if (!detail.empty()) text.append(" (").append(detail).append(")");
  return text;
}

CaptureError refusal(std::string step, int osError, std::string_view detail) {
  std::string message = explainRefusal(step, osError, effectiveCapabilities(), detail);
  return CaptureError{std::move(step), std::move(message), osError};
}

}  // namespace mesh::ebpf

#endif  // __linux__

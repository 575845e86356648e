// Explanations of refused steps, without a kernel.
#include "ebpf/refusal.h"

#ifdef __linux__

#include <doctest/doctest.h>
#include <linux/capability.h>

#include <cerrno>

namespace mesh::ebpf {
namespace {

uint64_t bit(int capability) { return uint64_t{1} << capability; }

TEST_CASE("a refusal names the capability that is missing, or what else refuses") {
  struct Case {
    const char* step;
    int osError;
    uint64_t capabilities;
    const char* expected;
  };
  const Case cases[] = {
      {"load connect4", EPERM, 0, "lacks CAP_BPF and CAP_NET_ADMIN"},
      {"load connect4", EPERM, bit(CAP_BPF), "lacks CAP_NET_ADMIN"},
      {"load connect4", EPERM, bit(CAP_NET_ADMIN), "lacks CAP_BPF:"},
      {"load connect4", EPERM, bit(CAP_BPF) | bit(CAP_NET_ADMIN), "seccomp"},
      {"load connect4", EACCES, bit(CAP_SYS_ADMIN), "verifier"},
      {"attach cgroup/connect4", EPERM, bit(CAP_SYS_ADMIN), "exclusively"},
      {"open cgroup", EACCES, 0, "check its owner"},
      {"open cgroup", ENOENT, 0, "no such file"},
      {"load programs", ENOMEM, 0, "memory limit"},
      {"load programs", ENOSYS, 0, "no bpf(2)"},
      {"load programs", E2BIG, 0, "Argument list too long"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.expected);
    const std::string text = explainRefusal(one.step, one.osError, one.capabilities, "");
    CHECK(text.find(one.expected) != std::string::npos);
  }
}

TEST_CASE("of a verifier's log the complaint is kept") {
  const std::string text = explainRefusal(
      "load connect4", EACCES, ~uint64_t{0},
      "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n1: (bf) r6 = r1\nR2 is no pointer\n"
      "processed 12 insns (limit 1000000)\n-- END PROG LOAD LOG --\n");
  CHECK(text == "the kernel's verifier refuses the program (R2 is no pointer)");
}

TEST_CASE("the end of a long detail is kept") {
  const std::string text = explainRefusal("load", EINVAL, 0, std::string(5000, 'x') + "end\n");
  CHECK(text.size() < 1000);
  CHECK(text.substr(text.size() - 5) == "xend)");
}

}  // namespace
}  // namespace mesh::ebpf

#endif  // __linux__

// The eBPF programs of bpf/ in the kernel: loaded together with their maps, then attached by links
// that die with this object. One skeleton of one linked object file, so that the programs share
// their maps and are loaded all or none.
#pragma once

#ifdef __linux__

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ebpf/capture-tables.h"
#include "ebpf/capture.h"

struct bpf_link;
struct bpf_program;
struct capture;

namespace mesh::ebpf {

class Programs {
 public:
  // Only the programs that the settings ask for are loaded. Nothing is attached yet.
  static Result<std::unique_ptr<Programs>, CaptureError> load(const CaptureSettings& settings,
                                                              const CaptureTables& tables);
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // To the cgroup, and for sk_lookup to the calling thread's network namespace. After a failure
  // some may be attached: destroy the object.
  Status<CaptureError> attach(int cgroupFd);
  // Names of what is attached, in order.
  const std::vector<std::string>& hooks() const { return hooks_; }

  int pendingFd() const;
  int exemptFd() const;
  int ownSourcesFd() const;
  int outcomesFd() const;

 private:
  struct Hook {
    std::string name;
    bpf_program* program;
  };

  explicit Programs(::capture* skeleton, const CaptureSettings& settings);
  Status<CaptureError> loadWith(const CaptureSettings& settings, const CaptureTables& tables);
  Status<CaptureError> fillMaps(const CaptureSettings& settings, const CaptureTables& tables);

  ::capture* const skeleton_;
  // In the order to attach them.
  std::vector<Hook> wanted_;
  std::vector<bpf_link*> links_;
  std::vector<std::string> hooks_;
};

}  // namespace mesh::ebpf

#endif  // __linux__

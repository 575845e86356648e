// Why the kernel refused a step of attaching, in words, with the remedy where there is one.
#pragma once

#ifdef __linux__

#include <cstdint>
#include <string>
#include <string_view>

#include "ebpf/capture.h"

namespace mesh::ebpf {

// The effective capabilities of the calling thread as a bit set, capability 0 first; all zero when
// they cannot be read.
uint64_t effectiveCapabilities();

// `detail` is what libbpf said, possibly empty; its end is kept.
std::string explainRefusal(std::string_view step, int osError, uint64_t capabilities,
                           std::string_view detail);

// The same as an error, with the capabilities of the calling thread.
CaptureError refusal(std::string step, int osError, std::string_view detail);

}  // namespace mesh::ebpf

#endif  // __linux__

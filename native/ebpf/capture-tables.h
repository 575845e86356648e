// What the eBPF programs read, computed from the settings: pure, so that it is tested without a
// kernel. The structures are those of bpf/include/mesh_types.h.
#pragma once

#ifdef __linux__

#include <array>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/socket-address.h"
#include "ebpf/capture.h"
#include "mesh_types.h"

namespace mesh::ebpf {

// A connection may have been closed by its client for this long and still be accepted.
inline constexpr uint64_t CLOSED_RECORD_LIFETIME_NS = 60'000'000'000;

struct CaptureTables {
  mesh_settings settings{};
  std::array<uint64_t, size_t{MESH_PORT_SETS} * MESH_PORT_WORDS> portWords{};
  std::vector<mesh_network> skipNetworks;
  std::vector<mesh_network> captureNetworks;
};

// Refuses settings that contradict themselves (step "check settings", EINVAL).
Result<CaptureTables, CaptureError> makeTables(const CaptureSettings& settings,
                                               uint64_t netnsCookie);

// An invalid address has family 0.
mesh_address toMeshAddress(const SocketAddress& address);
SocketAddress fromMeshAddress(const mesh_address& address);

// False: the client closed so long ago that its address may belong to somebody else by now.
bool isCurrent(const mesh_pending& pending, uint64_t nowNs);

// Stable name of a verdict of enum mesh_outcome.
std::string_view outcomeName(uint32_t outcome);

}  // namespace mesh::ebpf

#endif  // __linux__

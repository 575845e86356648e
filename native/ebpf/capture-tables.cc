// Settings to tables, and the assertion that C++ and eBPF see the same structures.
#include "ebpf/capture-tables.h"

#ifdef __linux__

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

namespace mesh::ebpf {

static_assert(sizeof(mesh_address) == 20 && offsetof(mesh_address, port) == 16 &&
              offsetof(mesh_address, family) == 18);
static_assert(sizeof(mesh_settings) == 72 && offsetof(mesh_settings, outbound_v6) == 20 &&
              offsetof(mesh_settings, own_source) == 40 &&
              offsetof(mesh_settings, capture_loopback) == 60 &&
              offsetof(mesh_settings, netns_cookie) == 64);
static_assert(sizeof(mesh_redirect) == 24 && offsetof(mesh_redirect, listener_family) == 20);
static_assert(sizeof(mesh_pending) == 40 && offsetof(mesh_pending, cookie) == 24 &&
              offsetof(mesh_pending, closed_ns) == 32);
static_assert(sizeof(mesh_network) == 24 && offsetof(mesh_network, ip) == 8);
static_assert(MESH_IPV4 == AF_INET && MESH_IPV6 == AF_INET6);

namespace {

CaptureError refused(std::string message) {
  return CaptureError{"check settings", std::move(message), EINVAL};
}

void addPort(CaptureTables& tables, mesh_port_set set, uint32_t port) {
  tables.portWords[size_t{set} * MESH_PORT_WORDS + port / 64] |= uint64_t{1} << (port % 64);
}

// The bits after the prefix are cleared, as the kernel's trie would ignore them.
std::optional<mesh_network> toMeshNetwork(const CaptureSettings::Network& network) {
  if (!network.address.valid()) return std::nullopt;
  const std::string_view ip = network.address.ipBytes();
  if (network.prefixLength > ip.size() * 8) return std::nullopt;
  mesh_network result{};
  result.prefix_length = 32 + network.prefixLength;
  result.family = static_cast<uint32_t>(network.address.family());
  for (size_t index = 0; index < ip.size(); ++index) {
    const int bits = network.prefixLength - static_cast<int>(index * 8);
    const int kept = bits <= 0 ? 0 : bits >= 8 ? 8 : bits;
    result.ip[index] = static_cast<uint8_t>(ip[index]) & static_cast<uint8_t>(0xff00 >> kept);
  }
  return result;
}

// The name of the first network that is none, or nothing.
std::optional<std::string> addNetworks(const std::vector<CaptureSettings::Network>& networks,
                                       std::vector<mesh_network>& out) {
  for (const CaptureSettings::Network& network : networks) {
    const std::optional<mesh_network> entry = toMeshNetwork(network);
    if (!entry) {
      return network.address.ipToString() + "/" + std::to_string(network.prefixLength);
    }
    out.push_back(*entry);
  }
  return std::nullopt;
}

}  // namespace

mesh_address toMeshAddress(const SocketAddress& address) {
  mesh_address result{};
  if (!address.valid()) return result;
  const std::string_view ip = address.ipBytes();
  std::memcpy(result.ip, ip.data(), ip.size());
  result.port = address.port();
  result.family = static_cast<uint16_t>(address.family());
  return result;
}

SocketAddress fromMeshAddress(const mesh_address& address) {
  if (address.family == 0) return SocketAddress();
  const size_t length = address.family == MESH_IPV4 ? 4 : 16;
  const std::string_view ip(reinterpret_cast<const char*>(address.ip), length);
  return SocketAddress::fromBytes(ip, address.port).value_or(SocketAddress());
}

bool isCurrent(const mesh_pending& pending, uint64_t nowNs) {
  return pending.closed_ns == 0 || nowNs < pending.closed_ns + CLOSED_RECORD_LIFETIME_NS;
}

std::string_view outcomeName(uint32_t outcome) {
  static constexpr std::string_view NAMES[MESH_OUTCOMES] = {
      "captured",          "left_exempt",       "left_no_listener", "left_own_listener",
      "left_loopback",     "left_port",         "left_network",     "left_namespace",
      "left_bound_device", "left_scoped",       "failed_storage",   "failed_pending",
      "steered",           "passed_own_source", "failed_steering",
  };
  MESH_CHECK(outcome < MESH_OUTCOMES);
  return NAMES[outcome];
}

Result<CaptureTables, CaptureError> makeTables(const CaptureSettings& settings,
                                               uint64_t netnsCookie) {
  if (!settings.outboundV4.valid() && !settings.outboundV6.valid() &&
      settings.inboundPorts.empty()) {
    return refused("nothing to capture: neither an outbound listener nor an inbound port");
  }
  if (settings.outboundV4.valid() && settings.outboundV4.family() != AF_INET) {
    return refused("the IPv4 outbound listener is at " + settings.outboundV4.toString());
  }
  if (settings.outboundV6.valid() && settings.outboundV6.family() != AF_INET6) {
    return refused("the IPv6 outbound listener is at " + settings.outboundV6.toString());
  }
  if (!settings.inboundPorts.empty() && settings.inboundListenerFds.empty()) {
    return refused("inbound ports need an inbound listener");
  }
  if (settings.maxPending == 0) return refused("no room for captured connections");

  CaptureTables tables;
  tables.settings.outbound_v4 = toMeshAddress(settings.outboundV4);
  tables.settings.outbound_v6 = toMeshAddress(settings.outboundV6);
  tables.settings.own_source = toMeshAddress(settings.ownSource);
  tables.settings.capture_loopback = settings.captureLoopback ? 1 : 0;
  tables.settings.netns_cookie = netnsCookie;
  for (const CaptureSettings::Ports& ports : settings.skipOutboundPorts) {
    if (ports.first > ports.last) {
      return refused("port range " + std::to_string(ports.first) + "-" +
                     std::to_string(ports.last) + " ends before it begins");
    }
    for (uint32_t port = ports.first; port <= ports.last; ++port) {
      addPort(tables, MESH_PORTS_SKIP_OUTBOUND, port);
    }
  }
  for (const uint16_t port : settings.inboundPorts) {
    addPort(tables, MESH_PORTS_INBOUND, port);
  }
  std::optional<std::string> bad = addNetworks(settings.skipOutboundNetworks, tables.skipNetworks);
  if (!bad) bad = addNetworks(settings.captureNetworks, tables.captureNetworks);
  if (bad) return refused("not a network: " + *bad);
  return tables;
}

}  // namespace mesh::ebpf

#endif  // __linux__

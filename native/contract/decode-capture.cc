// See decode-capture.h. Nothing here touches the kernel: whether the cgroup exists or the programs
// load is found out by attaching.
#include "contract/decode-capture.h"

#include <sys/socket.h>

namespace mesh::contract {
namespace {

// PATH_MAX of Linux, its terminating NUL included.
constexpr size_t MAX_PATH_BYTES = 4096;

void readCgroupPath(const Path& path, const std::string& text, Problems& problems) {
  if (text.empty()) return problems.report(path, "is required");
  if (text.front() != '/') return problems.report(path, "must be an absolute path");
  if (text.size() >= MAX_PATH_BYTES) return problems.report(path, "is too long for a path");
  if (text.find('\0') != std::string::npos) problems.report(path, "contains a NUL byte");
}

SocketAddress readOutbound(const Path& path, const pb::SocketAddress& message, int family,
                           Problems& problems) {
  SocketAddress address = problems.address(path, message);
  if (address.valid() && address.family() != family) {
    problems.report(path / "ip", family == AF_INET ? "must be IPv4" : "must be IPv6");
  }
  return address;
}

CaptureSettings::Ports readPorts(const Path& path, const pb::PortRange& message,
                                 Problems& problems) {
  uint16_t first = problems.port(path / "first", message.first());
  uint16_t last = problems.port(path / "last", message.last());
  if (message.first() > message.last()) problems.report(path / "last", "is below `first`");
  return {first, last};
}

CaptureSettings::Network readNetwork(const Path& path, const pb::Network& message,
                                     Problems& problems) {
  const authz::Network network = problems.network(path, message);
  return {network.address, network.prefixLength};
}

}  // namespace

AttachCapture readAttachCapture(const Path& path, const pb::AttachCapture& message,
                                Problems& problems) {
  AttachCapture out;
  CaptureSettings& capture = out.capture;
  readCgroupPath(path / "cgroup_path", message.cgroup_path(), problems);
  capture.cgroupPath = message.cgroup_path();
  if (message.has_outbound_v4()) {
    capture.outboundV4 =
        readOutbound(path / "outbound_v4", message.outbound_v4(), AF_INET, problems);
  }
  if (message.has_outbound_v6()) {
    capture.outboundV6 =
        readOutbound(path / "outbound_v6", message.outbound_v6(), AF_INET6, problems);
  }
  for (int i = 0; i < message.skip_outbound_ports_size(); ++i) {
    capture.skipOutboundPorts.push_back(
        readPorts(path.at("skip_outbound_ports", i), message.skip_outbound_ports(i), problems));
  }
  for (int i = 0; i < message.skip_outbound_networks_size(); ++i) {
    capture.skipOutboundNetworks.push_back(readNetwork(
        path.at("skip_outbound_networks", i), message.skip_outbound_networks(i), problems));
  }
  for (int i = 0; i < message.capture_networks_size(); ++i) {
    capture.captureNetworks.push_back(
        readNetwork(path.at("capture_networks", i), message.capture_networks(i), problems));
  }
  for (int i = 0; i < message.inbound_ports_size(); ++i) {
    capture.inboundPorts.push_back(
        problems.port(path.at("inbound_ports", i), message.inbound_ports(i)));
  }
  if (message.inbound_ports_size() > 0) {
    if (message.inbound_listener_ids_size() == 0) {
      problems.report(path / "inbound_listener_ids", "is required with inbound ports");
    }
  } else {
    if (message.inbound_listener_ids_size() > 0) {
      problems.report(path / "inbound_listener_ids", "must be empty without inbound ports");
    }
    if (!message.has_outbound_v4() && !message.has_outbound_v6()) {
      problems.report(path, "captures nothing: give an outbound listener or inbound ports");
    }
  }
  capture.captureLoopback = message.capture_loopback();
  for (int i = 0; i < message.inbound_listener_ids_size(); ++i) {
    problems.notZero(path.at("inbound_listener_ids", i), message.inbound_listener_ids(i));
    out.inboundListenerIds.push_back(message.inbound_listener_ids(i));
  }
  return out;
}

}  // namespace mesh::contract

// Capturing connections with eBPF (rung 1): loads the programs of bpf/, attaches all of them or
// none, and answers where a captured connection was going. Everything attached is held by link
// descriptors of this object alone: it is detached when the object or the process ends, however
// the process ends. On systems without eBPF `attach` says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/socket-address.h"

namespace mesh {

struct CaptureSettings {
  struct Ports {
    uint16_t first;
    uint16_t last;
  };
  struct Network {
    SocketAddress address;  // port ignored
    uint8_t prefixLength;
  };
  std::string cgroupPath;
  SocketAddress outboundV4;  // invalid: IPv4 connections are left alone
  SocketAddress outboundV6;
  std::vector<Ports> skipOutboundPorts;
  std::vector<Network> skipOutboundNetworks;
  std::vector<Network> captureNetworks;  // wins over skipping and over captureLoopback = false
  bool captureLoopback = false;
  std::vector<uint16_t> inboundPorts;
  // Borrowed; one SO_REUSEPORT group, or one of each address family. An IPv6 socket at [::] that
  // is not limited to IPv6 serves both; connections of a family that none serves are left alone.
  std::vector<int> inboundListenerFds;
  // Connections from this loopback address are the proxy's own dials to the application and are
  // not steered (architecture §5).
  SocketAddress ownSource;
  // Captured connections that wait to be accepted: beyond it the oldest record is lost, and that
  // connection has no original destination.
  uint32_t maxPending = 65536;
};

struct CaptureError {
  std::string step;     // "load connect4", "attach cgroup/connect4", "open cgroup" …
  std::string message;  // for people, with the remedy where there is one
  int osError = 0;
};

class Capture {
 public:
  static Result<std::unique_ptr<Capture>, CaptureError> attach(const CaptureSettings& settings);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Names of the hooks, in the order attached: "cgroup/connect4", …
  const std::vector<std::string>& hooks() const;
  // Where the connection accepted from `client` was going; the record is taken away. ENOENT when
  // it was not captured, or when its client closed more than a minute ago (its port may have been
  // used again since). Any thread.
  Result<SocketAddress> takeOriginalDestination(const SocketAddress& client) const;
  // Marks a socket of the proxy before it connects, so that it is never captured. Any thread.
  Status<> exempt(int fd) const;
  // Records the source port of an IPv6 socket of the proxy that is bound and not yet connected, so
  // that sk_lookup tells it apart (IPv6 has a single loopback address). A source with the
  // unspecified address stands for whatever address is dialled. Any thread.
  Status<> exemptSource(const SocketAddress& source) const;
  void forgetSource(const SocketAddress& source) const;

  // How many TCP connections met each verdict since attaching, by its name. Any thread.
  std::vector<std::pair<std::string_view, uint64_t>> outcomes() const;

 private:
  struct State;
  explicit Capture(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mesh

// Capture on systems without eBPF: attaching is refused, so no object ever exists.
#include "ebpf/capture.h"

#ifndef __linux__

#include <cerrno>

namespace mesh {

struct Capture::State {
  std::vector<std::string> hooks;
};

Capture::Capture(std::unique_ptr<State> state) : state_(std::move(state)) {}
Capture::~Capture() = default;

Result<std::unique_ptr<Capture>, CaptureError> Capture::attach(const CaptureSettings&) {
  return CaptureError{"check system", "eBPF capture needs Linux 5.9 or newer", ENOSYS};
}

const std::vector<std::string>& Capture::hooks() const { return state_->hooks; }

Result<SocketAddress> Capture::takeOriginalDestination(const SocketAddress&) const {
  return SysError{ENOENT};
}

Status<> Capture::exempt(int) const { return Unit{}; }
Status<> Capture::exemptSource(const SocketAddress&) const { return Unit{}; }
void Capture::forgetSource(const SocketAddress&) const {}
std::vector<std::pair<std::string_view, uint64_t>> Capture::outcomes() const { return {}; }

}  // namespace mesh

#endif  // !__linux__

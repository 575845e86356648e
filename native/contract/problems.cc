// See problems.h.
#include "contract/problems.h"

namespace mesh::contract {
namespace {

// Longest name DNS has (RFC 1035 §3.1) and a colon and a port.
constexpr size_t MAX_AUTHORITY_BYTES = 253 + 6;

bool isIpv4Mapped(std::string_view ip) {
  constexpr std::string_view PREFIX("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  return ip.size() == 16 && ip.substr(0, PREFIX.size()) == PREFIX;
}

}  // namespace

std::string Path::toString() const {
  std::string text = parent_ == nullptr ? std::string() : parent_->toString();
  if (!text.empty()) text += '.';
  text += name_;
  if (index_ >= 0) text += '[' + std::to_string(index_) + ']';
  return text;
}

void Problems::report(const Path& path, std::string message) {
  if (!first_) first_ = CommandError{path.toString(), std::move(message), 0};
}

void Problems::inRange(const Path& path, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return;
  report(path, "must be between " + std::to_string(min) + " and " + std::to_string(max) + ", not " +
                   std::to_string(value));
}

void Problems::between(const Path& path, double value, double min, double max) {
  if (value >= min && value <= max) return;
  report(path, "must be between " + std::to_string(static_cast<int>(min)) + " and " +
                   std::to_string(static_cast<int>(max)));
}

void Problems::required(const Path& path, bool present) {
  if (!present) report(path, "is required");
}

void Problems::notZero(const Path& path, uint64_t value) {
  if (value == 0) report(path, "must not be 0");
}

void Problems::onlyZero(const Path& path, uint64_t value, std::string_view why) {
  if (value != 0) report(path, "must be 0 " + std::string(why));
}

uint16_t Problems::port(const Path& path, uint32_t value, PortZero zero) {
  inRange(path, value, zero == PortZero::Allowed ? 0 : 1, 65535);
  return static_cast<uint16_t>(value);
}

SocketAddress Problems::address(const Path& path, const pb::SocketAddress& message, PortZero zero) {
  SocketAddress address = ip(path / "ip", message.ip());
  uint16_t number = port(path / "port", message.port(), zero);
  return address.valid() ? address.withPort(number) : address;
}

SocketAddress Problems::ip(const Path& path, const std::string& bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) {
    report(path, "must have 4 or 16 bytes, not " + std::to_string(bytes.size()));
    return {};
  }
  if (isIpv4Mapped(bytes)) {
    report(path, "is IPv4-mapped IPv6: send it as IPv4");
    return {};
  }
  return SocketAddress::fromBytes(bytes, 0).value_or(SocketAddress());
}

authz::Network Problems::network(const Path& path, const pb::Network& message) {
  const SocketAddress address = ip(path / "ip", message.ip());
  if (address.valid()) {
    inRange(path / "prefix_length", message.prefix_length(), 0, 8 * message.ip().size());
  }
  return {.address = address, .prefixLength = static_cast<uint8_t>(message.prefix_length())};
}

void Problems::authority(const Path& path, const std::string& text) {
  if (text.empty()) return report(path, "is required");
  if (text.size() > MAX_AUTHORITY_BYTES) {
    return report(path, "must have at most " + std::to_string(MAX_AUTHORITY_BYTES) + " bytes");
  }
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') return report(path, "must be in lower case");
    // Anything else a registered name, an address or a port is written with (RFC 3986 §3.2.2).
    if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '?' || c == '#') {
      return report(path, "must be host[:port]");
    }
  }
}

Http2KeepAlive readKeepAlive(const Path& path, bool present, const pb::Http2KeepAlive& message,
                             Problems& problems) {
  if (!present) return {};
  problems.inRange(path / "interval_ms", message.interval_ms(), 1, MAX_MS);
  problems.inRange(path / "timeout_ms", message.timeout_ms(), 1, MAX_MS);
  return {.intervalMs = message.interval_ms(),
          .timeoutMs = message.timeout_ms(),
          .whileIdle = message.while_idle()};
}

}  // namespace mesh::contract

// Conversions between SocketAddress, the kernel's structures and text. Reading and writing the
// text of the IP itself is left to inet_pton and inet_ntop.
#include "base/socket-address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace mesh {
namespace {

constexpr size_t IPV4_BYTES = 4;
constexpr size_t IPV6_BYTES = 16;

// RFC 4291 §2.5.5.2: ::ffff:a.b.c.d.
constexpr std::array<uint8_t, 12> MAPPED_PREFIX = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool isMapped(const std::array<uint8_t, 16>& ip) {
  return std::equal(MAPPED_PREFIX.begin(), MAPPED_PREFIX.end(), ip.begin());
}

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::optional<uint16_t> parsePort(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return port;
}

}  // namespace

SocketAddress SocketAddress::v4(uint32_t hostOrder, uint16_t port) {
  SocketAddress address;
  uint32_t networkOrder = htonl(hostOrder);
  std::memcpy(address.ip_.data(), &networkOrder, IPV4_BYTES);
  address.port_ = port;
  address.family_ = AF_INET;
  return address;
}

SocketAddress SocketAddress::v6(const std::array<uint8_t, 16>& ip, uint16_t port) {
  SocketAddress address;
  address.port_ = port;
  if (isMapped(ip)) {
    std::copy(ip.begin() + MAPPED_PREFIX.size(), ip.end(), address.ip_.begin());
    address.family_ = AF_INET;
  } else {
    address.ip_ = ip;
    address.family_ = AF_INET6;
  }
  return address;
}

std::optional<SocketAddress> SocketAddress::fromBytes(std::string_view ip, uint32_t port) {
  if (port > UINT16_MAX) return std::nullopt;
  uint16_t shortPort = static_cast<uint16_t>(port);
  if (ip.size() == IPV4_BYTES) {
    uint32_t networkOrder = 0;
    std::memcpy(&networkOrder, ip.data(), IPV4_BYTES);
    return v4(ntohl(networkOrder), shortPort);
  }
  if (ip.size() == IPV6_BYTES) {
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), ip.data(), IPV6_BYTES);
    return v6(bytes, shortPort);
  }
  return std::nullopt;
}

SocketAddress SocketAddress::fromSockaddr(const sockaddr* address, socklen_t length) {
  // Copied out first: the kernel's structures overlay each other and may be unaligned.
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return v4(ntohl(in.sin_addr.s_addr), ntohs(in.sin_port));
  }
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, IPV6_BYTES);
    return v6(bytes, ntohs(in.sin6_port));
  }
  return {};
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::optional<uint16_t> port = parsePort(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);

  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    std::string ip(host.substr(1, host.size() - 2));
    std::array<uint8_t, 16> bytes{};
    // A NUL inside would end the text early for inet_pton.
    if (ip.find('\0') != std::string::npos) return std::nullopt;
    if (inet_pton(AF_INET6, ip.c_str(), bytes.data()) != 1) return std::nullopt;
    return v6(bytes, *port);
  }
  std::string ip(host);
  in_addr parsed{};
  if (ip.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, ip.c_str(), &parsed) != 1) return std::nullopt;
  return v4(ntohl(parsed.s_addr), *port);
}

SocketAddress SocketAddress::withPort(uint16_t port) const {
  SocketAddress address = *this;
  address.port_ = port;
  return address;
}

bool SocketAddress::isLoopback() const {
  if (family_ == AF_INET) return ip_[0] == 127;
  if (family_ != AF_INET6) return false;
  return ip_.back() == 1 &&
         std::all_of(ip_.begin(), ip_.end() - 1, [](uint8_t b) { return b == 0; });
}

bool SocketAddress::isUnspecified() const {
  return valid() && std::all_of(ip_.begin(), ip_.end(), [](uint8_t b) { return b == 0; });
}

std::string_view SocketAddress::ipBytes() const {
  if (!valid()) return {};
  return {reinterpret_cast<const char*>(ip_.data()), family_ == AF_INET ? IPV4_BYTES : IPV6_BYTES};
}

socklen_t SocketAddress::toSockaddr(sockaddr_storage& out) const {
  MESH_CHECK(valid());
  std::memset(&out, 0, sizeof out);
  if (family_ == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port_);
    std::memcpy(&in.sin_addr, ip_.data(), IPV4_BYTES);
#ifdef __APPLE__
    in.sin_len = sizeof in;
#endif
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port_);
  std::memcpy(&in.sin6_addr, ip_.data(), IPV6_BYTES);
#ifdef __APPLE__
  in.sin6_len = sizeof in;
#endif
  std::memcpy(&out, &in, sizeof in);
  return sizeof in;
}

std::string SocketAddress::ipToString() const {
  if (!valid()) return "-";
  char text[INET6_ADDRSTRLEN] = {};
  MESH_CHECK(inet_ntop(family_, ip_.data(), text, sizeof text) != nullptr);
  return text;
}

std::string SocketAddress::toString() const {
  if (!valid()) return "-";
  std::string ip = ipToString();
  if (family_ == AF_INET6) ip = "[" + ip + "]";
  return ip + ":" + std::to_string(port_);
}

size_t SocketAddress::hash() const {
  uint64_t halves[2];
  std::memcpy(halves, ip_.data(), sizeof halves);
  uint64_t rest = static_cast<uint64_t>(port_) << 16 | family_;
  return mix(halves[0] ^ mix(halves[1] ^ mix(rest + 0x9E3779B97F4A7C15ULL)));
}

}  // namespace mesh

// An IP address and a TCP port as a value: 20 bytes, comparable, hashable, without allocation.
// IPv4-mapped IPv6 addresses are always normalised to IPv4, so one peer has one spelling.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mesh {

class SocketAddress {
 public:
  // No address; family() is 0.
  SocketAddress() = default;
  static SocketAddress v4(uint32_t hostOrder, uint16_t port);
  static SocketAddress v6(const std::array<uint8_t, 16>& ip, uint16_t port);
  // `ip` has 4 or 16 bytes in network order.
  static std::optional<SocketAddress> fromBytes(std::string_view ip, uint32_t port);
  // AF_INET or AF_INET6; anything else gives no address.
  static SocketAddress fromSockaddr(const sockaddr* address, socklen_t length);
  // "192.0.2.1:80" or "[2001:db8::1]:80".
  static std::optional<SocketAddress> parse(std::string_view text);

  // AF_INET, AF_INET6 or 0.
  int family() const { return family_; }
  bool valid() const { return family_ != 0; }
  uint16_t port() const { return port_; }
  SocketAddress withPort(uint16_t port) const;
  bool isLoopback() const;
  bool isUnspecified() const;
  // 4 or 16 bytes in network order.
  std::string_view ipBytes() const;
  // Fills `out` and returns the length to pass to the kernel.
  socklen_t toSockaddr(sockaddr_storage& out) const;
  std::string toString() const;
  std::string ipToString() const;

  bool operator==(const SocketAddress& other) const = default;
  size_t hash() const;

 private:
  std::array<uint8_t, 16> ip_{};
  uint16_t port_ = 0;
  uint16_t family_ = 0;
};

}  // namespace mesh

template <>
struct std::hash<mesh::SocketAddress> {
  size_t operator()(const mesh::SocketAddress& address) const { return address.hash(); }
};

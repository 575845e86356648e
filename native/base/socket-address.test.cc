// Tests of SocketAddress: text, bytes and kernel structures lead to the same value and back.
#include "base/socket-address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <string>
#include <unordered_set>

namespace mesh {
namespace {

SocketAddress parsed(std::string_view text) {
  std::optional<SocketAddress> address = SocketAddress::parse(text);
  REQUIRE(address.has_value());
  return *address;
}

TEST_CASE("addresses are written as they were read") {
  for (const char* text : {"192.0.2.1:80", "0.0.0.0:0", "255.255.255.255:65535",
                           "[2001:db8::1]:443", "[::]:8080", "[::1]:1", "[fe80::1234:5678]:9"}) {
    CAPTURE(text);
    CHECK(parsed(text).toString() == text);
  }
}

TEST_CASE("the IP alone has no brackets") {
  CHECK(parsed("[2001:db8::1]:443").ipToString() == "2001:db8::1");
  CHECK(parsed("192.0.2.1:80").ipToString() == "192.0.2.1");
}

TEST_CASE("text that is not an address is refused") {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv,
                                ":"sv,
                                ":80"sv,
                                "192.0.2.1"sv,
                                "192.0.2.1:"sv,
                                "192.0.2.1:65536"sv,
                                "192.0.2.1:-1"sv,
                                "192.0.2.1:+1"sv,
                                "192.0.2.1:80 "sv,
                                " 192.0.2.1:80"sv,
                                "192.0.2:80"sv,
                                "192.0.2.256:80"sv,
                                "192.0.2.1:0x50"sv,
                                "2001:db8::1:80"sv,
                                "[2001:db8::1]"sv,
                                "[2001:db8::1:80"sv,
                                "[]:80"sv,
                                "[192.0.2.1]:80"sv,
                                "[fe80::1%eth0]:80"sv,
                                "localhost:80"sv,
                                "192.0.2.1\0:80"sv,
                                "[::1\0]:80"sv,
                                "["sv,
                                "[:80"sv}) {
    CAPTURE(text);
    CHECK_FALSE(SocketAddress::parse(text).has_value());
  }
}

TEST_CASE("an IPv4-mapped IPv6 address is the IPv4 address") {
  SocketAddress address = parsed("[::ffff:192.0.2.1]:80");
  CHECK(address.family() == AF_INET);
  CHECK(address == parsed("192.0.2.1:80"));
  CHECK(address.toString() == "192.0.2.1:80");
}

TEST_CASE("bytes in network order make an address and come back") {
  using namespace std::string_view_literals;
  SocketAddress four = SocketAddress::fromBytes("\x0a\x01\x02\x03"sv, 80).value();
  CHECK(four.toString() == "10.1.2.3:80");
  CHECK(four.ipBytes() == "\x0a\x01\x02\x03"sv);
  SocketAddress six = parsed("[2001:db8::5]:80");
  CHECK(SocketAddress::fromBytes(six.ipBytes(), 80) == six);
  CHECK_FALSE(SocketAddress::fromBytes("\x0a\x01\x02"sv, 80).has_value());
  CHECK_FALSE(SocketAddress::fromBytes(""sv, 80).has_value());
  CHECK_FALSE(SocketAddress::fromBytes("\x0a\x01\x02\x03"sv, 65'536).has_value());
}

TEST_CASE("kernel structures make an address and come back") {
  for (const char* text : {"192.0.2.7:5000", "[2001:db8::7]:5000"}) {
    CAPTURE(text);
    sockaddr_storage storage;
    socklen_t length = parsed(text).toSockaddr(storage);
    CHECK(SocketAddress::fromSockaddr(reinterpret_cast<sockaddr*>(&storage), length) ==
          parsed(text));
    // A truncated structure is no address.
    CHECK_FALSE(
        SocketAddress::fromSockaddr(reinterpret_cast<sockaddr*>(&storage), length - 1).valid());
  }
}

TEST_CASE("a kernel structure of another family is no address") {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  CHECK_FALSE(
      SocketAddress::fromSockaddr(reinterpret_cast<sockaddr*>(&storage), sizeof storage).valid());
}

TEST_CASE("the port is in host order for us and in network order for the kernel") {
  SocketAddress address = SocketAddress::v4(0x7f000001, 0x1234);
  CHECK(address.toString() == "127.0.0.1:4660");
  sockaddr_storage storage;
  address.toSockaddr(storage);
  CHECK(reinterpret_cast<sockaddr_in*>(&storage)->sin_port == htons(0x1234));
}

TEST_CASE("loopback and unspecified addresses are recognised") {
  CHECK(parsed("127.0.0.1:1").isLoopback());
  CHECK(parsed("127.255.0.6:1").isLoopback());
  CHECK(parsed("[::1]:1").isLoopback());
  CHECK(parsed("[::ffff:127.0.0.1]:1").isLoopback());
  CHECK_FALSE(parsed("128.0.0.1:1").isLoopback());
  CHECK_FALSE(parsed("[::2]:1").isLoopback());
  CHECK_FALSE(parsed("[1::1]:1").isLoopback());
  CHECK(parsed("0.0.0.0:1").isUnspecified());
  CHECK(parsed("[::]:1").isUnspecified());
  CHECK_FALSE(parsed("0.0.0.1:1").isUnspecified());
  CHECK_FALSE(SocketAddress().isLoopback());
  CHECK_FALSE(SocketAddress().isUnspecified());
}

TEST_CASE("no address has neither family nor bytes") {
  SocketAddress none;
  CHECK_FALSE(none.valid());
  CHECK(none.family() == 0);
  CHECK(none.ipBytes().empty());
  CHECK(none.toString() == "-");
  CHECK_FALSE(none == SocketAddress::v4(0, 0));
}

TEST_CASE("equality and hash see the IP, the port and the family") {
  SocketAddress address = parsed("192.0.2.1:80");
  CHECK(address.withPort(80) == address);
  CHECK_FALSE(address.withPort(81) == address);
  CHECK_FALSE(parsed("0.0.0.0:80") == parsed("[::]:80"));
  CHECK(std::hash<SocketAddress>()(address) == address.hash());
  std::unordered_set<size_t> hashes;
  for (uint32_t ip = 0; ip < 64; ++ip) {
    for (uint16_t port = 0; port < 64; ++port) {
      hashes.insert(SocketAddress::v4(0x0a000000 + ip, port).hash());
    }
  }
  CHECK(hashes.size() == 64 * 64);
}

}  // namespace
}  // namespace mesh

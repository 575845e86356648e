// Settings to tables, without a kernel.
#include "ebpf/capture-tables.h"

#ifdef __linux__

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>

namespace mesh::ebpf {
namespace {

SocketAddress at(std::string_view text) { return SocketAddress::parse(text).value(); }

CaptureSettings someSettings() {
  CaptureSettings settings;
  settings.outboundV4 = at("127.0.0.1:4140");
  return settings;
}

bool contains(const CaptureTables& tables, mesh_port_set set, uint32_t port) {
  return ((tables.portWords[set * 1024 + port / 64] >> (port % 64)) & 1) != 0;
}

TEST_CASE("addresses survive the way to the programs and back") {
  for (const char* text :
       {"192.0.2.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[2001:db8::1]:443", "[::]:1"}) {
    CAPTURE(text);
    CHECK(fromMeshAddress(toMeshAddress(at(text))).toString() == text);
  }
  CHECK_FALSE(fromMeshAddress(toMeshAddress(SocketAddress())).valid());
}

TEST_CASE("an address is in network order and its port in host order") {
  const mesh_address address = toMeshAddress(at("192.0.2.1:258"));
  const uint8_t expected[16] = {192, 0, 2, 1};
  CHECK(std::memcmp(address.ip, expected, sizeof(expected)) == 0);
  CHECK(address.port == 258);
  CHECK(address.family == AF_INET);
}

TEST_CASE("port ranges include both ends and nothing else") {
  CaptureSettings settings = someSettings();
  settings.skipOutboundPorts = {{25, 25}, {4567, 4568}, {65535, 65535}, {0, 0}};
  auto tables = makeTables(settings, 0);
  REQUIRE(tables.ok());
  const CaptureTables& made = tables.value();
  int members = 0;
  for (uint32_t port = 0; port < 65536; ++port) {
    members += contains(made, MESH_PORTS_SKIP_OUTBOUND, port) ? 1 : 0;
    CHECK_FALSE(contains(made, MESH_PORTS_INBOUND, port));
  }
  CHECK(members == 5);
  for (const uint32_t port : {0U, 25U, 4567U, 4568U, 65535U}) {
    CHECK(contains(made, MESH_PORTS_SKIP_OUTBOUND, port));
  }
}

TEST_CASE("networks are masked and carry their family in the prefix") {
  CaptureSettings settings = someSettings();
  settings.skipOutboundNetworks = {{at("10.255.255.255:9"), 12}, {at("[2001:db8:ffff::]:0"), 33}};
  settings.captureNetworks = {{at("10.77.0.10:0"), 32}, {at("0.0.0.0:0"), 0}};
  auto result = makeTables(settings, 0);
  REQUIRE(result.ok());
  const CaptureTables& tables = result.value();
  REQUIRE(tables.skipNetworks.size() == 2);
  REQUIRE(tables.captureNetworks.size() == 2);
  CHECK(tables.skipNetworks[0].prefix_length == 44);
  CHECK(tables.skipNetworks[0].family == AF_INET);
  CHECK(tables.skipNetworks[0].ip[1] == 0xf0);
  CHECK(tables.skipNetworks[0].ip[2] == 0);
  CHECK(tables.skipNetworks[1].prefix_length == 65);
  CHECK(tables.skipNetworks[1].ip[4] == 0x80);
  CHECK(tables.skipNetworks[1].ip[5] == 0);
  CHECK(tables.captureNetworks[0].prefix_length == 64);
  CHECK(tables.captureNetworks[0].ip[3] == 10);
  CHECK(tables.captureNetworks[1].prefix_length == 32);
}

TEST_CASE("settings that contradict themselves are refused by name") {
  struct Case {
    const char* expected;
    void (*spoil)(CaptureSettings&);
  };
  const Case cases[] = {
      {"nothing to capture", [](CaptureSettings& s) { s.outboundV4 = SocketAddress(); }},
      {"[::1]:1", [](CaptureSettings& s) { s.outboundV4 = at("[::1]:1"); }},
      {"127.0.0.1:1", [](CaptureSettings& s) { s.outboundV6 = at("127.0.0.1:1"); }},
      {"inbound listener", [](CaptureSettings& s) { s.inboundPorts = {80}; }},
      {"9-8",
       [](CaptureSettings& s) {
         s.skipOutboundPorts = {{9, 8}};
       }},
      {"10.0.0.0/33",
       [](CaptureSettings& s) {
         s.captureNetworks = {{at("10.0.0.0:0"), 33}};
       }},
      {"::/129",
       [](CaptureSettings& s) {
         s.skipOutboundNetworks = {{at("[::]:0"), 129}};
       }},
      {"no room", [](CaptureSettings& s) { s.maxPending = 0; }},
  };
  for (const Case& one : cases) {
    CAPTURE(one.expected);
    CaptureSettings settings = someSettings();
    one.spoil(settings);
    const auto tables = makeTables(settings, 0);
    REQUIRE_FALSE(tables.ok());
    CHECK(tables.error().step == "check settings");
    CHECK(tables.error().osError == EINVAL);
    CHECK(tables.error().message.find(one.expected) != std::string::npos);
  }
}

TEST_CASE("a record is current while its client is open and for a minute after") {
  mesh_pending pending{};
  CHECK(isCurrent(pending, UINT64_MAX));
  pending.closed_ns = 5;
  CHECK(isCurrent(pending, 5 + CLOSED_RECORD_LIFETIME_NS - 1));
  CHECK_FALSE(isCurrent(pending, 5 + CLOSED_RECORD_LIFETIME_NS));
}

TEST_CASE("every verdict has a name of its own") {
  for (uint32_t one = 0; one < MESH_OUTCOMES; ++one) {
    CHECK_FALSE(outcomeName(one).empty());
    for (uint32_t other = 0; other < one; ++other) CHECK(outcomeName(one) != outcomeName(other));
  }
}

}  // namespace
}  // namespace mesh::ebpf

#endif  // __linux__

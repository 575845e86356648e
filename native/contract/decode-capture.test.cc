// AttachCapture: comes out whole; each field that is wrong is named.
#include "contract.pb.h"
#include "contract/commands.h"

#include <doctest/doctest.h>
#include <google/protobuf/text_format.h>

#include <string>

namespace mesh::contract {
namespace {

Result<Command, CommandError> decode(const std::string& text) {
  ::sluice::contract::Command message;
  REQUIRE(
      google::protobuf::TextFormat::ParseFromString("attach_capture { " + text + " }", &message));
  return decodeCommand(message.SerializeAsString());
}

const std::string V4 = R"(outbound_v4 { ip: "\177\000\000\001" port: 4140 } )";
const std::string V6 = R"(outbound_v6 { ip: "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\001" port: 4141 } )";
const std::string PATH = "cgroup_path: '/sys/fs/cgroup/test' ";

TEST_CASE("everything that is captured and skipped comes out as it went in") {
  auto command = decode(PATH + V4 + V6 +
                        "skip_outbound_ports { first: 25 last: 25 } "
                        "skip_outbound_ports { first: 1 last: 65535 } "
                        R"(skip_outbound_networks { ip: "\012\0\0\0" prefix_length: 8 } )"
                        R"(capture_networks { ip: "\040\001\015\270\0\0\0\0\0\0\0\0\0\0\0\0" )"
                        "prefix_length: 128 } inbound_ports: 80 inbound_ports: 443 "
                        "inbound_listener_ids: 2 inbound_listener_ids: 3 capture_loopback: true");
  REQUIRE(command.ok());
  const auto* attach = std::get_if<AttachCapture>(&command.value());
  REQUIRE(attach != nullptr);
  const CaptureSettings& capture = attach->capture;
  CHECK(capture.cgroupPath == "/sys/fs/cgroup/test");
  CHECK(capture.outboundV4.toString() == "127.0.0.1:4140");
  CHECK(capture.outboundV6.toString() == "[::1]:4141");
  REQUIRE(capture.skipOutboundPorts.size() == 2);
  CHECK(capture.skipOutboundPorts[0].first == 25);
  CHECK(capture.skipOutboundPorts[0].last == 25);
  CHECK(capture.skipOutboundPorts[1].last == 65535);
  REQUIRE(capture.skipOutboundNetworks.size() == 1);
  CHECK(capture.skipOutboundNetworks[0].address.ipToString() == "10.0.0.0");
  CHECK(capture.skipOutboundNetworks[0].prefixLength == 8);
  REQUIRE(capture.captureNetworks.size() == 1);
  CHECK(capture.captureNetworks[0].address.ipToString() == "2001:db8::");
  CHECK(capture.captureNetworks[0].prefixLength == 128);
  CHECK(capture.inboundPorts == std::vector<uint16_t>{80, 443});
  CHECK(capture.captureLoopback);
  CHECK(attach->inboundListenerIds == std::vector<uint32_t>{2, 3});
}

TEST_CASE("inbound alone is enough") {
  CHECK(decode(PATH + "inbound_ports: 80 inbound_listener_ids: 2").ok());
}

TEST_CASE("a bad field is named") {
  struct Row {
    const char* field;
    std::string text;
  };
  const Row rows[] = {
      {"attach_capture.cgroup_path", V4},
      {"attach_capture.cgroup_path", V4 + "cgroup_path: 'sys/fs/cgroup'"},
      {"attach_capture.cgroup_path", V4 + R"(cgroup_path: "/sys\0/fs")"},
      {"attach_capture.cgroup_path", V4 + "cgroup_path: '/" + std::string(4096, 'a') + "'"},
      {"attach_capture", PATH},
      {"attach_capture.outbound_v4.port", PATH + R"(outbound_v4 { ip: "1234" })"},
      {"attach_capture.outbound_v4.ip", PATH + R"(outbound_v4 { ip: "1234567890123456" port: 1 })"},
      {"attach_capture.outbound_v6.ip", PATH + R"(outbound_v6 { ip: "1234" port: 1 })"},
      {"attach_capture.skip_outbound_ports[0].first",
       PATH + V4 + "skip_outbound_ports { last: 1 }"},
      {"attach_capture.skip_outbound_ports[1].last",
       PATH + V4 +
           "skip_outbound_ports { first: 1 last: 2 } "
           "skip_outbound_ports { first: 3 last: 2 }"},
      {"attach_capture.skip_outbound_ports[0].last",
       PATH + V4 + "skip_outbound_ports { first: 1 last: 65536 }"},
      {"attach_capture.skip_outbound_networks[0].ip",
       PATH + V4 + "skip_outbound_networks { prefix_length: 8 }"},
      {"attach_capture.skip_outbound_networks[0].prefix_length",
       PATH + V4 + R"(skip_outbound_networks { ip: "1234" prefix_length: 33 })"},
      {"attach_capture.capture_networks[0].prefix_length",
       PATH + V4 + R"(capture_networks { ip: "1234567890123456" prefix_length: 129 })"},
      {"attach_capture.capture_networks[0].ip",
       PATH + V4 + R"(capture_networks { ip: "\0\0\0\0\0\0\0\0\0\0\377\377\001\002\003\004" })"},
      {"attach_capture.inbound_ports[1]",
       PATH + "inbound_listener_ids: 2 inbound_ports: 80 inbound_ports: 65536"},
      {"attach_capture.inbound_listener_ids", PATH + "inbound_ports: 80"},
      {"attach_capture.inbound_listener_ids[0]",
       PATH + "inbound_ports: 80 inbound_listener_ids: 0"},
      {"attach_capture.inbound_listener_ids", PATH + V4 + "inbound_listener_ids: 2"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    auto command = decode(row.text);
    REQUIRE(!command.ok());
    CHECK(command.error().field == row.field);
  }
}

}  // namespace
}  // namespace mesh::contract

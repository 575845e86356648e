// First bytes and what they mean, whole and one by one.
#include "proxy/protocol-detector.h"

#include <doctest/doctest.h>

#include "tls/test-hellos.h"

using namespace mesh;
using Finding = ProtocolDetector::Finding;

namespace {

struct Row {
  std::string bytes;
  Finding finding;
};

const Row ROWS[] = {
    {"", Finding::Unsure},
    {"G", Finding::Unsure},
    {"GET /", Finding::Unsure},
    {"GET / HTTP/1.1\r\n", Finding::Http1},
    {"M / HTTP/1.0\n", Finding::Http1},
    {"PRI * HTTP/2.", Finding::Unsure},
    {"PRI * HTTP/2.0", Finding::Http2},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Finding::Http2},
    {"PRI * HTTP/1.1\r\n", Finding::Opaque},
    {"\x16", Finding::PartOfHello},
    {std::string("\x16\x03\x01\x02\x00\x01\x00", 7), Finding::PartOfHello},
    {tls::testing::fromHex(tls::testing::NODE), Finding::Tls},
    {tls::testing::fromHex(tls::testing::OPENSSL_NO_NAME), Finding::Tls},
    {"\x17\x03\x03", Finding::Opaque},
    {"\x16\x03\x01 not a hello", Finding::Opaque},
    {std::string("\0\0\0\x2a", 4), Finding::Opaque},
    {"*1\r\n$4\r\nPING\r\n", Finding::Opaque},
    {"\xff\xff\xff", Finding::Opaque},
};

}  // namespace

TEST_CASE("first bytes tell HTTP/1, HTTP/2, TLS and the rest apart, however they come") {
  for (const Row& row : ROWS) {
    CAPTURE(row.bytes);
    CHECK(ProtocolDetector().look(row.bytes) == row.finding);
    ProtocolDetector piecewise;
    Finding finding = Finding::Unsure;
    for (size_t size = 1; size <= row.bytes.size(); ++size) {
      finding = piecewise.look(std::string_view(row.bytes).substr(0, size));
    }
    CHECK(finding == row.finding);
  }
}

TEST_CASE("a ClientHello tells the name of its server") {
  ProtocolDetector detector;
  CHECK(detector.look(tls::testing::fromHex(tls::testing::NODE)) == Finding::Tls);
  CHECK(detector.serverName() == "api.shop.svc.cluster.local");
}

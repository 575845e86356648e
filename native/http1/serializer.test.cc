// What is written for what was read, byte by byte, and the bounds of the output.
#include "http1/serializer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http1/parser.h"

using namespace mesh;
using namespace mesh::http1;

namespace {

RequestHead& request(const std::string& input) {
  static RequestHead head;
  static std::string kept;
  kept = input;
  HeadProgress progress;
  REQUIRE(parseRequestHead(kept, {}, progress, head).state == ParseState::Complete);
  return head;
}

std::string forwarded(const std::string& input, const RequestOptions& options = {}) {
  const RequestHead& head = request(input);
  const Framing framing = framingOfRequest(head);
  REQUIRE(framing.violation == Violation::None);
  std::string buffer(serializedBound(head.fields, input.find('\r')), '\0');
  Output out(buffer.data(), buffer.size());
  writeRequestHead(out, head, framing, options);
  CHECK_FALSE(out.overflowed());
  return std::string(out.view());
}

// `change` may adjust what the caller decides by default: the framing of the response.
std::string relayed(const std::string& input, Method method, ResponseOptions options,
                    bool sameBody = true) {
  static ResponseHead head;
  HeadProgress progress;
  REQUIRE(parseResponseHead(input, {}, progress, head).state == ParseState::Complete);
  const Framing framing = framingOfResponse(head, method, options.keepUpgrade);
  REQUIRE(framing.violation == Violation::None);
  if (sameBody) options.bodyKind = framing.kind;
  std::string buffer(serializedBound(head.fields, input.find('\r')), '\0');
  Output out(buffer.data(), buffer.size());
  writeResponseHead(out, head, framing, options);
  CHECK_FALSE(out.overflowed());
  return std::string(out.view());
}

}  // namespace

TEST_CASE("an ordinary request comes out as it went in, white space apart") {
  CHECK(forwarded("GET /a?b HTTP/1.1\r\nHost:a\r\nACCEPT:  */* \r\nX-y:\r\n\r\n") ==
        "GET /a?b HTTP/1.1\r\nHost: a\r\nACCEPT: */*\r\nX-y: \r\n\r\n");
}

TEST_CASE("hop-by-hop fields and what Connection lists are left out of a request") {
  CHECK(forwarded("GET / HTTP/1.1\r\nConnection: keep-alive, X-One ,x-two\r\nHost: a\r\n"
                  "Keep-Alive: timeout=5\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\n"
                  "Proxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: websocket\r\n"
                  "HTTP2-Settings: AAA\r\nConnection: x-four\r\nx-FOUR: 4\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: a\r\nX-Three: 3\r\n\r\n");
}

TEST_CASE("Connection cannot take away what decides framing and routing") {
  const std::string names =
      "host, content-length, transfer-encoding, expect, trailer, proxy-authorization, "
      "l5d-dst-override";
  CHECK(
      forwarded("POST / HTTP/1.1\r\nHost: a\r\nConnection: " + names +
                "\r\nContent-Length: 3\r\n"
                "Expect: 100-continue\r\nProxy-Authorization: x\r\nl5d-dst-override: b\r\n\r\n") ==
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
      "Proxy-Authorization: x\r\nl5d-dst-override: b\r\n\r\n");
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: a\r\nConnection: " + names +
                  "\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n");
}

TEST_CASE("the mesh's own fields are never accepted from the other side") {
  CHECK(forwarded("GET / HTTP/1.1\r\nHost: a\r\nl5d-client-id: x\r\nL5D-Client-Other: y\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(relayed("HTTP/1.1 200 OK\r\nl5d-proxy-error: x\r\nL5d-Proxy-Connection: close\r\n"
                "Content-Length: 0\r\n\r\n",
                Method::Get, {}) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("the length is written as the number that was understood") {
  CHECK(forwarded("POST / HTTP/1.1\r\ncontent-LENGTH: 007\r\nHost: a\r\n\r\n") ==
        "POST / HTTP/1.1\r\ncontent-LENGTH: 7\r\nHost: a\r\n\r\n");
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n");
}

TEST_CASE("the connection to the endpoint is described by the proxy") {
  RequestOptions options;
  options.keepAlive = false;
  CHECK(forwarded("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", options) ==
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  options = {};
  options.keepUpgrade = true;
  CHECK(
      forwarded("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, x\r\n\r\n",
                options) ==
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  CHECK(forwarded("GET / HTTP/1.1\r\nHost: a\r\nTe: gzip;q=0, TRAILERS\r\nTE: trailers\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: a\r\nTe: trailers\r\nConnection: te\r\n\r\n");
}

TEST_CASE("an HTTP/1.0 request becomes a valid HTTP/1.1 request") {
  RequestOptions options;
  options.fallbackHost = "10.0.0.1:80";
  CHECK(forwarded("GET / HTTP/1.0\r\nA: b\r\n\r\n", options) ==
        "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\nA: b\r\n\r\n");
  CHECK(forwarded("GET / HTTP/1.0\r\nHost: c\r\n\r\n", options) ==
        "GET / HTTP/1.1\r\nHost: c\r\n\r\n");
  CHECK(forwarded("GET http://d/ HTTP/1.0\r\n\r\n", options) ==
        "GET http://d/ HTTP/1.1\r\nHost: d\r\n\r\n");
  CHECK(forwarded("GET / HTTP/1.0\r\n\r\n") == "GET / HTTP/1.1\r\n\r\n");
  CHECK(forwarded(
            "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
}

TEST_CASE("a forward proxy turns absolute-form into origin-form") {
  struct Row {
    std::string start;
    std::string expected;
  };
  RequestOptions options;
  options.originForm = true;
  const std::vector<Row> rows = {
      {"GET http://a/b?c", "GET /b?c"},   {"GET http://a", "GET /"},
      {"GET http://a?b", "GET /?b"},      {"OPTIONS http://a", "OPTIONS *"},
      {"OPTIONS http://a/", "OPTIONS /"}, {"OPTIONS http://a?b", "OPTIONS /?b"},
  };
  for (const Row& row : rows) {
    CHECK(forwarded(row.start + " HTTP/1.1\r\nProxy-Authorization: x\r\nHost: A\r\n\r\n",
                    options) == row.expected + " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  CHECK(forwarded("GET /b HTTP/1.1\r\nProxy-Authorization: x\r\nHost: a\r\n\r\n", options) ==
        "GET /b HTTP/1.1\r\nProxy-Authorization: x\r\nHost: a\r\n\r\n");
  CHECK(forwarded("GET http://a/b HTTP/1.1\r\nHost: A:80\r\n\r\n") ==
        "GET http://a/b HTTP/1.1\r\nHost: A:80\r\n\r\n");
}

TEST_CASE("a response keeps its fields but for those of its own hop") {
  CHECK(relayed("HTTP/1.0 200 Fine  so\r\nServer: x\r\nConnection: keep-alive, x-hop\r\n"
                "X-Hop: 1\r\nKeep-Alive: 5\r\nTE: x\r\nUpgrade: h2c\r\nContent-Length: 05\r\n\r\n",
                Method::Get,
                {}) == "HTTP/1.1 200 Fine  so\r\nServer: x\r\nContent-Length: 5\r\n\r\n");
  CHECK(relayed("HTTP/1.1 404\r\nTransfer-Encoding: Chunked\r\nProxy-Authenticate: x\r\n\r\n",
                Method::Get, {}) ==
        "HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\nProxy-Authenticate: x\r\n\r\n");
}

TEST_CASE("Content-Length is relayed without a body only where it says something true") {
  const std::string fields = "\r\nContent-Length: 5\r\n\r\n";
  const std::string head = "HTTP/1.1 200 OK";
  CHECK(relayed(head + fields, Method::Head, {}) == head + fields);
  CHECK(relayed(head + fields, Method::Connect, {}) == head + "\r\n\r\n");
  CHECK(relayed("HTTP/1.1 304 x" + fields, Method::Get, {}) == "HTTP/1.1 304 x" + fields);
  CHECK(relayed("HTTP/1.1 204 x" + fields, Method::Get, {}) == "HTTP/1.1 204 x\r\n\r\n");
  CHECK(relayed("HTTP/1.1 103 x" + fields, Method::Get, {}) == "HTTP/1.1 103 x\r\n\r\n");
  CHECK(relayed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::Head, {}) ==
        head + "\r\n\r\n");
}

TEST_CASE("the client is told in its own version whether the connection stays") {
  const std::string input = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  struct Row {
    uint8_t minorVersion;
    bool keepAlive;
    std::string expected;
  };
  for (const Row& row :
       {Row{1, true, ""}, Row{1, false, "Connection: close\r\n"},
        Row{0, true, "Connection: keep-alive\r\n"}, Row{0, false, "Connection: close\r\n"}}) {
    ResponseOptions options;
    options.clientMinorVersion = row.minorVersion;
    options.keepAlive = row.keepAlive;
    CHECK(relayed(input + "\r\n", Method::Get, options) == input + row.expected + "\r\n");
    CHECK(relayed("HTTP/1.1 100 x\r\n\r\n", Method::Get, options) == "HTTP/1.1 100 x\r\n\r\n");
  }
}

TEST_CASE("a body may reach the client in another framing than it came in") {
  ResponseOptions options;
  options.clientMinorVersion = 0;
  options.bodyKind = BodyKind::UntilClose;
  CHECK(relayed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::Get, options,
                false) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  options = {};
  options.bodyKind = BodyKind::Chunked;
  CHECK(relayed("HTTP/1.0 200 OK\r\nA: b\r\n\r\n", Method::Get, options, false) ==
        "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("a switch of protocols is relayed with its protocol") {
  ResponseOptions options;
  options.keepUpgrade = true;
  CHECK(relayed("HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
                "Sec-WebSocket-Accept: x\r\n\r\n",
                Method::Get, options) ==
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
        "Connection: upgrade\r\n\r\n");
}

TEST_CASE("numbers are written in full") {
  char buffer[64];
  Output out(buffer, sizeof buffer);
  out.putNumber(0);
  out.put(" ");
  out.putNumber(UINT64_MAX);
  out.put(" ");
  out.putHex(UINT64_MAX);
  out.put(" ");
  out.putHex(0x1f);
  CHECK(out.view() == "0 18446744073709551615 ffffffffffffffff 1f");
}

TEST_CASE("an output never writes past its end, and nothing more after the first overflow") {
  const RequestHead& head = request(
      "POST http://a HTTP/1.1\r\nHost: a\r\nB: c\r\nTE: trailers\r\nUpgrade: x\r\n"
      "Content-Length: 12\r\n\r\n");
  const Framing framing = framingOfRequest(head);
  RequestOptions options;
  options.originForm = true;
  options.keepUpgrade = true;
  options.keepAlive = false;
  std::string full(1000, '#');
  Output whole(full.data(), full.size());
  writeRequestHead(whole, head, framing, options);
  REQUIRE_FALSE(whole.overflowed());
  const size_t needed = whole.size();
  for (size_t capacity = 0; capacity <= needed; ++capacity) {
    std::string buffer(needed + 8, '#');
    Output out(buffer.data(), capacity);
    writeRequestHead(out, head, framing, options);
    CHECK(out.overflowed() == (capacity < needed));
    CHECK(out.size() <= capacity);
    CHECK(buffer.substr(0, out.size()) == full.substr(0, out.size()));
    CHECK(buffer.find_first_not_of('#', out.size()) == std::string::npos);
    const size_t size = out.size();
    if (out.overflowed()) {
      out.put("");
      out.putField("a", "b");
      CHECK(out.size() == size);
    }
  }
}

TEST_CASE("the bound holds for the largest additions") {
  RequestOptions options;
  const std::string host(320, 'h');
  options.fallbackHost = host;
  options.keepAlive = false;
  options.keepUpgrade = true;
  const std::string sent = forwarded(
      "GET / HTTP/1.0\r\nTE:trailers\r\nUpgrade:x\r\nContent-Length:18446744073709551615\r\n\r\n",
      options);
  CHECK(sent.find(host) != std::string::npos);
}

// The framing of requests and responses as tables; the refused ones are the smuggling cases.
#include "http1/framing.h"

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

ResponseHead& response(const std::string& input) {
  static ResponseHead head;
  static std::string kept;
  kept = input;
  HeadProgress progress;
  REQUIRE(parseResponseHead(kept, {}, progress, head).state == ParseState::Complete);
  return head;
}

Framing ofPost(const std::string& fields, const std::string& version = "1.1") {
  return framingOfRequest(request("POST / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n"));
}

struct Refused {
  std::string fields;
  Violation violation;
};

// True of requests and of responses.
const std::vector<Refused> REFUSED = {
    {"Content-Length:\r\n", Violation::BadContentLength},
    {"Content-Length: +5\r\n", Violation::BadContentLength},
    {"Content-Length: -5\r\n", Violation::BadContentLength},
    {"Content-Length: 0x10\r\n", Violation::BadContentLength},
    {"Content-Length: 5 5\r\n", Violation::BadContentLength},
    {"Content-Length: 5,5\r\n", Violation::BadContentLength},
    {"Content-Length: 5, 6\r\n", Violation::BadContentLength},
    {"Content-Length: 5;\r\n", Violation::BadContentLength},
    {"Content-Length: 5.0\r\n", Violation::BadContentLength},
    {"Content-Length: 1e3\r\n", Violation::BadContentLength},
    {"Content-Length: \xd9\xa5\r\n", Violation::BadContentLength},
    {"Content-Length: 18446744073709551616\r\n", Violation::BadContentLength},
    {"Content-Length: 99999999999999999999999\r\n", Violation::BadContentLength},
    {"Content-Length: 5\r\nContent-Length: 5\r\n", Violation::BadContentLength},
    {"Content-Length: 5\r\ncontent-length: 6\r\n", Violation::BadContentLength},
    {"Transfer-Encoding:\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: identity\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: gzip\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: gzip, chunked\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked, gzip\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked, chunked\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked,\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: ,chunked\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked;q=1\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: xchunked\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunkedx\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: \"chunked\"\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked\ta\r\n", Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
     Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
     Violation::BadTransferEncoding},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Violation::LengthAndEncoding},
    {"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", Violation::LengthAndEncoding},
};

}  // namespace

TEST_CASE("ambiguous framing is refused in requests and in responses") {
  for (const Refused& refused : REFUSED) {
    CAPTURE(refused.fields);
    CHECK(ofPost(refused.fields).violation == refused.violation);
    const ResponseHead& answer = response("HTTP/1.1 200 OK\r\n" + refused.fields + "\r\n");
    CHECK(framingOfResponse(answer, Method::Get, false).violation == refused.violation);
  }
}

TEST_CASE("a transfer encoding in HTTP/1.0 is refused") {
  CHECK(ofPost("Transfer-Encoding: chunked\r\n", "1.0").violation == Violation::EncodingInHttp10);
  const ResponseHead& answer = response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(framingOfResponse(answer, Method::Get, false).violation == Violation::EncodingInHttp10);
}

TEST_CASE("a request has the body its fields say, and none without them") {
  CHECK(ofPost("").kind == BodyKind::None);
  CHECK(ofPost("").length == 0);
  Framing framing = ofPost("Content-Length: 0\r\n");
  CHECK(framing.kind == BodyKind::Length);
  CHECK(framing.length == 0);
  framing = ofPost("CONTENT-LENGTH: \t0018446744073709551615 \r\n");
  CHECK(framing.kind == BodyKind::Length);
  CHECK(framing.length == UINT64_MAX);
  CHECK(ofPost("Transfer-Encoding: \tChUnKeD \r\n").kind == BodyKind::Chunked);
  CHECK(ofPost("Content-Length: 5\r\n", "1.0").length == 5);
}

TEST_CASE("a request connection stays open as its version and Connection say") {
  struct Row {
    std::string version;
    std::string fields;
    bool keepAlive;
  };
  const std::vector<Row> rows = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: foo, CLOSE\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
      {"1.1", "Connection: closed\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
      {"1.0", "Keep-Alive: timeout=5\r\n", false},
      {"1.0", "Proxy-Connection: keep-alive\r\n", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.version + " " + row.fields);
    CHECK(ofPost(row.fields, row.version).keepAlive == row.keepAlive);
  }
}

TEST_CASE("an upgrade needs a protocol, the connection option and HTTP/1.1") {
  CHECK(ofPost("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n").upgrade);
  CHECK(ofPost("Upgrade: h2c, websocket\r\nConnection: upgrade\r\n").upgrade);
  CHECK_FALSE(ofPost("Upgrade: h2c\r\nConnection: upgrade\r\n").upgrade);
  CHECK_FALSE(ofPost("Upgrade: H2C\r\nConnection: upgrade, http2-settings\r\n").upgrade);
  CHECK_FALSE(ofPost("Upgrade: websocket\r\n").upgrade);
  CHECK_FALSE(ofPost("Connection: upgrade\r\n").upgrade);
  CHECK_FALSE(ofPost("Upgrade:\r\nConnection: upgrade\r\n").upgrade);
  CHECK_FALSE(ofPost("Upgrade: websocket\r\nConnection: upgrade\r\n", "1.0").upgrade);
}

TEST_CASE("only 100-continue can be expected, and only a body waits for it") {
  CHECK(ofPost("Expect: 100-Continue\r\nContent-Length: 5\r\n").expectContinue);
  CHECK(ofPost("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n").expectContinue);
  CHECK_FALSE(ofPost("Expect: 100-continue\r\n").expectContinue);
  CHECK_FALSE(ofPost("Expect: 100-continue\r\nContent-Length: 0\r\n").expectContinue);
  CHECK_FALSE(ofPost("Expect: 100-continue\r\nContent-Length: 5\r\n", "1.0").expectContinue);
  CHECK(ofPost("Expect: 200-ok\r\n").violation == Violation::BadExpectation);
  CHECK(ofPost("Expect: 100-continue, x\r\n").violation == Violation::BadExpectation);
  CHECK(ofPost("Expect:\r\n").violation == Violation::BadExpectation);
}

TEST_CASE("CONNECT and TRACE cannot have a body") {
  for (const std::string line : {"CONNECT a:443", "TRACE /"}) {
    const std::string start = line + " HTTP/1.1\r\nHost: a:443\r\n";
    CHECK(framingOfRequest(request(start + "Content-Length: 5\r\n\r\n")).violation ==
          Violation::ForbiddenBody);
    CHECK(framingOfRequest(request(start + "Transfer-Encoding: chunked\r\n\r\n")).violation ==
          Violation::ForbiddenBody);
    const Framing framing = framingOfRequest(request(start + "Content-Length: 0\r\n\r\n"));
    CHECK(framing.violation == Violation::None);
    CHECK(framing.kind == BodyKind::None);
  }
}

TEST_CASE("more connection options than the bound are refused") {
  std::string options;
  for (size_t i = 0; i < MAX_CONNECTION_OPTIONS; ++i) options += "x,";
  CHECK(ofPost("Connection: " + options + "\r\n").violation == Violation::None);
  CHECK(ofPost("Connection: " + options + "\r\nConnection: x\r\n").violation ==
        Violation::TooManyFields);
}

TEST_CASE("a response has the body that RFC 9112 says") {
  struct Row {
    std::string input;
    Method method;
    bool upgradeAsked;
    Framing expected;
  };
  constexpr BodyKind NONE = BodyKind::None;
  constexpr BodyKind LENGTH = BodyKind::Length;
  constexpr BodyKind CHUNKED = BodyKind::Chunked;
  constexpr BodyKind UNTIL_CLOSE = BodyKind::UntilClose;
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Get, false, {LENGTH, 5, true}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::Get, false, {LENGTH, 0, true}},
      {"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Get,
       false,
       {CHUNKED, 0, true}},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
       Method::Get,
       false,
       {LENGTH, 5, false}},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::Get, false, {UNTIL_CLOSE, 0, false}},
      {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
       Method::Get,
       false,
       {UNTIL_CLOSE, 0, false}},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Get, false, {LENGTH, 5, false}},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
       Method::Get,
       false,
       {LENGTH, 5, true}},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
       Method::Get,
       false,
       {UNTIL_CLOSE, 0, false}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Head, false, {NONE, 0, true}},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Head,
       false,
       {NONE, 0, true}},
      {"HTTP/1.1 200 OK\r\n\r\n", Method::Head, false, {NONE, 0, true}},
      {"HTTP/1.1 404 x\r\n\r\n", Method::Head, false, {NONE, 0, true}},
      {"HTTP/1.1 204 x\r\n\r\n", Method::Get, false, {NONE, 0, true}},
      {"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", Method::Get, false, {NONE, 0, true}},
      {"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", Method::Get, false, {NONE, 0, false}},
      {"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Get,
       false,
       {NONE, 0, false}},
      {"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", Method::Get, false, {NONE, 0, true}},
      {"HTTP/1.1 100 x\r\n\r\n", Method::Post, false, {NONE, 0, true}},
      {"HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n", Method::Get, false, {NONE, 0, true}},
      {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", Method::Get, true, {NONE, 0, true, true}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::Get, true, {LENGTH, 5, true}},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
       Method::Connect,
       false,
       {NONE, 0, true, true}},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       Method::Connect,
       false,
       {NONE, 0, true, true}},
      {"HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\n", Method::Connect, false, {LENGTH, 5, true}},
      {"HTTP/1.1 302 x\r\n\r\n", Method::Connect, false, {UNTIL_CLOSE, 0, false}},
      {"HTTP/1.1 200 OK\r\nExpect: x\r\n\r\n", Method::Head, false, {NONE, 0, true}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.input);
    const Framing framing = framingOfResponse(response(row.input), row.method, row.upgradeAsked);
    CHECK(framing.violation == Violation::None);
    CHECK(framing.kind == row.expected.kind);
    CHECK(framing.length == row.expected.length);
    CHECK(framing.keepAlive == row.expected.keepAlive);
    CHECK(framing.upgrade == row.expected.upgrade);
  }
}

TEST_CASE("a switch of protocols that nobody asked for is refused") {
  const ResponseHead& answer = response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n");
  CHECK(framingOfResponse(answer, Method::Get, false).violation == Violation::BadStatus);
}

TEST_CASE("every violation has a name of its own") {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Violation::ForbiddenBody); ++i) {
    names.emplace_back(violationName(static_cast<Violation>(i)));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK_FALSE(names[i].empty());
    for (size_t j = 0; j < i; ++j) CHECK(names[i] != names[j]);
  }
  CHECK(violationName(Violation::BadContentLength) == "bad_content_length");
}

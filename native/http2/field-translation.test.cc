// Heads of HTTP/1 and HTTP/2 as they go out over HTTP/2.
#include "http2/field-translation.h"

#include <doctest/doctest.h>

#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;

namespace {

struct Written {
  BufferBudget budget{.limitBytes = 1 << 20, .usedBytes = {}};
  BufferPool pool{budget};

  std::string text(const OutgoingBlock& block) {
    std::string text;
    for (size_t i = 0; i < block.size(); ++i) {
      const nghttp2_nv& field = block.data()[i];
      text.append(i == 0 ? "" : "|");
      text.append(reinterpret_cast<const char*>(field.name), field.namelen);
      text.append("=");
      text.append(reinterpret_cast<const char*>(field.value), field.valuelen);
    }
    return text;
  }
  std::string request(const RequestHead& head) {
    OutgoingBlock block(pool);
    block.request(head, "http");
    return text(block);
  }
  std::string response(const ResponseHead& head, bool toConnect = false, bool synthesized = false) {
    OutgoingBlock block(pool);
    block.response(head, toConnect, synthesized);
    return text(block);
  }
};

Request http1(std::string_view method = "GET", std::string_view path = "/") {
  Request request(method, path);
  request.head.majorVersion = 1;
  request.head.minorVersion = 1;
  return request;
}

}  // namespace

TEST_CASE("HTTP/1 names become lower-case, and fields keep their order") {
  Written written;
  CHECK(written.request(http1()
                            .with("Host", "a.example")
                            .with("X-Zebra", "1")
                            .with("Accept", "*/*")
                            .with("x-lower", "Stays")
                            .head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/|x-zebra=1|accept=*/*|x-lower=Stays");
  CHECK(written.response(Response(404).with("ETag", "\"Q\"").with("Set-Cookie", "a").head) ==
        ":status=404|etag=\"Q\"|set-cookie=a");
}

TEST_CASE("what belongs to the connection goes, and so does what Connection names") {
  Written written;
  CHECK(written.request(http1()
                            .with("Connection", "close, X-Hop")
                            .with("connection", "x-other")
                            .with("Keep-Alive", "5")
                            .with("Proxy-Connection", "close")
                            .with("Transfer-Encoding", "chunked")
                            .with("Upgrade", "h2c")
                            .with("HTTP2-Settings", "x")
                            .with("x-hop", "1")
                            .with("X-Other", "2")
                            .with("x-stays", "3")
                            .head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/|x-stays=3");
  CHECK(written.response(Response()
                             .with("Connection", "x-hop")
                             .with("x-hop", "1")
                             .with("transfer-encoding", "chunked")
                             .with("upgrade", "x")
                             .with("te", "trailers")
                             .with("trailer", "x-sum")
                             .head) == ":status=200|trailer=x-sum");
}

TEST_CASE("Connection cannot take away what the mesh or the framing says") {
  Written written;
  CHECK(
      written.request(http1()
                          .with("Connection", "l5d-dst-override, Content-Length")
                          .with("l5d-dst-override", "b")
                          .with("Content-Length", "3")
                          .head) ==
      ":method=GET|:scheme=http|:authority=a.example|:path=/|l5d-dst-override=b|content-length=3");
}

TEST_CASE("te stays as trailers only, once") {
  Written written;
  const std::string head = ":method=GET|:scheme=http|:authority=a.example|:path=/";
  CHECK(written.request(http1().with("TE", "gzip, trailers").with("te", "trailers").head) ==
        head + "|te=trailers");
  CHECK(written.request(http1().with("TE", "gzip").head) == head);
}

TEST_CASE("what clients say of their identity goes; what endpoints say of the proxy goes too") {
  Written written;
  CHECK(written.request(http1().with("l5d-client-id", "x").with("L5d-Client-Y", "z").head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/");
  const Response response = Response(502)
                                .with("l5d-proxy-error", "x")
                                .with("l5d-proxy-connection", "close")
                                .with("l5d-client-id", "y");
  CHECK(written.response(response.head) == ":status=502");
  CHECK(written.response(response.head, false, true) ==
        ":status=502|l5d-proxy-error=x|l5d-proxy-connection=close");
}

TEST_CASE("a target in absolute-form gets a path, and its proxy credentials go") {
  Written written;
  Request absolute = http1("GET", "").with("proxy-authorization", "secret").with("a", "1");
  absolute.head.form = TargetForm::Absolute;
  CHECK(written.request(absolute.head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/|a=1");
  absolute.head.path = "?q";
  CHECK(written.request(absolute.head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/?q|a=1");
  Request options = http1("OPTIONS", "");
  options.head.method = Method::Options;
  options.head.form = TargetForm::Absolute;
  CHECK(written.request(options.head) ==
        ":method=OPTIONS|:scheme=http|:authority=a.example|:path=*");
  CHECK(written.request(http1().with("proxy-authorization", "theirs").head) ==
        ":method=GET|:scheme=http|:authority=a.example|:path=/|proxy-authorization=theirs");
}

TEST_CASE("Expect of HTTP/1.0 goes") {
  Written written;
  Request old = http1("PUT").with("expect", "100-continue");
  CHECK(written.request(old.head) ==
        ":method=PUT|:scheme=http|:authority=a.example|:path=/|expect=100-continue");
  old.head.minorVersion = 0;
  old.head.authority = "";
  CHECK(written.request(old.head) == ":method=PUT|:scheme=http|:path=/");
}

TEST_CASE("content-length goes where there can be none") {
  Written written;
  for (const uint16_t status : {100, 103, 204}) {
    CHECK(written.response(Response(status).with("Content-Length", "0").head) ==
          ":status=" + std::to_string(status));
  }
  CHECK(written.response(Response(304).with("Content-Length", "7").head) ==
        ":status=304|content-length=7");
  CHECK(written.response(Response(200).with("Content-Length", "7").head, true) == ":status=200");
  CHECK(written.response(Response(407).with("Content-Length", "7").head, true) ==
        ":status=407|content-length=7");
}

TEST_CASE("stored trailers come out as they were, but for the case of names") {
  Written written;
  FieldTable fields;
  addTo(fields, "Grpc-Status", "0");
  addTo(fields, "empty", "");
  addTo(fields, "Trailer", "x");
  addTo(fields, "binary", std::string_view("\x80\xff|", 3));
  OutgoingBlock block(written.pool);
  const std::string stored = storeTrailers(fields);
  block.trailers(stored);
  CHECK(written.text(block) == "grpc-status=0|empty=|binary=\x80\xff|");
  fields.count = 0;
  CHECK(storeTrailers(fields).empty());
}

TEST_CASE("no memory is kept, whatever was copied") {
  Written written;
  const std::string name(40'000, 'X');
  CHECK(written.request(http1().with(name, "1").head).size() > 40'000);
  CHECK(written.pool.inUseBytes() == 0);
}

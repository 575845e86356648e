// Frames by hand that RFC 9113 calls errors: of the connection, or of one stream while the others go
// on.
#include <doctest/doctest.h>

#include "http2/session.h"
#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;
using namespace mesh::http2::frames;

namespace {

const std::string HELLO = std::string(PREFACE) + settings();

Fields with(Fields fields, std::string_view name, std::string_view value) {
  fields.emplace_back(name, value);
  return fields;
}

Fields replaced(std::string_view name, std::string_view value) {
  Fields fields = request();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}

Fields without(std::string_view name) {
  Fields fields;
  for (const auto& field : request()) {
    if (field.first != name) fields.push_back(field);
  }
  return fields;
}

// The code of the RST_STREAM for the stream, if there is one.
std::string resetOf(Side& side, uint32_t stream) {
  for (const Frame& one : side.takeFrames()) {
    if (one.type == RST_STREAM && one.stream == stream) {
      return std::string(errorCodeName(static_cast<ErrorCode>(one.code())));
    }
  }
  return "";
}

// Feeds `input` in one piece and byte by byte.
template <typename Check>
void inBothWays(Role role, const std::string& before, const std::string& input, Check&& check) {
  for (const bool bytewise : {false, true}) {
    CAPTURE(bytewise);
    Side side(role);
    if (role == Role::Client) {
      side.session->openStream(Request("POST").head, "http", End::More);
      side.takeOutput();
    }
    CHECK(side.receive(before));
    if (bytewise) {
      for (const char c : input) side.receive({&c, 1});
    } else {
      side.receive(input);
    }
    check(side);
  }
}

}  // namespace

TEST_CASE("connection errors have the codes RFC 9113 names") {
  struct Case {
    std::string_view what;
    std::string input;
    ErrorCode code;
  };
  const std::string longData(16'385, 'x');
  const Case cases[] = {
      {"no preface", "GET / HTTP/1.1\r\n\r\nxxxxxxxxxx", ErrorCode::ProtocolError},
      {"first frame is not SETTINGS", std::string(PREFACE) + ping(), ErrorCode::ProtocolError},
      {"DATA on stream 0", HELLO + data(0, "x"), ErrorCode::ProtocolError},
      {"DATA on an idle stream", HELLO + data(5, "x"), ErrorCode::ProtocolError},
      {"HEADERS on stream 0", HELLO + get(0), ErrorCode::ProtocolError},
      {"HEADERS on an even stream", HELLO + get(2), ErrorCode::ProtocolError},
      {"frame too long", HELLO + post(1) + data(1, longData), ErrorCode::FrameSizeError},
      {"SETTINGS of 5 bytes", HELLO + frame(SETTINGS, 0, 0, "12345"), ErrorCode::FrameSizeError},
      {"SETTINGS on a stream", HELLO + frame(SETTINGS, 0, 1, ""), ErrorCode::ProtocolError},
      {"SETTINGS acknowledged with bytes", HELLO + frame(SETTINGS, ACK, 0, "123456"),
       ErrorCode::FrameSizeError},
      {"ENABLE_PUSH of 2", HELLO + settings({{2, 2}}), ErrorCode::ProtocolError},
      {"window above 2^31-1", HELLO + settings({{4, 0x80000000}}), ErrorCode::FlowControlError},
      {"MAX_FRAME_SIZE of 1", HELLO + settings({{5, 1}}), ErrorCode::ProtocolError},
      {"PING of 7 bytes", HELLO + frame(PING, 0, 0, "1234567"), ErrorCode::FrameSizeError},
      {"PING on a stream", HELLO + frame(PING, 0, 1, "12345678"), ErrorCode::ProtocolError},
      {"WINDOW_UPDATE of 3 bytes", HELLO + frame(WINDOW_UPDATE, 0, 0, "123"),
       ErrorCode::FrameSizeError},
      {"WINDOW_UPDATE of 0", HELLO + windowUpdate(0, 0), ErrorCode::ProtocolError},
      {"connection window above 2^31-1", HELLO + windowUpdate(0, 0x7fffffff),
       ErrorCode::FlowControlError},
      {"WINDOW_UPDATE on an idle stream", HELLO + windowUpdate(7, 1), ErrorCode::ProtocolError},
      {"RST_STREAM on an idle stream", HELLO + reset(7, 8), ErrorCode::ProtocolError},
      {"RST_STREAM of 3 bytes", HELLO + post(1) + frame(RST_STREAM, 0, 1, "123"),
       ErrorCode::FrameSizeError},
      {"CONTINUATION out of place", HELLO + frame(CONTINUATION, END_HEADERS, 1, ""),
       ErrorCode::ProtocolError},
      {"another frame between HEADERS and CONTINUATION",
       HELLO + frame(HEADERS, NONE, 1, block(request())) + ping(), ErrorCode::ProtocolError},
      {"no HPACK", HELLO + headers(1, "\xff\xff\xff\xff\xff\xff", END_STREAM),
       ErrorCode::CompressionError},
      {"an index that is not there", HELLO + headers(1, indexed(70), END_STREAM),
       ErrorCode::CompressionError},
      {"PUSH_PROMISE from a client", HELLO + post(1) + frame(PUSH_PROMISE, END_HEADERS, 1, "1234"),
       ErrorCode::ProtocolError},
      {"more padding than payload", HELLO + post(1) + data(1, "\x09xx", PADDED),
       ErrorCode::ProtocolError},
      {"GOAWAY on a stream", HELLO + frame(GOAWAY, 0, 1, "12345678"), ErrorCode::ProtocolError},
      {"HEADERS after END_STREAM", HELLO + get(1) + get(1), ErrorCode::StreamClosed},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    inBothWays(Role::Server, "", one.input, [&](Side& server) {
      CHECK(server.session->failed());
      CHECK(errorCodeName(server.session->failure()) == errorCodeName(one.code));
      const std::vector<Frame> sent = server.takeFrames();
      REQUIRE_FALSE(sent.empty());
      CHECK(sent.back().type == GOAWAY);
      CHECK(sent.back().code() == static_cast<uint32_t>(one.code));
      CHECK(server.unparsed.empty());
      CHECK(server.session->over());
    });
  }
}

TEST_CASE("malformed requests end their stream with PROTOCOL_ERROR before anybody is told") {
  struct Case {
    std::string_view what;
    Fields fields;
  };
  const Case cases[] = {
      {"upper case in a name", with(request(), "X-Upper", "1")},
      {"space in a name", with(request(), "x y", "1")},
      {"empty name", with(request(), "", "1")},
      {"NUL in a value", with(request(), "x", std::string_view("a\0b", 3))},
      {"line feed in a value", with(request(), "x", "a\nb: c")},
      {"white space before a value", with(request(), "x", " a")},
      {"white space after a value", with(request(), "x", "a\t")},
      {"connection", with(request(), "connection", "close")},
      {"keep-alive", with(request(), "keep-alive", "5")},
      {"proxy-connection", with(request(), "proxy-connection", "close")},
      {"transfer-encoding", with(request(), "transfer-encoding", "chunked")},
      {"upgrade", with(request(), "upgrade", "h2c")},
      {"te other than trailers", with(request(), "te", "gzip")},
      {"no :method", without(":method")},
      {"no :scheme", without(":scheme")},
      {"no :path", without(":path")},
      {"no authority at all", without(":authority")},
      {"empty :path", replaced(":path", "")},
      {"empty :authority", replaced(":authority", "")},
      {":method twice", with(request(), ":method", "GET")},
      {"a pseudo-field after a field", with(with(without(":path"), "x", "1"), ":path", "/")},
      {"an unknown pseudo-field", with(request(), ":proto", "x")},
      {":status in a request", with(request(), ":status", "200")},
      {"a method that is no token", replaced(":method", "G T")},
      {"user information", replaced(":authority", "me@a.example")},
      {"an authority with a path", replaced(":authority", "a.example/x")},
      {"a port that is none", replaced(":authority", "a.example:99999")},
      {"Host that differs", with(request(), "host", "b.example")},
      {"Host twice", with(with(request(), "host", "a.example"), "host", "a.example")},
      {"a path without slash", replaced(":path", "a")},
      {"a path with a space", replaced(":path", "/a b")},
      {"a path with a fragment", replaced(":path", "/a#b")},
      {"a path with a line feed", replaced(":path", "/a\r\nx: y")},
      {"a path with a backslash", replaced(":path", "/a\\..\\b")},
      {"a path with a byte above 0x7f", replaced(":path", "/\xc3\xa9")},
      {"asterisk with GET", replaced(":path", "*")},
      {"absolute-form", replaced(":path", "http://b.example/")},
      {"content-length that is no number", with(request(), "content-length", "+5")},
      {"content-length twice", with(with(request(), "content-length", "0"), "content-length", "0")},
      {"content-length above the data", with(request(), "content-length", "5")},
      {"CONNECT with a path", replaced(":method", "CONNECT")},
      {"CONNECT without a port", {{":method", "CONNECT"}, {":authority", "a.example"}}},
      {"CONNECT to port 0", {{":method", "CONNECT"}, {":authority", "a.example:0"}}},
      {":protocol without CONNECT", with(request(), ":protocol", "websocket")},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    inBothWays(Role::Server, HELLO, headers(1, block(one.fields), END_STREAM), [](Side& server) {
      CHECK(resetOf(server, 1) == "PROTOCOL_ERROR");
      CHECK(server.handler.messages.empty());
      CHECK(server.session->streams() == 0);
      CHECK(server.pool.inUseBytes() == 0);
      CHECK(server.receive(get(3)));
      CHECK(server.message(3).head == "GET / a.example");
    });
  }
}

TEST_CASE("stream errors after the head are told, and the connection goes on") {
  struct Case {
    std::string_view what;
    std::string input;
    std::string_view code;
  };
  const std::string open = headers(1, block(with(request("POST"), "content-length", "5")), NONE);
  const Case cases[] = {
      {"less data than content-length", open + data(1, "123", END_STREAM), "PROTOCOL_ERROR"},
      {"more data than content-length", open + data(1, "123456"), "PROTOCOL_ERROR"},
      {"trailers that do not end", open + headers(1, block({{"x", "1"}}), NONE), "PROTOCOL_ERROR"},
      {"a pseudo-field in trailers",
       open + data(1, "12345") + headers(1, block({{":path", "/"}}), END_STREAM), "PROTOCOL_ERROR"},
      {"WINDOW_UPDATE of 0", open + windowUpdate(1, 0), "PROTOCOL_ERROR"},
      {"window above 2^31-1", open + windowUpdate(1, 0x7fffffff), "FLOW_CONTROL_ERROR"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    inBothWays(Role::Server, HELLO, one.input, [&](Side& server) {
      if (server.session->failed()) {
        // RFC 9113 §5.4.1: any stream error may be treated as one of the connection.
        CHECK(errorCodeName(server.session->failure()) == one.code);
        return;
      }
      CHECK(resetOf(server, 1) == one.code);
      CHECK(server.message(1).reset);
      CHECK_FALSE(server.message(1).byPeer);
      CHECK(errorCodeName(server.message(1).code) == one.code);
      CHECK_FALSE(server.message(1).ended);
      CHECK(server.message(1).afterEnd == 0);
      CHECK(server.receive(get(3)));
      CHECK(server.message(3).head == "GET / a.example");
    });
  }
}

TEST_CASE("data after the end of a stream is an error") {
  inBothWays(Role::Server, HELLO, get(1) + data(1, "x"), [](Side& server) {
    CHECK((server.message(1).reset || server.session->failed()));
    CHECK(server.message(1).data.empty());
  });
}

TEST_CASE("malformed responses reset their stream and are told as ours") {
  struct Case {
    std::string_view what;
    std::string input;
  };
  const Case cases[] = {
      {"no :status", headers(1, block({{"x", "1"}}), NONE)},
      {"a status that is no number", headers(1, block({{":status", "2xx"}}), NONE)},
      {"a status of two digits", headers(1, block({{":status", "20"}}), NONE)},
      {"a status below 100", headers(1, block({{":status", "099"}}), NONE)},
      {"101", headers(1, block({{":status", "101"}}), NONE)},
      {":path in a response", headers(1, block({{":status", "200"}, {":path", "/"}}), NONE)},
      {"connection", headers(1, block({{":status", "200"}, {"connection", "close"}}), NONE)},
      {"upper case", headers(1, block({{":status", "200"}, {"X-Y", "1"}}), NONE)},
      {"an interim response that ends", headers(1, block({{":status", "100"}}), END_STREAM)},
      {"less data than content-length",
       headers(1, block({{":status", "200"}, {"content-length", "3"}}), NONE) +
           data(1, "x", END_STREAM)},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    inBothWays(Role::Client, settings(), one.input, [](Side& client) {
      CHECK(resetOf(client, 1) == "PROTOCOL_ERROR");
      CHECK(client.message(1).reset);
      CHECK_FALSE(client.message(1).byPeer);
      CHECK_FALSE(client.message(1).ended);
      CHECK_FALSE(client.session->failed());
    });
  }
}

TEST_CASE("data before the head of the response is an error") {
  inBothWays(Role::Client, settings(), data(1, "x"), [](Side& client) {
    CHECK((client.message(1).reset || client.session->failed()));
    CHECK(client.message(1).data.empty());
  });
}

TEST_CASE("servers may not push") {
  inBothWays(Role::Client, settings() + settingsAck(),
             frame(PUSH_PROMISE, END_HEADERS, 1, number(2, 4) + block(request())),
             [](Side& client) { CHECK(client.session->failure() == ErrorCode::ProtocolError); });
}

TEST_CASE("responses to HEAD and 304 may have a length without data") {
  Side client(Role::Client);
  Request head("HEAD");
  head.head.method = Method::Head;
  client.session->openStream(head.head, "http", End::Last);
  client.session->openStream(Request().head, "http", End::Last);
  client.takeOutput();
  client.receive(settings() +
                 headers(1, block({{":status", "200"}, {"content-length", "5"}}), END_STREAM) +
                 headers(3, block({{":status", "304"}, {"content-length", "5"}}), END_STREAM));
  CHECK(client.message(1).done);
  CHECK(client.message(3).done);
}

TEST_CASE("unknown frames and settings are ignored") {
  Side server(Role::Server);
  CHECK(server.receive(HELLO + frame(0xbb, 0xff, 0, "?") + frame(0xbc, 0, 9, "??") +
                       settings({{0x99, 7}}) + get(1)));
  CHECK(server.message(1).head == "GET / a.example");
}

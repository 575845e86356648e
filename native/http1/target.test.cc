// Authorities, the four target forms, and Host against them.
#include "http1/target.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http1/parser.h"

using namespace mesh;
using namespace mesh::http1;

namespace {

// The views of `head` stay good until the next call.
Violation parse(const std::string& input, RequestHead& head) {
  static std::string kept;
  kept = input;
  HeadProgress progress;
  return parseRequestHead(kept, {}, progress, head).violation;
}

}  // namespace

TEST_CASE("an authority is a name or an address with an optional port") {
  const std::vector<std::string> good = {
      "",        "a",    "example.com",  "example.com:80", "a_b-c.~",          "10.0.0.1:65535",
      "a:",      "%41b", "[::1]",        "[2001:db8::]:8", "[::ffff:1.2.3.4]", "a:0",
      "a:00080", "a,b",  "xn--nxasmq6b", "example.com.",
  };
  for (const std::string& text : good) {
    CAPTURE(text);
    CHECK(isAuthority(text));
  }
  const std::vector<std::string> bad = {
      ":80",
      "a:b",
      "a:+1",
      "a:65536",
      "a:100000",
      "a:80:80",
      "a b",
      "a/b",
      "user@a",
      "a?b",
      "a#b",
      "[::1",
      "::1]",
      "[::1]a",
      "[]",
      "[1.2.3.4]",
      "[fe80::1%25eth0]",
      "[v1.a]",
      "[[::1]]",
      "::1",
      "%4",
      "%zz",
      "a\\b",
      "a|b",
      "\xc3\xa4",
      "a:8 ",
      "[::1]:x",
      "a\"",
      "[:::1]",
      "[1:2:3:4:5:6:7:8:9]",
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK_FALSE(isAuthority(text));
  }
}

TEST_CASE("an absolute-form target gives authority and path") {
  struct Row {
    std::string target;
    std::string authority;
    std::string path;
  };
  const std::vector<Row> rows = {
      {"http://a/b?c", "a", "/b?c"},
      {"HTTP://a:80", "a:80", ""},
      {"https://[::1]:8/", "[::1]:8", "/"},
      {"http://a?b", "a", "?b"},
      {"http://a/http://b/", "a", "/http://b/"},
  };
  for (const Row& row : rows) {
    static RequestHead head;
    CAPTURE(row.target);
    CHECK(parse("GET " + row.target + " HTTP/1.1\r\nHost: " + row.authority + "\r\n\r\n", head) ==
          Violation::None);
    CHECK(head.form == TargetForm::Absolute);
    CHECK(head.authority == row.authority);
    CHECK(head.path == row.path);
  }
}

TEST_CASE("a target that is not of the form its method allows is refused") {
  const std::vector<std::string> lines = {
      "GET http:///a",
      "GET http://",
      "GET http://:80/",
      "GET http://u@a/",
      "GET http://u:p@a/",
      "GET ftp://a/",
      "GET http:/a",
      "GET https:a",
      "GET http://a:x/",
      "GET http://[::1/",
      "GET a:443",
      "GET example.com",
      "GET ?a",
      "CONNECT a",
      "CONNECT a:",
      "CONNECT /",
      "CONNECT http://a:80/",
      "CONNECT :443",
      "CONNECT a:0",
      "CONNECT *",
      "CONNECT u@a:443",
      "CONNECT ::1:443",
      "CONNECT a:443/",
      "OPTIONS **",
      "POST *",
      "GET http://a|b/",
      "GET http://a\\@b/",
  };
  for (const std::string& line : lines) {
    static RequestHead head;
    CAPTURE(line);
    CHECK(parse(line + " HTTP/1.1\r\nHost: a\r\n\r\n", head) == Violation::BadTarget);
  }
}

TEST_CASE("CONNECT takes its authority from the target and has no path") {
  static RequestHead head;
  CHECK(parse("CONNECT [::1]:443 HTTP/1.1\r\nHost: other\r\n\r\n", head) == Violation::None);
  CHECK(head.form == TargetForm::Authority);
  CHECK(head.authority == "[::1]:443");
  CHECK(head.path.empty());
}

TEST_CASE("the authority of origin-form is Host, and empty without it in HTTP/1.0") {
  static RequestHead head;
  CHECK(parse("OPTIONS * HTTP/1.1\r\nHost: a:1\r\n\r\n", head) == Violation::None);
  CHECK(head.authority == "a:1");
  CHECK(head.path == "*");
  CHECK(parse("GET //x HTTP/1.0\r\n\r\n", head) == Violation::None);
  CHECK(head.authority.empty());
  CHECK(head.path == "//x");
  CHECK(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n", head) == Violation::None);
  CHECK(head.authority.empty());
}

TEST_CASE("Host has to name the server of an absolute-form target, case and default port aside") {
  struct Row {
    std::string target;
    std::string host;
    Violation violation;
  };
  const std::vector<Row> rows = {
      {"http://a/", "A", Violation::None},
      {"http://a:80/", "a", Violation::None},
      {"http://a/", "a:80", Violation::None},
      {"http://a:/", "a", Violation::None},
      {"https://a/", "a:443", Violation::None},
      {"https://a/", "a:80", Violation::HostMismatch},
      {"http://a/", "a:443", Violation::HostMismatch},
      {"http://a/", "a:8080", Violation::HostMismatch},
      {"http://a/", "ab", Violation::HostMismatch},
      {"http://a/", "", Violation::HostMismatch},
      {"http://[::1]/", "[::1]:80", Violation::None},
      {"http://[::1]/", "[::2]", Violation::HostMismatch},
  };
  for (const Row& row : rows) {
    static RequestHead head;
    CAPTURE(row.target);
    CAPTURE(row.host);
    CHECK(parse("GET " + row.target + " HTTP/1.1\r\nHost: " + row.host + "\r\n\r\n", head) ==
          row.violation);
  }
}

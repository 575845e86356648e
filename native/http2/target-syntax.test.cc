// Tables of what authorities and paths may be.
#include "http2/target-syntax.h"

#include <doctest/doctest.h>

using namespace mesh;
using namespace mesh::http2;

TEST_CASE("an authority is a host and perhaps a port") {
  for (const std::string_view good :
       {"a", "a.example", "a.example:80", "a.example:", "127.0.0.1:8080", "[::1]", "[::1]:443",
        "xn--bcher-kva.example", "a_b", "%41.example", "a.example:65535"}) {
    CAPTURE(good);
    CHECK(isAuthority(good));
  }
  for (const std::string_view bad :
       {"",     ":80", "a:b", "a:65536", "a:000080", "a:80:80", "me@a",
        "a/b",  "a?b", "a#b", "a b",     "[::1",     "::1",     "[::1]x",
        "[zz]", "[]",  "%4",  "%zz",     "a\\b",     "a,b:x",   "\xc3\xa9"}) {
    CAPTURE(bad);
    CHECK_FALSE(isAuthority(bad));
  }
}

TEST_CASE("CONNECT needs a port") {
  CHECK(isConnectAuthority("a:1"));
  CHECK(isConnectAuthority("[::1]:443"));
  for (const std::string_view bad : {"a", "a:", "a:0", "a:00", "[::1]", ":1"}) {
    CAPTURE(bad);
    CHECK_FALSE(isConnectAuthority(bad));
  }
}

TEST_CASE("a path begins with a slash and has no bytes that mean something elsewhere") {
  for (const std::string_view good :
       {"/", "/a/b", "/?", "/a?b=c&d=\\", "//", "/%20", "/[x]{y}|\"", "/a;b=c,d", "/a?b?c"}) {
    CAPTURE(good);
    CHECK(isOriginPath(good));
  }
  for (const std::string_view bad :
       {"", "a", "*", "?a", "/ ", "/a#b", "/<", "/a>", "/\\", "/a\x7f", "/\x80", "/\t", "/\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(isOriginPath(bad));
  }
}

TEST_CASE("methods are known by their exact name") {
  CHECK(methodOf("GET") == Method::Get);
  CHECK(methodOf("CONNECT") == Method::Connect);
  CHECK(methodOf("PATCH") == Method::Patch);
  CHECK(methodOf("get") == Method::Other);
  CHECK(methodOf("GETS") == Method::Other);
  CHECK(methodOf("") == Method::Other);
}

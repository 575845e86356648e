// What filters do to requests and responses, and which of them are refused.
#include "route/filters.h"

#include <doctest/doctest.h>

#include "route/header-rules.h"
#include "route/testing.h"

namespace mesh::route {
namespace {

struct Fixture {
  Random random{1};
  std::string prefix;
  bool hasPrefix = false;
  std::vector<Filter> filters;

  FilterOutcome run(RequestHead& head) {
    REQUIRE(!prepareFilters(filters, "filters"));
    return filterRequest(
        filters,
        {.authority = head.authority, .prefix = hasPrefix ? &prefix : nullptr, .random = random},
        head);
  }
  std::string redirected(RequestHead& head, Redirect redirect) {
    filters = {std::move(redirect)};
    const FilterOutcome outcome = run(head);
    if (const auto* to = std::get_if<RedirectTo>(&outcome)) return to->location;
    if (const auto* invalid = std::get_if<Invalid>(&outcome)) {
      return "invalid: " + std::string(invalid->message);
    }
    CHECK(std::holds_alternative<Proceed>(outcome));
    return "";
  }
  std::string redirected(const char* authority, const char* path, Redirect redirect) {
    return redirected(*request("GET", authority, path), std::move(redirect));
  }
};

TEST_CASE_FIXTURE(Fixture, "fields are added, then set, then removed") {
  const auto head = request("GET", "w", "/", {{"A", "1"}, {"b", "2"}, {"a", "3"}, {"c", "4"}});
  filters = {RequestHeaders{{.add = {{"X-Added", " v "}, {"c", "5"}},
                             .set = {{"A", "9"}, {"new", "n"}, {"x-added", "w"}},
                             .remove = {"C"}}}};
  CHECK(std::holds_alternative<Proceed>(run(*head)));
  CHECK(written(head->fields) == "A: 9|b: 2|x-added: w|new: n");
}

TEST_CASE_FIXTURE(Fixture, "filters for responses leave requests alone, and the other way round") {
  filters = {RequestHeaders{{.add = {{"q", "1"}}}}, ResponseHeaders{{.add = {{"s", "2"}}}}};
  const auto head = request("GET", "w", "/");
  CHECK(std::holds_alternative<Proceed>(run(*head)));
  CHECK(written(head->fields) == "q: 1");
  ResponseHead response;
  CHECK(!filterResponse(filters, response.fields));
  CHECK(written(response.fields) == "s: 2");
}

TEST_CASE_FIXTURE(Fixture, "a message with no room for what is added is invalid") {
  filters = {RequestHeaders{{.add = {{"q", "1"}}}}, ResponseHeaders{{.set = {{"q", "1"}}}}};
  const auto head = request("GET", "w", "/");
  while (head->fields.count < MAX_FIELDS) addFields(head->fields, {{"x", ""}});
  const FilterOutcome outcome = run(*head);
  REQUIRE(std::holds_alternative<Invalid>(outcome));
  CHECK(!std::get_if<Invalid>(&outcome)->message.empty());
  CHECK(head->fields.count == MAX_FIELDS);
  CHECK(filterResponse(filters, head->fields));
  // Setting what is there needs no room.
  filters = {ResponseHeaders{{.set = {{"x", "1"}}}}};
  CHECK(!filterResponse(filters, head->fields));
  CHECK(written(head->fields) == "x: 1");
}

TEST_CASE_FIXTURE(Fixture, "the first filter that ends a request is the last that is looked at") {
  filters = {RequestHeaders{{.add = {{"a", "1"}}}}, InvalidFilter{"first"}, InvalidFilter{"second"},
             RequestHeaders{{.add = {{"b", "1"}}}}};
  const auto head = request("GET", "w", "/");
  const FilterOutcome outcome = run(*head);
  REQUIRE(std::holds_alternative<Invalid>(outcome));
  CHECK(std::get_if<Invalid>(&outcome)->message == "first");
  CHECK(written(head->fields) == "a: 1");
}

TEST_CASE_FIXTURE(Fixture,
                  "redirects: what is not given stays, and ports that go without saying go") {
  struct Row {
    const char* authority;
    const char* path;
    Redirect redirect;
    const char* location;
  };
  const Row rows[] = {
      {"a", "/p?q=1", {.host = "b"}, "http://b/p?q=1"},
      {"a:80", "/p", {.host = "b"}, "http://b/p"},
      {"a:81", "/p", {.host = "b"}, "http://b:81/p"},
      {"a", "/p", {.scheme = "https"}, "https://a/p"},
      {"a:80", "/p", {.scheme = "https"}, "https://a/p"},
      {"a:443", "/p", {.scheme = "https"}, "https://a/p"},
      {"a:8080", "/p", {.scheme = "HTTPS"}, "https://a:8080/p"},
      {"a", "/p", {.scheme = "https", .port = 443}, "https://a/p"},
      {"a", "/p", {.port = 8443}, "http://a:8443/p"},
      {"a:81", "/p", {.port = 80}, "http://a/p"},
      {"[::1]:81", "/p", {.port = 82}, "http://[::1]:82/p"},
      {"a", "/p?q", {.replacePath = "/x"}, "http://a/x?q"},
      {"a", "*", {.host = "b"}, "http://b/"},
      {"a", "", {.host = "b"}, "http://b/"},
      // Where the request already is.
      {"a", "/p", {.host = "a"}, ""},
      {"A:80", "/p", {.host = "a"}, ""},
      {"a", "/p?q", {.scheme = "http", .host = "A", .port = 80, .replacePath = "/p"}, ""},
      {"a", "/p", {}, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.authority);
    CAPTURE(row.path);
    CAPTURE(row.location);
    CHECK(redirected(row.authority, row.path, row.redirect) == row.location);
  }
}

TEST_CASE_FIXTURE(Fixture, "redirects: a prefix is replaced as Gateway API has it") {
  struct Row {
    const char* prefix;
    const char* path;
    const char* replacement;
    const char* location;
  };
  const Row rows[] = {
      {"/foo", "/foo/bar", "/xyz", "http://a/xyz/bar"},
      {"/foo", "/foo/bar", "/xyz/", "http://a/xyz/bar"},
      {"/foo", "/foo", "/xyz", "http://a/xyz"},
      {"/foo", "/foo/", "/xyz", "http://a/xyz/"},
      {"/foo", "/foo/bar", "", "http://a/bar"},
      {"/foo", "/foo/", "", "http://a/"},
      {"/foo", "/foo", "", "http://a/"},
      {"/foo", "/foo/", "/", "http://a/"},
      {"/foo", "/foo", "/", "http://a/"},
      {"/foo", "/foo?q", "/x", "http://a/x?q"},
      {"", "/bar", "/xyz", "http://a/xyz/bar"},
      {"", "/", "/xyz", "http://a/xyz/"},
  };
  hasPrefix = true;
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.replacement);
    prefix = row.prefix;
    CHECK(redirected("a", row.path, {.replacePrefix = row.replacement}) == row.location);
  }
}

TEST_CASE_FIXTURE(Fixture, "redirects: without a prefix, or a host, what needs it is invalid") {
  CHECK(redirected("a", "/p", {.replacePrefix = "/x"}).starts_with("invalid: "));
  CHECK(redirected("", "/p", {.scheme = "https"}).starts_with("invalid: "));
  CHECK(redirected("", "/p", {.host = "b"}) == "http://b/p");
}

TEST_CASE_FIXTURE(Fixture, "redirects: the scheme is the request's own") {
  const auto http2 = request("GET", "a:443", "/p");
  http2->scheme = "https";
  CHECK(redirected(*http2, {.host = "b"}) == "https://b/p");
  const auto absolute = request("GET", "a", "/p");
  absolute->form = TargetForm::Absolute;
  absolute->target = "HTTPS://a/p";
  CHECK(redirected(*absolute, {.host = "b"}) == "https://b/p");
}

TEST_CASE_FIXTURE(Fixture, "injected failures strike as often as they are told to") {
  const auto struck = [this](uint32_t numerator, uint32_t denominator) {
    filters = {FailureInjector{numerator, denominator, GrpcFailure{.code = 14, .message = "m"}}};
    int count = 0;
    const auto head = request("GET", "w", "/");
    for (int i = 0; i < 10'000; ++i) {
      const FilterOutcome outcome = run(*head);
      if (std::holds_alternative<Proceed>(outcome)) continue;
      REQUIRE(std::holds_alternative<const GrpcFailure*>(outcome));
      ++count;
    }
    return count;
  };
  CHECK(struck(0, 0) == 10'000);
  CHECK(struck(3, 3) == 10'000);
  CHECK(struck(0, 3) == 0);
  // Four standard deviations: 4 × sqrt(10000 × 0.3 × 0.7).
  CHECK(std::abs(struck(3, 10) - 3'000) < 184);
}

TEST_CASE_FIXTURE(Fixture, "an injected failure is the one of the filter") {
  filters = {FailureInjector{0, 0, HttpFailure{.status = 418, .message = "tea"}}};
  const FilterOutcome outcome = run(*request("GET", "w", "/"));
  REQUIRE(std::holds_alternative<const HttpFailure*>(outcome));
  CHECK((*std::get_if<const HttpFailure*>(&outcome))->status == 418);
  CHECK((*std::get_if<const HttpFailure*>(&outcome))->message == "tea");
}

TEST_CASE("filters that would break a message are refused by name") {
  const auto refused = [](Filter filter) {
    std::vector<Filter> filters = {std::move(filter)};
    const auto error = prepareFilters(filters, "f");
    return error ? error->field : "";
  };
  for (const char* name : {"Content-Length",
                           "transfer-encoding",
                           "connection",
                           "host",
                           "TE",
                           "upgrade",
                           "keep-alive",
                           "proxy-connection",
                           "proxy-authorization",
                           "proxy-anything",
                           "trailer",
                           "http2-settings",
                           "expect",
                           "l5d-timeout",
                           "L5D-client-id",
                           "",
                           ":path",
                           "a b",
                           "a:",
                           "a\r\nb"}) {
    CAPTURE(name);
    CHECK(refused(RequestHeaders{{.add = {{name, "v"}}}}) == "f[0].request_headers.add[0].name");
    CHECK(refused(ResponseHeaders{{.set = {{name, "v"}}}}) == "f[0].response_headers.set[0].name");
    CHECK(refused(RequestHeaders{{.remove = {"x", name}}}) == "f[0].request_headers.remove[1]");
  }
  for (const std::string& value :
       {std::string("a\r\nb"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f")}) {
    CHECK(refused(RequestHeaders{{.set = {{"x", value}}}}) == "f[0].request_headers.set[0].value");
  }
  CHECK(refused(RequestHeaders{{.set = {{"x", "v\tw\xff"}}}}) == "");
  CHECK(refused(Redirect{.scheme = "ht tp"}) == "f[0].redirect.scheme");
  for (const char* host : {"a/b", "a:80", "a b", "a\r\n", "a@b"}) {
    CAPTURE(host);
    CHECK(refused(Redirect{.host = host}) == "f[0].redirect.host");
  }
  CHECK(refused(Redirect{.host = "[::1]"}) == "");
  for (const char* path : {"", "a", "/a\r\nb", "/a b"}) {
    CAPTURE(path);
    CHECK(refused(Redirect{.replacePath = path}) == "f[0].redirect.replace_path");
  }
  for (const char* path : {"a", "/a\r\nb"}) {
    CAPTURE(path);
    CHECK(refused(Redirect{.replacePrefix = path}) == "f[0].redirect.replace_prefix");
  }
}

}  // namespace
}  // namespace mesh::route

// Finding the rule of a request, and what a table cannot be compiled from.
#include "route/table.h"

#include <doctest/doctest.h>

#include "route/overrides.h"
#include "route/testing.h"

namespace mesh::route {
namespace {

EntrySpec entry(uint32_t rule, PathMatch path = {}) {
  EntrySpec out{.match = {}, .rule = rule};
  out.match.path = std::move(path);
  return out;
}

// Rules have their index plus 1 as id.
TableSpec tableOf(std::vector<HostSpec> hosts, size_t rules) {
  TableSpec spec;
  spec.id = 1;
  spec.hosts = std::move(hosts);
  for (size_t i = 0; i < rules; ++i) spec.rules.push_back({.id = static_cast<uint32_t>(i + 1)});
  return spec;
}

std::shared_ptr<const RouteTable> compiled(TableSpec spec) {
  BudgetRegistry budgets;
  auto table = RouteTable::compile(std::move(spec), budgets);
  REQUIRE(table.ok());
  return std::move(table).value();
}

uint32_t idOf(const RouteMatch& match) { return match ? match.rule->id : 0; }

// Whether a table of this one entry has a route for the request.
bool matches(RequestMatch match, const RequestHead& head) {
  EntrySpec only{.match = std::move(match), .rule = 0};
  return compiled(tableOf({{.host = "", .suffix = false, .entries = {only}}}, 1))
             ->find(head)
             .rule != nullptr;
}

bool pathMatches(PathMatch path, const RequestHead& head) {
  RequestMatch match;
  match.path = std::move(path);
  return matches(std::move(match), head);
}

RequestMatch ofPath(const char* pattern) {
  RequestMatch match;
  match.path = PathRegex{pattern};
  return match;
}

RequestMatch ofMethod(const char* method) {
  RequestMatch match;
  match.method = method;
  return match;
}

TEST_CASE("further matches must all match, or none of them") {
  RequestMatch match = ofPath("/a.*");
  match.all = {ofPath(".*z"), ofMethod("GET")};
  CHECK(matches(match, *request("GET", "h", "/a/z")));
  CHECK(!matches(match, *request("GET", "h", "/a")));
  CHECK(!matches(match, *request("GET", "h", "/z")));
  CHECK(!matches(match, *request("POST", "h", "/a/z")));

  match = ofPath("/a.*");
  match.none = {ofPath(".*z"), ofMethod("POST")};
  CHECK(matches(match, *request("GET", "h", "/a")));
  CHECK(!matches(match, *request("GET", "h", "/a/z")));
  CHECK(!matches(match, *request("POST", "h", "/a")));
  CHECK(!matches(match, *request("GET", "h", "/b")));
}

TEST_CASE("what is not none of several is any of them; what must not be anything is nothing") {
  RequestMatch neither;
  neither.none = {ofPath("/a"), ofMethod("POST")};
  RequestMatch either;
  either.none = {neither};
  CHECK(matches(either, *request("GET", "h", "/a")));
  CHECK(matches(either, *request("POST", "h", "/b")));
  CHECK(!matches(either, *request("GET", "h", "/b")));
  RequestMatch nothing;
  nothing.none = {RequestMatch{}};
  CHECK(!matches(nothing, *request("GET", "h", "/a")));
}

TEST_CASE("a match of one version of HTTP leaves the other alone") {
  RequestMatch match;
  match.httpVersion = 2;
  const auto head = request("GET", "h", "/");
  CHECK(!matches(match, *head));
  head->majorVersion = 2;
  CHECK(matches(match, *head));
  match.httpVersion = 1;
  CHECK(!matches(match, *head));
}

TEST_CASE("a bad regular expression within a match is named") {
  EntrySpec bad = entry(0);
  bad.match.none = {RequestMatch{}, ofPath("(")};
  BudgetRegistry budgets;
  const auto table = RouteTable::compile(tableOf({{"", false, {bad}}}, 1), budgets);
  REQUIRE(!table.ok());
  CHECK(table.error().field == "hosts[0].entries[0].match.none[1].path_regex");
}

TEST_CASE("hosts: exact, then suffixes, then any; ports and case do not matter") {
  const auto table = compiled(tableOf({{"example.com", false, {entry(0)}},
                                       {"example.com", true, {entry(1)}},
                                       {"a.example.com", true, {entry(2)}},
                                       {"", false, {entry(3)}},
                                       {"[::1]", false, {entry(4)}}},
                                      5));
  struct Row {
    const char* authority;
    uint32_t id;
  };
  const Row rows[] = {
      {"example.com", 1},
      {"EXAMPLE.com:8080", 1},
      {"example.com.", 1},
      {"example.com.:80", 1},
      {"x.example.com", 2},
      {"y.x.example.com:1", 2},
      {"x.a.example.com", 3},
      {"a.example.com", 2},
      {"other", 4},
      {"", 4},
      {"[::1]:80", 5},
      {"[::1]", 5},
      {":80", 4},
  };
  for (const Row& row : rows) {
    CAPTURE(row.authority);
    CHECK(idOf(table->find(*request("GET", row.authority, "/"))) == row.id);
  }
}

TEST_CASE("the first entry that matches decides, and a host without one leaves it to the next") {
  const auto table = compiled(tableOf(
      {{"web.ns",
        false,
        {entry(0, PathExact{"/a"}), entry(1, PathPrefix{"/a"}), entry(2, PathPrefix{"/a"})}},
       {"ns", true, {entry(3, PathPrefix{"/b"})}},
       {"", false, {entry(4, PathPrefix{"/c"})}}},
      5));
  CHECK(idOf(table->find(*request("GET", "web.ns", "/a"))) == 1);
  CHECK(idOf(table->find(*request("GET", "web.ns", "/a/x"))) == 2);
  CHECK(idOf(table->find(*request("GET", "web.ns", "/b"))) == 4);
  CHECK(idOf(table->find(*request("GET", "web.ns", "/c"))) == 5);
  CHECK(idOf(table->find(*request("GET", "web.ns", "/d"))) == 0);
}

TEST_CASE("an authority of the caller's takes the place of the request's") {
  const auto table = compiled(tableOf({{"web", false, {entry(0)}}}, 1));
  const auto head = request("GET", "", "/");
  CHECK(idOf(table->find(*head)) == 0);
  CHECK(idOf(table->find(*head, "web:80")) == 1);
}

TEST_CASE("paths: exact, by segments, by expression, without the query") {
  struct Row {
    PathMatch path;
    const char* target;
    bool matches;
  };
  const Row rows[] = {
      {PathExact{"/a"}, "/a", true},
      {PathExact{"/a"}, "/a?x=/b", true},
      {PathExact{"/a"}, "/a/", false},
      {PathExact{"/a"}, "/A", false},
      {PathPrefix{"/a"}, "/a", true},
      {PathPrefix{"/a"}, "/a/", true},
      {PathPrefix{"/a"}, "/a/b", true},
      {PathPrefix{"/a"}, "/ab", false},
      {PathPrefix{"/a/"}, "/a", true},
      {PathPrefix{"/a//"}, "/a/b?c", true},
      {PathPrefix{"/a"}, "/a?b", true},
      {PathPrefix{"/a"}, "/", false},
      {PathPrefix{"/"}, "/", true},
      {PathPrefix{"/"}, "/anything/at?all", true},
      {PathPrefix{""}, "/x", true},
      {PathRegex{"/a/[0-9]+"}, "/a/12?x", true},
      {PathRegex{"/a/[0-9]+"}, "/a/12/", false},
      {std::monostate{}, "/", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    CAPTURE(row.path.index());
    CHECK(pathMatches(row.path, *request("GET", "web", row.target)) == row.matches);
  }
}

TEST_CASE("gRPC: calls of a service, of a method, of any") {
  struct Row {
    GrpcMatch match;
    const char* method;
    const char* path;
    bool matches;
  };
  const Row rows[] = {
      {{"", ""}, "POST", "/s.S/m", true},       {{"", ""}, "GET", "/s.S/m", false},
      {{"", ""}, "POST", "/s.S", false},        {{"", ""}, "POST", "/s.S/", false},
      {{"", ""}, "POST", "//m", false},         {{"", ""}, "POST", "/", false},
      {{"s.S", ""}, "POST", "/s.S/m", true},    {{"s.S", ""}, "POST", "/s.T/m", false},
      {{"", "m"}, "POST", "/s.S/m", true},      {{"", "m"}, "POST", "/s.S/n", false},
      {{"s.S", "m"}, "POST", "/s.S/m", true},   {{"s.S", "m"}, "POST", "/s.S/m/more", true},
      {{"s.S", "m"}, "POST", "/s.S/mm", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.match.service);
    CAPTURE(row.match.method);
    CHECK(pathMatches(row.match, *request(row.method, "web", row.path)) == row.matches);
  }
}

TEST_CASE("methods are compared as they are written") {
  RequestMatch match;
  match.method = "GET";
  CHECK(matches(match, *request("GET", "web", "/")));
  CHECK_FALSE(matches(match, *request("get", "web", "/")));
  CHECK_FALSE(matches(match, *request("POST", "web", "/")));
}

TEST_CASE("fields: any of the values, names in any case, all that are asked for") {
  RequestMatch match;
  match.headers = {{"x-a", {.text = "1"}}, {"x-b", {.text = "v[0-9]", .regex = true}}};
  CHECK(matches(match, *request("GET", "w", "/", {{"X-A", "1"}, {"x-b", "v2"}})));
  CHECK(matches(
      match, *request("GET", "w", "/", {{"x-a", "0"}, {"x-a", "1"}, {"x-b", "v"}, {"x-b", "v3"}})));
  CHECK_FALSE(matches(match, *request("GET", "w", "/", {{"x-a", "1"}})));
  CHECK_FALSE(matches(match, *request("GET", "w", "/", {{"x-a", "1"}, {"x-b", "v22"}})));
  CHECK_FALSE(matches(match, *request("GET", "w", "/", {{"x-a", "0"}, {"x-b", "v2"}})));
}

TEST_CASE("queries: any pair of the name, decoded") {
  RequestMatch match;
  match.queries = {{"a b", {.text = "c&d"}}, {"n", {.text = "[0-9 ]+", .regex = true}}};
  CHECK(matches(match, *request("GET", "w", "/?a+b=c%26d&n=1%202")));
  CHECK(matches(match, *request("GET", "w", "/?a%20b=x&n=x&a%20b=c%26d&n=1")));
  CHECK_FALSE(matches(match, *request("GET", "w", "/?a+b=c%26d&n=x")));
  CHECK_FALSE(matches(match, *request("GET", "w", "/?a+b=c&n=1")));
  CHECK_FALSE(matches(match, *request("GET", "w", "/")));
}

TEST_CASE("the prefix that matched is told, without slashes at its end") {
  const auto table =
      compiled(tableOf({{"", false, {entry(0, PathPrefix{"/a/"}), entry(1, PathPrefix{"/"})}},
                        {"exact", false, {entry(2)}}},
                       3));
  const RouteMatch a = table->find(*request("GET", "w", "/a/b"));
  REQUIRE(a.prefix != nullptr);
  CHECK(*a.prefix == "/a");
  const RouteMatch root = table->find(*request("GET", "w", "/b"));
  REQUIRE(root.prefix != nullptr);
  CHECK(*root.prefix == "");
  CHECK(table->find(*request("GET", "exact", "/b")).prefix == nullptr);
}

TEST_CASE("targets of other forms are looked up like any") {
  const PathMatch root = PathPrefix{"/"};
  auto connect = request("CONNECT", "web:443", "");
  connect->form = TargetForm::Authority;
  CHECK(pathMatches(root, *connect));
  CHECK_FALSE(pathMatches(PathPrefix{"/a"}, *connect));
  CHECK_FALSE(pathMatches(GrpcMatch{}, *connect));
  auto asterisk = request("OPTIONS", "web", "*");
  asterisk->form = TargetForm::Asterisk;
  CHECK(pathMatches(root, *asterisk));
  CHECK(pathMatches(PathExact{"*"}, *asterisk));
  auto absolute = request("GET", "web", "?q");
  absolute->form = TargetForm::Absolute;
  CHECK(pathMatches(PathExact{"/"}, *absolute));
}

TEST_CASE("what a table cannot be compiled from is named") {
  struct Row {
    const char* field;
    TableSpec spec;
  };
  std::vector<Row> rows;
  const auto row = [&rows](const char* field) -> TableSpec& {
    rows.push_back(
        {field, tableOf({{"a", false, {entry(0)}}, {"b", false, {entry(0), entry(1)}}}, 2)});
    return rows.back().spec;
  };
  row("hosts[1].entries[1].match.path_regex").hosts[1].entries[1].match.path = PathRegex{"("};
  row("hosts[0].entries[0].match.headers[1].regex").hosts[0].entries[0].match.headers = {
      {"a", {.text = "("}}, {"b", {.text = "(", .regex = true}}};
  row("hosts[0].entries[0].match.queries[0].regex").hosts[0].entries[0].match.queries = {
      {"a", {.text = "[", .regex = true}}};
  row("rules[1].filters[1].request_headers.add[0].name").rules[1].filters = {
      InvalidFilter{}, RequestHeaders{{.add = {{"content-length", "1"}}}}};
  row("rules[0].distribution.backends[1].filters[0].response_headers.remove[0]")
      .rules[0]
      .distribution.backends = {{.id = 1},
                                {.id = 2, .filters = {ResponseHeaders{{.remove = {"te"}}}}}};
  for (Row& one : rows) {
    BudgetRegistry budgets;
    const auto table = RouteTable::compile(std::move(one.spec), budgets);
    REQUIRE(!table.ok());
    CHECK(table.error().field == one.field);
    CHECK(!table.error().message.empty());
  }
}

TEST_CASE("a request is plain whose rule has filters and backends alone") {
  RuleSpec spec{.id = 1, .filters = {InvalidFilter{}}};
  const auto plain = [](RuleSpec rule) {
    TableSpec table = tableOf({{"", false, {entry(0)}}}, 0);
    table.rules = {std::move(rule)};
    const auto one = compiled(std::move(table));
    const auto asked = request("GET", "w", "/");
    return policyOf(*one->find(*asked).rule, asked->fields).plain();
  };
  CHECK(plain(spec));
  RuleSpec changed = spec;
  changed.retry = Retry{.maxRetries = 1};
  CHECK_FALSE(plain(changed));
  changed = spec;
  changed.allowRequestOverrides = true;
  CHECK(plain(changed));
  for (uint32_t StreamTimeouts::*one : {&StreamTimeouts::requestMs, &StreamTimeouts::responseMs,
                                        &StreamTimeouts::idleMs, &StreamTimeouts::headMs}) {
    changed = spec;
    changed.timeouts.*one = 1;
    CHECK_FALSE(plain(changed));
  }
}

TEST_CASE("a rule's failures are 5xx unless it says otherwise") {
  TableSpec spec = tableOf({{"", false, {entry(0)}}, {"other", false, {entry(1)}}}, 2);
  spec.rules[1].failureStatuses = {{404, 404}};
  const auto table = compiled(std::move(spec));
  const Rule& usual = *table->find(*request("GET", "", "/")).rule;
  CHECK(usual.failureStatuses == StatusSet({{500, 599}}));
  const Rule& own = *table->find(*request("GET", "other", "/")).rule;
  CHECK(own.failureStatuses == StatusSet({{404, 404}}));
}

TEST_CASE("rules and tables that name one budget share it, and the last parameters hold") {
  BudgetRegistry budgets;
  TableSpec spec = tableOf({{"", false, {entry(0)}}, {"b", false, {entry(1)}}}, 2);
  for (RuleSpec& rule : spec.rules) {
    rule.retry = Retry{.maxRetries = 1};
    rule.retry->budget = BudgetSpec{.id = 5, .ratio = 0, .minRetriesPerSecond = 1, .ttlMs = 1'000};
  }
  const auto budgetOf = [](const RouteTable& table, const char* host) {
    return table.find(*request("GET", host, "/")).rule->retry->budget;
  };
  auto first = RouteTable::compile(spec, budgets);
  REQUIRE(first.ok());
  const std::shared_ptr<RetryBudget> shared = budgetOf(*first.value(), "");
  CHECK(budgetOf(*first.value(), "b") == shared);
  CHECK(shared->withdraw(10'000));
  CHECK_FALSE(shared->withdraw(10'000));
  for (RuleSpec& rule : spec.rules) rule.retry->budget->minRetriesPerSecond = 2;
  auto second = RouteTable::compile(spec, budgets);
  REQUIRE(second.ok());
  CHECK(budgetOf(*second.value(), "") == shared);
  CHECK(shared->withdraw(10'000));
  CHECK_FALSE(shared->withdraw(10'000));
}

TEST_CASE("servers' names are looked up as hosts are, and apart from them") {
  TableSpec spec = tableOf({{"a.example.com", false, {entry(0)}}}, 1);
  CHECK_FALSE(compiled(spec)->routesTls());
  const auto add = [&spec](const char* host, bool suffix, uint32_t id) {
    spec.tls.push_back({.host = host, .suffix = suffix, .route = {.id = id}});
  };
  add("example.com", true, 1);
  add("example.com", false, 2);
  add("b.example.com", true, 3);
  const auto idFor = [&spec](std::string_view name) {
    const auto table = compiled(spec);
    CHECK(table->routesTls());
    const TcpRoute* route = table->tls(name);
    return route == nullptr ? 0 : route->id;
  };
  CHECK(idFor("example.com") == 2);
  CHECK(idFor("a.example.com") == 1);
  CHECK(idFor("c.b.example.com") == 3);
  CHECK(idFor("b.example.com") == 1);
  CHECK(idFor("example.org") == 0);
  add("", false, 4);
  CHECK(idFor("example.org") == 4);
  CHECK(idFor("example.com") == 2);
}

TEST_CASE("a table for connections that are not HTTP says where they go") {
  TableSpec spec = tableOf({}, 0);
  CHECK(compiled(spec)->tcp() == nullptr);
  spec.tcp = TcpRouteSpec{.id = 9, .name = "tcp", .distribution = {}, .refusal = Reason::Forbidden};
  const auto table = compiled(spec);
  REQUIRE(table->tcp() != nullptr);
  CHECK(table->tcp()->id == 9);
  CHECK(table->tcp()->refusal == Reason::Forbidden);
}

}  // namespace
}  // namespace mesh::route

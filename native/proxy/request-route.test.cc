// From a request to a rule, its backend and its target, on a worker of its own.
#include "proxy/request-route.h"

#include "proxy/testing-routes.h"
#include "route/testing.h"

using namespace mesh;
using namespace mesh::testing;
using route::Pairs;

namespace {

// Target 1 is ready, target 2 has no endpoints, and there is no other.
struct Fixture {
  TestWorker inside;
  std::shared_ptr<const route::RouteTable> table;
  std::unique_ptr<RequestHead> head = route::request("GET", "web.mesh", "/a", {{"x-old", "1"}});
  RequestRoute route;
  route::RequestPolicy policy;
  Destination destination;
  SocketAddress client = SocketAddress::v4(0x0a000001, 1234);

  Fixture() {
    inside.putTarget(testTarget(1));
    inside.addEndpoint(1, loopback(1));
    inside.putTarget(testTarget(2));
  }
  ~Fixture() {
    inside.run([&](Worker&) { route = {}; });
  }
  void put(route::RuleSpec rule) {
    table = compiledTable(tableOf(std::move(rule)));
    inside.run([&](Worker& worker) { worker.putRouteTable(table); });
  }
  std::optional<Refusal> find(RouteChoice choice = {.targetId = 0, .routeTableId = 1}) {
    std::optional<Refusal> refusal;
    inside.run([&](Worker& worker) {
      const Asker asker{.destination = destination, .client = client};
      refusal = findRoute(worker, choice, asker, *head, route, policy);
    });
    return refusal;
  }
  std::optional<Refusal> choose() {
    std::optional<Refusal> refusal;
    inside.run([&](Worker& worker) { refusal = chooseBackend(worker, route); });
    return refusal;
  }
  std::optional<Refusal> filter() {
    std::optional<Refusal> refusal;
    inside.run([&](Worker& worker) { refusal = filterForBackend(worker, route, *head); });
    return refusal;
  }
  bool anyReady() {
    bool ready = false;
    inside.run([&](Worker& worker) { ready = anyBackendReady(worker, route); });
    return ready;
  }
};

route::Filter adds(const char* name) { return route::RequestHeaders{{.add = {{name, "1"}}}}; }
route::Filter addsToResponse(const char* name) {
  return route::ResponseHeaders{{.add = {{name, "1"}}}};
}
route::Filter fails(std::variant<route::HttpFailure, route::GrpcFailure> failure) {
  return route::FailureInjector{.numerator = 1, .denominator = 1, .failure = std::move(failure)};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "without a table a request goes to its target, and needs one") {
  CHECK_FALSE(find({.targetId = 1}));
  CHECK(route.target->settings().id == 1);
  CHECK(route.ruleId() == 0);
  CHECK_FALSE(choose());
  CHECK(route.target->settings().id == 1);
  CHECK(anyReady());
  for (const uint32_t missing : {0u, 9u}) {
    const auto refusal = find({.targetId = missing});
    REQUIRE(refusal);
    CHECK(refusal->reason == Reason::NoRoute);
    CHECK(refusal->detail == "web.mesh");
    CHECK_FALSE(refusal->answer);
  }
}

TEST_CASE_FIXTURE(Fixture, "a request that no table or no rule takes has no route") {
  SUBCASE("no table") {
    const auto refusal = find();
    REQUIRE(refusal);
    CHECK(refusal->reason == Reason::NoRoute);
  }
  SUBCASE("no rule") {
    route::TableSpec spec = tableOf(ruleTo({backendTo(1)}));
    spec.hosts[0].entries[0].match.path = route::PathExact{"/b"};
    table = compiledTable(std::move(spec));
    inside.run([&](Worker& worker) { worker.putRouteTable(table); });
    const auto refusal = find();
    REQUIRE(refusal);
    CHECK(refusal->reason == Reason::NoRoute);
    CHECK(refusal->detail == "web.mesh");
    CHECK(route.rule == nullptr);
  }
}

TEST_CASE_FIXTURE(Fixture, "the filters of the rule come first and those of the backend after it") {
  route::Backend backend = backendTo(1);
  backend.filters = {adds("x-backend"), addsToResponse("y-backend")};
  route::RuleSpec rule = ruleTo({backend});
  rule.filters = {adds("x-rule"), addsToResponse("y-rule")};
  rule.timeouts.requestMs = 70;
  put(rule);
  CHECK_FALSE(find());
  CHECK(route.ruleId() == 7);
  CHECK(policy.timeouts.requestMs == 70);
  CHECK(route::written(head->fields) == "x-old: 1|x-rule: 1");
  CHECK_FALSE(choose());
  CHECK_FALSE(filter());
  CHECK(route::written(head->fields) == "x-old: 1|x-rule: 1|x-backend: 1");
  // And back the other way round.
  const auto response = std::make_unique<ResponseHead>();
  CHECK_FALSE(filterResponse(route, response->fields));
  CHECK(route::written(response->fields) == "y-backend: 1|y-rule: 1");
}

TEST_CASE_FIXTURE(Fixture, "filters answer in place of a backend") {
  struct Row {
    route::Filter filter;
    Reason reason;
    std::string detail;
    uint16_t status;
    uint8_t grpcStatus;
  };
  const Row rows[] = {
      {fails(route::HttpFailure{418, "tea"}), Reason::InjectedFailure, "tea", 418, 0},
      {fails(route::GrpcFailure{8, "full"}), Reason::InjectedFailure, "full", 0, 8},
      {route::Redirect{.status = 302, .host = "else.where"}, Reason::None, "", 302, 0},
      {route::InvalidFilter{"nonsense"}, Reason::InvalidPolicy, "nonsense", 0, 0},
  };
  for (const bool ofRule : {true, false}) {
    for (const Row& row : rows) {
      CAPTURE(row.detail);
      CAPTURE(ofRule);
      route::Backend backend = backendTo(1);
      if (!ofRule) backend.filters = {row.filter};
      route::RuleSpec rule = ruleTo({backend});
      if (ofRule) rule.filters = {row.filter};
      put(rule);
      std::optional<Refusal> refusal = find();
      if (!ofRule) {
        CHECK_FALSE(refusal);
        CHECK_FALSE(choose());
        refusal = filter();
      }
      REQUIRE(refusal);
      CHECK(refusal->reason == row.reason);
      CHECK(refusal->detail == row.detail);
      // What is invalid has no answer of its own.
      REQUIRE(refusal->answer.has_value() == (row.reason != Reason::InvalidPolicy));
      if (!refusal->answer) continue;
      if (row.status != 0) CHECK(refusal->answer->status == row.status);
      if (row.grpcStatus != 0) CHECK(refusal->answer->grpcStatus == row.grpcStatus);
      if (row.status == 302) CHECK(refusal->answer->location == "http://else.where/a");
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a response with no room for what is added breaks the policy") {
  route::RuleSpec rule = ruleTo({backendTo(1)});
  rule.filters = {addsToResponse("y")};
  put(rule);
  CHECK_FALSE(find());
  const auto response = std::make_unique<ResponseHead>();
  while (response->fields.count < std::size(response->fields.items)) {
    route::addFields(response->fields, {{"a", "1"}});
  }
  const auto refusal = filterResponse(route, response->fields);
  REQUIRE(refusal);
  CHECK(refusal->reason == Reason::InvalidPolicy);
}

TEST_CASE_FIXTURE(Fixture, "backends that are not ready are passed over") {
  put(ruleTo({backendTo(2, 1), backendTo(9, 2), backendTo(1, 3)}));
  CHECK_FALSE(find());
  CHECK(anyReady());
  CHECK_FALSE(choose());
  CHECK(route.backend->id == 3);
  CHECK(route.target->settings().id == 1);
}

TEST_CASE_FIXTURE(Fixture, "without a backend that is ready nothing is chosen") {
  put(ruleTo({backendTo(2, 1), backendTo(9, 2)}));
  CHECK_FALSE(find());
  CHECK_FALSE(anyReady());
  const auto refusal = choose();
  REQUIRE(refusal);
  CHECK(refusal->reason == Reason::NoReadyBackend);
  CHECK(route.target == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a backend that leads nowhere takes its share and fails it") {
  put(ruleTo({backendTo(0)}));
  CHECK_FALSE(find());
  CHECK(anyReady());
  const auto refusal = choose();
  REQUIRE(refusal);
  CHECK(refusal->reason == Reason::NoDispatcher);
}

TEST_CASE_FIXTURE(Fixture, "failures name the rule and the backend") {
  FailureFacts before;
  describeRoute(route, before);
  CHECK(before.route.empty());
  put(ruleTo({backendTo(1)}));
  CHECK_FALSE(find());
  CHECK_FALSE(choose());
  FailureFacts facts;
  describeRoute(route, facts);
  CHECK(facts.route == "rule-7");
  CHECK(facts.backend == "backend-3");
}

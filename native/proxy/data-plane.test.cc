// Commands about route tables, as the owner gives them: what is refused, and why.
#include "proxy/data-plane.h"

#include <doctest/doctest.h>

#include "contract/commands.h"

namespace mesh {
namespace {

constexpr const char* SETTINGS = R"(settings {
  workers: 2
  tcp { half_close_timeout_ms: 1000 discovery_timeout_ms: 1000 accept_batch: 1 }
  http { max_head_bytes: 65536 max_fields: 256
         request_head_timeout_ms: 1000 client_idle_timeout_ms: 1000 }
  buffers { direction_budget_bytes: 65536 total_budget_bytes: 1073741824 }
  metrics { latency_bounds_ms: 1 duration_bounds_ms: 1 max_series_per_worker: 100 }
})";

struct Fixture {
  std::unique_ptr<DataPlane> plane;

  Fixture() {
    std::string error;
    plane = DataPlane::create(
        snapshot("").settings.bytes, [] {}, error);
    REQUIRE(plane != nullptr);
  }
  static contract::TextSnapshot snapshot(const std::string& commands) {
    auto read = contract::readTextSnapshot(SETTINGS + commands);
    if (!read) FAIL(read.error().message);
    return std::move(read).value();
  }
  // Bytes of the answer; those of a refusal have the path of the field in them.
  std::string command(const std::string& text) {
    return plane->command(snapshot("commands { " + text + " }").commands.at(0).bytes);
  }
  void succeeds(const std::string& text) {
    CAPTURE(text);
    CHECK(command(text) == contract::encodeSuccess());
  }
  void refuses(const std::string& text, const std::string& field) {
    CAPTURE(text);
    const std::string answer = command(text);
    CAPTURE(answer);
    CHECK(answer != contract::encodeSuccess());
    // Its length stands before it: no other path that begins or ends with it is taken for it.
    CHECK(answer.find(static_cast<char>(field.size()) + field) != std::string::npos);
  }
};

const std::string TARGET = "put_target { id: 5 kind: FORWARD connect_timeout_ms: 1000 }";

TEST_CASE_FIXTURE(Fixture, "a route table is put, replaced and removed") {
  succeeds(TARGET);
  const std::string table =
      "put_route_table { id: 1 rules { id: 1 distribution { kind: FIRST_AVAILABLE "
      "backends { id: 1 target_id: 5 } backends { id: 2 } } } hosts { entries { } } }";
  succeeds(table);
  succeeds(table);
  succeeds("remove_route_table { id: 1 }");
  refuses("remove_route_table { id: 1 }", "remove_route_table.id");
}

TEST_CASE_FIXTURE(Fixture,
                  "what cannot be compiled is refused by its path, and does not exist then") {
  refuses(
      "put_route_table { id: 1 rules { id: 1 } hosts { entries { match { path_regex: '(' } } } }",
      "put_route_table.hosts[0].entries[0].match.path_regex");
  refuses(
      "put_route_table { id: 1 rules { id: 1 filters { request_headers { remove: 'host' } } } }",
      "put_route_table.rules[0].filters[0].request_headers.remove[0]");
  refuses("remove_route_table { id: 1 }", "remove_route_table.id");
}

TEST_CASE_FIXTURE(Fixture, "targets of backends must exist") {
  refuses(
      "put_route_table { id: 1 rules { id: 1 } rules { id: 2 distribution { "
      "backends { id: 1 } backends { id: 2 target_id: 5 } } } }",
      "put_route_table.rules[1].distribution.backends[1].target_id");
  refuses(
      "put_route_table { id: 1 tcp { id: 1 distribution { backends { id: 1 target_id: 5 } } } }",
      "put_route_table.tcp.distribution.backends[0].target_id");
  refuses(
      "put_route_table { id: 1 tls { host: 'a' route { id: 1 } } tls { host: 'b' "
      "route { id: 2 distribution { backends { id: 1 target_id: 5 } } } } }",
      "put_route_table.tls[1].route.distribution.backends[0].target_id");
}

TEST_CASE_FIXTURE(Fixture, "route tables of destinations and of their authorities must exist") {
  const std::string destination = "put_destination { id: 1 direction: OUTBOUND protocol: OPAQUE ";
  const std::string byAuthority = destination +
                                  "target_id: 5 "
                                  "authorities { authority: 'a' target_id: 5 } "
                                  "authorities { authority: 'b' route_table_id: 2 } }";
  succeeds(TARGET);
  refuses(destination + "route_table_id: 2 }", "put_destination.route_table_id");
  refuses(byAuthority, "put_destination.authorities[1].route_table_id");
  succeeds("put_route_table { id: 2 }");
  succeeds(destination + "route_table_id: 2 }");
  succeeds(byAuthority);
}

TEST_CASE_FIXTURE(Fixture, "a listener can be opened paused, and resumed as long as it is there") {
  succeeds(TARGET);
  succeeds("put_destination { id: 1 direction: OUTBOUND protocol: OPAQUE target_id: 5 }");
  CHECK(command("listen { id: 7 direction: OUTBOUND source: SOURCE_FIXED destination_id: 1 "
                "paused: true address { ip: '\\177\\000\\000\\001' port: 0 } }") !=
        contract::encodeSuccess());  // it answers the address
  succeeds("resume_listener { id: 7 }");
  succeeds("resume_listener { id: 7 }");
  succeeds("close_listener { id: 7 }");
  refuses("resume_listener { id: 7 }", "resume_listener.id");
}

}  // namespace
}  // namespace mesh

// Requests against a fixed route table: whatever a path, a query, a host or fields say, looking
// them up ends, an exact route is found by its own path alone, and filters leave a message whole.
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/check.h"
#include "route/filters.h"
#include "route/overrides.h"
#include "route/table.h"

using namespace mesh;
using namespace mesh::route;

namespace {

EntrySpec entry(uint32_t rule, PathMatch path) {
  EntrySpec out{.match = {}, .rule = rule};
  out.match.path = std::move(path);
  return out;
}

std::shared_ptr<const RouteTable> makeTable() {
  TableSpec spec;
  spec.id = 1;
  EntrySpec named = entry(3, PathPrefix{"/n"});
  named.match.headers = {{"x-a", {.text = "1"}}, {"x-b", {.text = "(a|b)*c", .regex = true}}};
  EntrySpec query = entry(4, std::monostate{});
  query.match.queries = {{"a b", {.text = "%"}}, {"r", {.text = ".*[0-9]{3}", .regex = true}}};
  spec.hosts = {
      {"a.example", false, {entry(0, PathExact{"/exact"}), entry(1, PathPrefix{"/p/q"})}},
      {"a.example.", false, {entry(0, PathExact{"/exact"})}},
      {"example", true, {entry(2, PathRegex{"/(a+)+/[^/]*"}), named}},
      {"", false, {query, entry(5, GrpcMatch{"s", "m"}), entry(6, PathPrefix{"/"})}},
  };
  for (uint32_t id = 0; id < 7; ++id) {
    RuleSpec rule{.id = id + 1, .name = "", .filters = {}, .allowRequestOverrides = true};
    rule.filters.push_back(
        RequestHeaders{{.add = {{"x-a", "1"}}, .set = {{"x-b", "2"}}, .remove = {"x-c"}}});
    rule.filters.push_back(Redirect{.status = 302, .scheme = "https", .replacePrefix = "/new"});
    spec.rules.push_back(std::move(rule));
  }
  BudgetRegistry budgets;
  auto table = RouteTable::compile(std::move(spec), budgets);
  MESH_CHECK(table.ok());
  return std::move(table).value();
}

// Takes the next line off the front of `data`.
std::string_view takeLine(std::string_view& data) {
  const size_t end = data.find('\n');
  const std::string_view line = data.substr(0, end);
  data = end == std::string_view::npos ? std::string_view() : data.substr(end + 1);
  return line;
}

}  // namespace

// Lines: method, authority, path, then one "name:value" each.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const std::shared_ptr<const RouteTable> table = makeTable();
  static RequestHead head;
  std::string_view data(reinterpret_cast<const char*>(bytes), size);
  head.methodText = takeLine(data);
  head.method = head.methodText == "POST" ? Method::Post : Method::Other;
  head.form = head.methodText == "CONNECT"   ? TargetForm::Authority
              : head.methodText == "PROXY"   ? TargetForm::Absolute
              : head.methodText == "OPTIONS" ? TargetForm::Asterisk
                                             : TargetForm::Origin;
  head.authority = takeLine(data);
  head.path = takeLine(data);
  head.target = head.path;
  head.fields.count = 0;
  while (!data.empty() && head.fields.count < MAX_FIELDS) {
    const std::string_view line = takeLine(data);
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    head.fields.items[head.fields.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
  }

  const RouteMatch match = table->find(head);
  if (!match) return 0;
  if (match.rule->id == 1) MESH_CHECK(splitTarget(head).path == "/exact");
  if (match.prefix != nullptr) MESH_CHECK(splitTarget(head).path.starts_with(*match.prefix));
  MESH_CHECK(table->find(head).rule == match.rule);

  policyOf(*match.rule, head.fields);
  Random random(1);
  const FilterContext context{
      .authority = head.authority, .prefix = match.prefix, .random = random};
  const FilterOutcome outcome = filterRequest(match.rule->filters, context, head);
  MESH_CHECK(head.fields.count <= MAX_FIELDS);
  for (const Field& field : head.fields) {
    MESH_CHECK(!equalsIgnoreCase(field.name, "x-c") || std::holds_alternative<Invalid>(outcome));
    MESH_CHECK(!equalsIgnoreCase(field.name, "l5d-timeout"));
  }
  return 0;
}

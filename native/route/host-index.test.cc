// Which names match, and in which order they are told.
#include "route/host-index.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace mesh::route {
namespace {

struct Name {
  const char* host;
  bool suffix;
};

// The matching names in the order they are told, suffixes with "*." before them.
std::string told(const std::vector<Name>& names, std::string_view host) {
  HostIndex index;
  for (size_t i = 0; i < names.size(); ++i) {
    index.add(names[i].host, names[i].suffix, static_cast<uint32_t>(i));
  }
  std::string out;
  index.find(host, [&](uint32_t number) {
    if (!out.empty()) out += ' ';
    if (names[number].suffix) out += "*.";
    out += names[number].host;
    return false;
  });
  return out;
}

TEST_CASE("the name itself comes first, then suffixes from the longest on") {
  const std::vector<Name> names = {{"com", true},           {"example.com", true},
                                   {"a.example.com", true}, {"a.example.com", false},
                                   {"example.com", false},  {"b.a.example.com", false}};
  struct Row {
    const char* host;
    const char* told;
  };
  const Row rows[] = {
      {"a.example.com", "a.example.com *.example.com *.com"},
      {"A.Example.COM", "a.example.com *.example.com *.com"},
      {"example.com", "example.com *.com"},
      {"com", ""},
      {"c.a.example.com", "*.a.example.com *.example.com *.com"},
      {"xexample.com", "*.com"},
      {".example.com", "*.example.com *.com"},
      {"a.example.org", ""},
      {"", ""},
      {".", ""},
      {"...", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    CHECK(told(names, row.host) == row.told);
  }
}

TEST_CASE("a dot at the end counts where the name has one") {
  const std::vector<Name> names = {
      {"a.com", false}, {"a.com.", false}, {"com", true}, {"com.", true}, {"b.com.", false}};
  CHECK(told(names, "a.com.") == "a.com. a.com *.com. *.com");
  CHECK(told(names, "a.com") == "a.com *.com");
  CHECK(told(names, "b.com") == "*.com");
  CHECK(told(names, "b.com.") == "b.com. *.com. *.com");
}

TEST_CASE("finding ends with the first that is taken") {
  HostIndex index;
  index.add("a.b", false, 7);
  index.add("b", true, 8);
  std::vector<uint32_t> seen;
  CHECK(index.find("a.b", [&](uint32_t number) {
    seen.push_back(number);
    return true;
  }));
  CHECK(seen == std::vector<uint32_t>{7});
}

TEST_CASE("names longer than any host are not found, and do no harm") {
  HostIndex index;
  index.add("com", true, 0);
  const auto none = [](uint32_t) { return true; };
  CHECK(index.find(std::string(251, 'a') + ".com", none));
  CHECK_FALSE(index.find(std::string(252, 'a') + ".com", none));
  CHECK_FALSE(index.find(std::string(10'000, '.'), none));
  CHECK_FALSE(index.find(std::string(255, '.'), none));
}

TEST_CASE("thousands of names are all found") {
  HostIndex index;
  constexpr uint32_t COUNT = 5'000;
  for (uint32_t i = 0; i < COUNT; ++i) index.add("h" + std::to_string(i) + ".ns.svc", false, i);
  for (uint32_t i = 0; i < COUNT; ++i) {
    uint32_t found = COUNT;
    index.find("h" + std::to_string(i) + ".ns.svc", [&](uint32_t number) {
      found = number;
      return true;
    });
    REQUIRE(found == i);
  }
}

}  // namespace
}  // namespace mesh::route

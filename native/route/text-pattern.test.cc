// Regular expressions: whole texts, refusals, bounds.
#include "route/text-pattern.h"

#include <doctest/doctest.h>

namespace mesh::route {
namespace {

TEST_CASE("a pattern matches whole texts alone") {
  struct Row {
    const char* pattern;
    std::string_view text;
    bool matches;
  };
  const Row rows[] = {
      {"/a", "/a", true},        {"/a", "/ab", false},     {"/a", "x/a", false},
      {"/a/.*", "/a/b/c", true}, {"a|ab", "ab", true},     {"", "", true},
      {"", "a", false},          {".", "\n", false},       {"[0-9]+", "123", true},
      {"[0-9]+", "123 ", false}, {"(?i)web", "WEB", true}, {"(a*)*b", "aaaaaaac", false},
      {"^a$", "a", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    auto pattern = TextPattern::compile(row.pattern);
    REQUIRE(pattern.ok());
    CHECK(pattern.value().matches(row.text) == row.matches);
  }
}

TEST_CASE("what is no pattern, and what would take too much memory, is refused with its reason") {
  for (const char* text : {"(", "[a", "a**b(", "(?=a)", "((a{100}){100}){100}"}) {
    CAPTURE(text);
    auto pattern = TextPattern::compile(text);
    REQUIRE(!pattern.ok());
    CHECK(!pattern.error().empty());
  }
}

TEST_CASE("text that is not UTF-8 is compared without harm") {
  auto pattern = TextPattern::compile("a.*");
  REQUIRE(pattern.ok());
  CHECK(pattern.value().matches("ab"));
  CHECK_FALSE(pattern.value().matches("a\xff\xfe"));
}

}  // namespace
}  // namespace mesh::route

// Reading queries as forms write them.
#include "route/form-query.h"

#include <doctest/doctest.h>

namespace mesh::route {
namespace {

std::string pairsOf(std::string_view query) {
  std::string out;
  FormPairs pairs(query);
  for (std::string_view name, value; pairs.next(name, value);) {
    out += '<' + decodeForm(name) + '>' + '<' + decodeForm(value) + '>';
  }
  return out;
}

TEST_CASE("a query is its pairs, decoded") {
  struct Row {
    const char* query;
    const char* pairs;
  };
  const Row rows[] = {
      {"", ""},
      {"&&", ""},
      {"a=1", "<a><1>"},
      {"a=1&b=2&a=3", "<a><1><b><2><a><3>"},
      {"a", "<a><>"},
      {"=x", "<><x>"},
      {"a=b=c", "<a><b=c>"},
      {"a+b=c%20d", "<a b><c d>"},
      {"%61=%E2%82%AC", "<a><\xE2\x82\xAC>"},
      {"a=%2B%26%3d", "<a><+&=>"},
      {"a=%", "<a><%>"},
      {"a=%4", "<a><%4>"},
      {"a=%zz%41", "<a><%zzA>"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    CHECK(pairsOf(row.query) == row.pairs);
  }
}

TEST_CASE("comparing without decoding says the same as decoding") {
  for (const std::string_view encoded : {"", "a", "a%62", "a+b", "%", "%4", "a%00b", "%zz"}) {
    CAPTURE(encoded);
    const std::string text = decodeForm(encoded);
    CHECK(decodesTo(encoded, text));
    CHECK_FALSE(decodesTo(encoded, text + "x"));
    if (!text.empty()) CHECK_FALSE(decodesTo(encoded, text.substr(1)));
  }
}

}  // namespace
}  // namespace mesh::route

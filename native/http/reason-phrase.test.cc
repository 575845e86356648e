// Statuses and their phrases.
#include "http/reason-phrase.h"

#include <doctest/doctest.h>

using namespace mesh;

TEST_CASE("registered statuses have their phrase, others none") {
  CHECK(reasonPhrase(100) == "Continue");
  CHECK(reasonPhrase(200) == "OK");
  CHECK(reasonPhrase(404) == "Not Found");
  CHECK(reasonPhrase(511) == "Network Authentication Required");
  CHECK(reasonPhrase(299).empty());
  CHECK(reasonPhrase(999).empty());
}

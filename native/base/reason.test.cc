// Tests of the names of reasons: they are labels of metrics and must not change or collide.
#include "base/reason.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace mesh {
namespace {

// Every number that the contract gives to a reason.
constexpr int NUMBERS[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  20, 21, 22, 23, 24, 25,
                           26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 40, 41, 42, 43, 44,
                           45, 46, 47, 48, 49, 50, 51, 52, 60, 61, 62, 63, 64, 65};

TEST_CASE("every reason has a name of its own in lower case") {
  std::set<std::string> names;
  for (int number : NUMBERS) {
    std::string name(reasonName(static_cast<Reason>(number)));
    CAPTURE(name);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    CHECK_FALSE(name.empty());
    names.insert(name);
  }
  CHECK(names.size() == std::size(NUMBERS));
}

TEST_CASE("names that users meet stay as they are") {
  CHECK(reasonName(Reason::ConnectRefused) == "connect_refused");
  CHECK(reasonName(Reason::FailFast) == "fail_fast");
  CHECK(reasonName(Reason::RequestHeadTooLarge) == "request_head_too_large");
  CHECK(reasonName(Reason::OutOfDescriptors) == "out_of_descriptors");
  CHECK(reasonName(Reason::Internal) == "internal");
}

}  // namespace
}  // namespace mesh

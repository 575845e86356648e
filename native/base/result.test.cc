// Tests of Result.
#include "base/result.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace mesh {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return SysError{EINVAL};
  return number / 2;
}

TEST_CASE("a result holds its value") {
  Result<int> result = half(8);
  CHECK(result.ok());
  CHECK(static_cast<bool>(result));
  CHECK(result.value() == 4);
}

TEST_CASE("a result holds the reason why there is no value") {
  Result<int> result = half(7);
  CHECK_FALSE(result.ok());
  CHECK(result.error().code == EINVAL);
}

TEST_CASE("a value that can only be moved can be taken out") {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  std::unique_ptr<int> taken = std::move(result).value();
  CHECK(*taken == 5);
}

TEST_CASE("a status says only whether and why not") {
  struct Refusal {
    std::string detail;
  };
  Status<Refusal> fine = Unit{};
  Status<Refusal> refused = Refusal{"no room"};
  CHECK(fine.ok());
  CHECK_FALSE(refused.ok());
  CHECK(refused.error().detail == "no room");
}

}  // namespace
}  // namespace mesh

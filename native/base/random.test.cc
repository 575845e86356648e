// Tests of Random: reproducible, in range, and even enough for balancing.
#include "base/random.h"

#include <doctest/doctest.h>

#include <array>

namespace mesh {
namespace {

TEST_CASE("the same seed gives the same numbers, another seed others") {
  Random first(7), again(7), other(8);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    uint64_t number = first.next();
    CHECK(number == again.next());
    if (number == other.next()) ++same;
  }
  CHECK(same == 0);
}

TEST_CASE("numbers below a bound are below it, and all of them occur about equally often") {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70'000; ++i) {
    uint32_t number = random.below(7);
    REQUIRE(number < 7);
    ++seen[number];
  }
  // Ten standard deviations are about 930.
  for (int count : seen) CHECK(count == doctest::Approx(10'000).epsilon(0.1));
}

TEST_CASE("below one there is only zero") {
  Random random(3);
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
}

TEST_CASE("the unit interval is half open and evenly filled") {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    double number = random.unit();
    REQUIRE(number >= 0.0);
    REQUIRE(number < 1.0);
    sum += number;
  }
  CHECK(sum / 100'000 == doctest::Approx(0.5).epsilon(0.02));
}

}  // namespace
}  // namespace mesh

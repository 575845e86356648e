// The load estimate: peaks, decay, floor, and many threads at once.
#include "balance/peak-ewma.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

namespace mesh {
namespace {

constexpr uint64_t MS = 1'000'000;
constexpr uint64_t SECOND = 1'000 * MS;
constexpr uint64_t START = 5 * SECOND;

TEST_CASE("before the first sample the estimate is the default, fading to one millisecond") {
  PeakEwma load;
  load.configure(30 * MS, 10 * SECOND, START);
  CHECK(load.estimateNs(START) == doctest::Approx(30.0 * MS));
  CHECK(load.estimateNs(START + 10 * SECOND) == doctest::Approx(30.0 * MS / std::exp(1.0)));
  CHECK(load.estimateNs(START + 1'000 * SECOND) == doctest::Approx(1.0 * MS));
}

TEST_CASE("a slower sample replaces the estimate at once") {
  PeakEwma load;
  load.configure(30 * MS, 10 * SECOND, START);
  load.started();
  load.finished(200 * MS, START + MS);
  CHECK(load.estimateNs(START + MS) == doctest::Approx(200.0 * MS));
}

TEST_CASE("a faster sample decays in with the time since the last") {
  PeakEwma load;
  load.configure(100 * MS, 10 * SECOND, START);
  load.started();
  load.finished(20 * MS, START + 5 * SECOND);
  const double left = std::exp(-0.5);
  CHECK(load.estimateNs(START + 5 * SECOND) ==
        doctest::Approx(100.0 * MS * left + 20.0 * MS * (1 - left)));
}

TEST_CASE("looking at the estimate does not change it") {
  PeakEwma looked;
  PeakEwma left;
  for (PeakEwma* load : {&looked, &left}) load->configure(100 * MS, 10 * SECOND, START);
  for (int i = 1; i < 100; ++i) looked.estimateNs(START + static_cast<uint64_t>(i) * 50 * MS);
  for (PeakEwma* load : {&looked, &left}) {
    load->started();
    load->finished(20 * MS, START + 5 * SECOND);
  }
  CHECK(looked.estimateNs(START + 6 * SECOND) == left.estimateNs(START + 6 * SECOND));
}

TEST_CASE("the load is the estimate times the requests under way and one more") {
  PeakEwma load;
  load.configure(30 * MS, 10 * SECOND, START);
  load.started();
  load.started();
  CHECK(load.inFlight() == 2);
  CHECK(load.load(START) == doctest::Approx(90.0 * MS));
  load.abandoned();
  CHECK(load.load(START) == doctest::Approx(60.0 * MS));
}

TEST_CASE("a clock that is behind another worker's counts as no time") {
  PeakEwma load;
  load.configure(100 * MS, 10 * SECOND, START);
  load.started();
  load.finished(20 * MS, START - SECOND);
  CHECK(load.estimateNs(START - SECOND) == doctest::Approx(100.0 * MS));
  CHECK(load.estimateNs(START) == doctest::Approx(100.0 * MS));
}

TEST_CASE("configuring again keeps what was measured and takes the new decay") {
  PeakEwma load;
  load.configure(30 * MS, 10 * SECOND, START);
  load.started();
  load.finished(80 * MS, START);
  load.configure(5 * MS, SECOND, START + MS);
  CHECK(load.estimateNs(START) == doctest::Approx(80.0 * MS));
  CHECK(load.estimateNs(START + SECOND) == doctest::Approx(80.0 * MS / std::exp(1.0)));
}

TEST_CASE("many threads count requests exactly and keep the estimate among the samples") {
  PeakEwma load;
  load.configure(30 * MS, 10 * SECOND, START);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&load, thread] {
      for (uint64_t i = 0; i < 5'000; ++i) {
        load.started();
        if (i % 5 == 0) {
          load.abandoned();
        } else {
          load.finished((30 + (i + thread) % 10) * MS, START + i * 1'000);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(load.inFlight() == 0);
  const double estimate = load.estimateNs(START + 5 * MS);
  CHECK(estimate > 29.9 * MS);
  CHECK(estimate <= 39.0 * MS);
}

}  // namespace
}  // namespace mesh

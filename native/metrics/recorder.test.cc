// Interning, counting, histograms across chunk borders, the budget, and reading while writing.
#include "metrics/recorder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mesh {
namespace {

struct Fixture {
  std::vector<SeriesDefinition> announced;
  Recorder recorder = make(1'000);

  Recorder make(uint32_t maxSeries) {
    return Recorder({.latencyBoundsMs = {1, 10, 100},
                     .durationBoundsMs = {1'000},
                     .detectDurationBoundsUs = {5},
                     .maxSeries = maxSeries},
                    [this](const SeriesDefinition& series) { announced.push_back(series); });
  }
  std::vector<uint64_t> values(const Recorder& from) const {
    std::vector<uint64_t> out;
    from.snapshot(out);
    return out;
  }
  std::vector<uint64_t> values(SeriesId series, uint32_t width) const {
    const std::vector<uint64_t> all = values(recorder);
    return {all.begin() + series, all.begin() + series + width};
  }
  static LabelSet status(uint16_t code) {
    LabelSet labels;
    labels.statusCode = code;
    return labels;
  }
};

TEST_CASE_FIXTURE(Fixture, "the same labels are the same series, announced once") {
  const SeriesId first = recorder.intern(Family::ResponseTotal, status(200));
  const SeriesId second = recorder.intern(Family::ResponseTotal, status(200));
  CHECK(first != 0);
  CHECK(first == second);
  REQUIRE(announced.size() == 1);
  CHECK(announced[0].offset == first);
  CHECK(announced[0].width == 1);
  CHECK(announced[0].family == Family::ResponseTotal);
  CHECK(announced[0].labels == status(200));
}

TEST_CASE_FIXTURE(Fixture,
                  "label sets that differ in any one label, and families, are different series") {
  std::vector<LabelSet> all(12);
  all[1].direction = Direction::Inbound;
  all[2].peer = Peer::Dst;
  all[3].targetAddress = SocketAddress::v4(0x0A000001, 80);
  all[4].targetId = 1;
  all[5].endpoint = SocketAddress::v4(0x0A000001, 80);
  all[6].statusCode = 200;
  all[7].classification = Classification::Success;
  all[8].reason = Reason::FailFast;
  all[9].errnoValue = 1;
  all[10].detected = "http/1";
  all[11].overflow = true;
  std::set<SeriesId> ids;
  for (const LabelSet& labels : all) {
    ids.insert(recorder.intern(Family::TcpOpenTotal, labels));
    ids.insert(recorder.intern(Family::TcpCloseTotal, labels));
  }
  CHECK(ids.size() == 24);
}

TEST_CASE_FIXTURE(Fixture, "a detected protocol is the same label wherever its text lies") {
  const std::string text = "http/1";
  const std::string copy = "http/1";
  LabelSet one, other;
  one.detected = text.c_str();
  other.detected = copy.c_str();
  CHECK(recorder.intern(Family::DetectResultsTotal, one) ==
        recorder.intern(Family::DetectResultsTotal, other));
}

TEST_CASE_FIXTURE(Fixture,
                  "counters count and gauges go up and down, below zero as two's complement") {
  const SeriesId counter = recorder.intern(Family::RequestTotal, {});
  const SeriesId gauge = recorder.intern(Family::TcpOpenConnections, {});
  const SeriesId bytes = recorder.intern(Family::BufferBytes, {});
  recorder.add(counter);
  recorder.add(counter, 41);
  recorder.add(gauge);
  recorder.subtract(gauge, 3);
  recorder.set(bytes, 4'096);
  CHECK(values(counter, 1)[0] == 42);
  CHECK(static_cast<int64_t>(values(gauge, 1)[0]) == -2);
  CHECK(values(bytes, 1)[0] == 4'096);
}

TEST_CASE_FIXTURE(Fixture,
                  "a histogram counts each value in the first bound not below it, and the sum") {
  const SeriesId latency = recorder.intern(Family::ResponseLatencyMs, {});
  const SeriesId duration = recorder.intern(Family::TcpConnectionDurationMs, {});
  for (const uint64_t ms : {0, 1, 2, 10, 11, 100, 101, 5'000}) recorder.observe(latency, ms);
  recorder.observeDuration(duration, 1'000);
  recorder.observeDuration(duration, 1'001);
  CHECK(announced[0].width == 5);
  CHECK(announced[1].width == 3);
  CHECK(values(latency, 5) == std::vector<uint64_t>{2, 2, 2, 2, 5'225});
  CHECK(values(duration, 3) == std::vector<uint64_t>{1, 1, 2'001});
  const SeriesId detect = recorder.intern(Family::DetectDurationUs, {});
  recorder.observe(detect, Family::DetectDurationUs, 5);
  recorder.observe(detect, Family::DetectDurationUs, 6);
  CHECK(values(detect, 3) == std::vector<uint64_t>{1, 1, 11});
}

TEST_CASE_FIXTURE(Fixture, "series that lie across chunks of memory count like all others") {
  Recorder large = make(10'000);
  for (uint32_t id = 1; id <= 3'000; ++id) {
    LabelSet labels;
    labels.targetId = id;
    const SeriesId series = large.intern(Family::ResponseLatencyMs, labels);
    large.observe(series, id % 200);
    large.observe(series, 1'000);
  }
  const std::vector<uint64_t> all = values(large);
  REQUIRE(announced.size() == 3'000);
  CHECK(all.size() == 1 + 3'000 * 5);
  for (const SeriesDefinition& series : announced) {
    const auto first = all.begin() + series.offset;
    REQUIRE(std::accumulate(first, first + 4, uint64_t{0}) == 2);
    REQUIRE(*(first + 3) >= 1);
    REQUIRE(*(first + 4) == series.labels.targetId % 200 + 1'000);
  }
}

TEST_CASE_FIXTURE(Fixture, "over the budget new labels share their family's overflow series") {
  Recorder small = make(2);
  const SeriesId a = small.intern(Family::ResponseTotal, status(200));
  const SeriesId b = small.intern(Family::ResponseTotal, status(201));
  const SeriesId c = small.intern(Family::ResponseTotal, status(202));
  const SeriesId d = small.intern(Family::ResponseTotal, status(203));
  const SeriesId latency = small.intern(Family::ResponseLatencyMs, status(200));
  CHECK(std::set<SeriesId>{a, b, c}.size() == 3);
  CHECK(c == d);
  CHECK(latency != c);
  CHECK(small.intern(Family::ResponseTotal, status(200)) == a);
  REQUIRE(announced.size() == 4);
  LabelSet onlyOverflow;
  onlyOverflow.overflow = true;
  CHECK(announced[2].labels == onlyOverflow);
  CHECK(announced[3].family == Family::ResponseLatencyMs);
  CHECK(announced[3].width == 5);
  small.add(c);
  small.add(d);
  CHECK(values(small)[c] == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "a budget of any size ends in overflow series, not in a lack of memory") {
  const std::vector<uint32_t> bounds = [] {
    std::vector<uint32_t> out(4'094);
    std::iota(out.begin(), out.end(), 1);
    return out;
  }();
  size_t series = 0;
  Recorder wide({.latencyBoundsMs = bounds, .durationBoundsMs = bounds, .maxSeries = UINT32_MAX},
                [&](const SeriesDefinition&) { ++series; });
  SeriesId last = 0;
  SeriesId beforeLast = 0;
  for (uint32_t id = 0; id < 5'000; ++id) {
    LabelSet labels;
    labels.targetId = id;
    beforeLast = std::exchange(last, wide.intern(Family::ResponseLatencyMs, labels));
  }
  CHECK(last == beforeLast);
  wide.observe(last, 1'000'000);
  CHECK(wide.intern(Family::TcpConnectionDurationMs, {}) > last);
  CHECK(series < 4'096);
}

TEST_CASE("each histogram family has bounds of its own, or none but +Inf") {
  std::vector<SeriesDefinition> announced;
  Recorder recorder({.latencyBoundsMs = {1},
                     .durationBoundsMs = {1, 2},
                     .routeDurationBoundsMs = {1, 2, 3},
                     .backendDurationBoundsMs = {1, 2, 3, 4},
                     .frameBoundsBytes = {},
                     .detectDurationBoundsUs = {1, 2, 3, 4, 5, 6}},
                    [&](const SeriesDefinition& series) { announced.push_back(series); });
  struct Row {
    Family family;
    uint32_t bounds;
  };
  const Row rows[] = {
      {Family::ResponseLatencyMs, 1},      {Family::TcpConnectionDurationMs, 2},
      {Family::RouteRequestDurationMs, 3}, {Family::BackendResponseDurationMs, 4},
      {Family::RouteRequestFrameBytes, 0}, {Family::BackendResponseFrameBytes, 0},
      {Family::DetectDurationUs, 6},
  };
  for (const Row& row : rows) {
    const SeriesId series = recorder.intern(row.family, LabelSet());
    CHECK(announced.back().width == row.bounds + 2);
    recorder.observe(series, row.family, 1);
    recorder.observe(series, row.family, 100);
    std::vector<uint64_t> all;
    recorder.snapshot(all);
    std::vector<uint64_t> expected(row.bounds + 2);
    ++expected[0];
    ++expected[row.bounds];
    expected[row.bounds + 1] = 101;
    CHECK(std::vector<uint64_t>(all.begin() + series, all.end()) == expected);
  }
}

TEST_CASE("a reader on another thread sees counters that only grow, and in the end all of them") {
  Recorder recorder(
      {.latencyBoundsMs = {1, 10, 100}, .durationBoundsMs = {1'000}, .maxSeries = 100'000},
      [](const SeriesDefinition&) {});
  std::atomic<bool> done{false};
  std::atomic<bool> reading{false};
  bool grew = true;
  std::thread reader([&] {
    std::vector<uint64_t> before, now;
    while (!done.load()) {
      now.clear();
      recorder.snapshot(now);
      grew = grew && now.size() >= before.size();
      for (size_t i = 0; i < before.size() && grew; ++i) grew = now[i] >= before[i];
      std::swap(before, now);
      reading.store(true);
    }
  });
  const SeriesId counter = recorder.intern(Family::RequestTotal, {});
  uint64_t counted = 0;
  while (!reading.load()) {
    recorder.add(counter);
    ++counted;
  }
  for (uint32_t id = 1; id <= 5'000; ++id) {
    LabelSet labels;
    labels.targetId = id;
    recorder.observe(recorder.intern(Family::ResponseLatencyMs, labels), id % 128);
    recorder.add(counter);
    ++counted;
  }
  done.store(true);
  reader.join();
  CHECK(grew);
  std::vector<uint64_t> all;
  recorder.snapshot(all);
  CHECK(all[counter] == counted);
  CHECK(all.size() == 2 + 5'000 * 5);
}

}  // namespace
}  // namespace mesh

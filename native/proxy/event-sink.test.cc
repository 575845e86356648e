// What reaches the owner, and what is dropped and counted.
#include "proxy/event-sink.h"

#include <doctest/doctest.h>

using namespace mesh;

TEST_CASE("the owner is woken once for all that waits") {
  int wakes = 0;
  EventSink sink([&] { ++wakes; }, contract::LogLevel::Info);
  sink.emit(contract::DestinationIdle{.id = 1});
  sink.emit(contract::DestinationIdle{.id = 2});
  CHECK(wakes == 1);
  uint64_t dropped = 0;
  const auto events = sink.take(dropped);
  REQUIRE(events.size() == 2);
  CHECK(std::get<contract::DestinationIdle>(events[0]).id == 1);
  sink.emit(contract::DestinationIdle{.id = 3});
  CHECK(wakes == 2);
}

TEST_CASE("log lines below the level are not kept") {
  EventSink sink([] {}, contract::LogLevel::Warn);
  sink.log(contract::LogLevel::Info, 0, "quiet", {});
  sink.log(contract::LogLevel::Error, 0, "loud", {});
  uint64_t dropped = 0;
  const auto events = sink.take(dropped);
  REQUIRE(events.size() == 1);
  CHECK(std::get<contract::LogLine>(events[0]).message == "loud");
  CHECK(dropped == 0);
}

TEST_CASE("log lines beyond the bound are counted, and facts are never lost") {
  EventSink sink([] {}, contract::LogLevel::Info);
  for (int line = 0; line < 5'000; ++line) sink.log(contract::LogLevel::Info, 0, "flood", {});
  sink.emit(contract::DestinationIdle{.id = 7});
  uint64_t dropped = 0;
  const auto events = sink.take(dropped);
  CHECK(events.size() + dropped == 5'001);
  CHECK(dropped > 0);
  CHECK(std::get<contract::DestinationIdle>(events.back()).id == 7);
  sink.log(contract::LogLevel::Info, 0, "room again", {});
  CHECK(sink.take(dropped).size() == 1);
  CHECK(dropped == 0);
}

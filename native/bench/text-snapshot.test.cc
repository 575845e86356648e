// Snapshots as text: parts and their places; errors and theirs.
#include "contract.pb.h"
#include "contract/commands.h"

#include <doctest/doctest.h>

#include <string>

namespace mesh::contract {
namespace {

namespace pb = ::sluice::contract;

TEST_CASE("a snapshot comes apart into settings and commands, in order, with their places") {
  auto snapshot = readTextSnapshot(
      "settings { workers: 3 }\n"
      "commands { remove_target { id: 1 } }\n"
      "  commands { close_listener { id: 2 } }\n");
  REQUIRE(snapshot.ok());
  pb::Settings settings;
  REQUIRE(settings.ParseFromString(snapshot.value().settings.bytes));
  CHECK(settings.workers() == 3);
  CHECK(snapshot.value().settings.place.line == 1);
  const auto& commands = snapshot.value().commands;
  REQUIRE(commands.size() == 2);
  pb::Command first, second;
  REQUIRE(first.ParseFromString(commands[0].bytes));
  REQUIRE(second.ParseFromString(commands[1].bytes));
  CHECK(first.remove_target().id() == 1);
  CHECK(second.close_listener().id() == 2);
  CHECK(commands[0].place.line == 2);
  CHECK(commands[0].place.column == 1);
  CHECK(commands[1].place.line == 3);
  CHECK(commands[1].place.column == 3);
}

TEST_CASE("an error begins with its line and column") {
  auto unknown = readTextSnapshot("settings {\n  wokers: 3\n}\n");
  REQUIRE(!unknown.ok());
  CHECK(unknown.error().message.rfind("2:", 0) == 0);
  CHECK(unknown.error().message.find("wokers") != std::string::npos);
  auto unclosed = readTextSnapshot("settings { workers: 1\n");
  REQUIRE(!unclosed.ok());
  CHECK(unclosed.error().message.rfind("2:", 0) == 0);
  CHECK(!readTextSnapshot("").ok());
}

}  // namespace
}  // namespace mesh::contract

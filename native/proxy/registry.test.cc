// What commands come down to, and when the control logic is asked.
#include "proxy/registry.h"

#include <doctest/doctest.h>

#include <thread>

using namespace mesh;

namespace {
SocketAddress at(uint16_t port) { return SocketAddress::v4(0x7f000001, port); }
contract::UpdateEndpoints update(bool reset, std::vector<uint16_t> add,
                                 std::vector<uint16_t> remove) {
  contract::UpdateEndpoints update{.targetId = 1, .reset = reset, .add = {}, .remove = {}};
  for (const uint16_t port : add) update.add.push_back({.address = at(port), .weight = 1});
  for (const uint16_t port : remove) update.remove.push_back(at(port));
  return update;
}
}  // namespace

TEST_CASE("an update is incremental and marks what it removes") {
  Registry registry;
  registry.putTarget({.id = 1, .authority = ""});
  const EndpointChange first = registry.updateEndpoints(update(false, {1, 2}, {}));
  REQUIRE(first.add.size() == 2);
  const EndpointChange second = registry.updateEndpoints(update(false, {3}, {1, 9}));
  CHECK(second.add.size() == 1);
  REQUIRE(second.remove.size() == 1);
  CHECK(second.remove[0] == at(1));
  CHECK(first.add[0].endpoint->removed);
  CHECK_FALSE(first.add[1].endpoint->removed);
}

TEST_CASE("a reset keeps endpoints that stay and removes the others") {
  Registry registry;
  registry.putTarget({.id = 1, .authority = ""});
  const EndpointChange first = registry.updateEndpoints(update(false, {1, 2}, {}));
  const EndpointChange second = registry.updateEndpoints(update(true, {2, 3}, {}));
  REQUIRE(second.add.size() == 2);
  CHECK(second.add[0].endpoint == first.add[1].endpoint);
  CHECK(first.add[0].endpoint->removed);
  REQUIRE(second.remove.size() == 1);
  CHECK(second.remove[0] == at(1));
}

TEST_CASE("an address that comes back after its removal is a new endpoint") {
  Registry registry;
  registry.putTarget({.id = 1, .authority = ""});
  const EndpointChange first = registry.updateEndpoints(update(false, {1}, {}));
  registry.updateEndpoints(update(false, {}, {1}));
  const EndpointChange again = registry.updateEndpoints(update(false, {1}, {}));
  CHECK(again.add[0].endpoint != first.add[0].endpoint);
  CHECK_FALSE(again.add[0].endpoint->removed);
}

TEST_CASE("a removal waits for a dial that had passed its check") {
  Registry registry;
  registry.putTarget({.id = 1, .authority = ""});
  const EndpointChange change = registry.updateEndpoints(update(false, {1}, {}));
  EndpointShared& endpoint = *change.add[0].endpoint;
  endpoint.dialing.fetch_add(1);
  REQUIRE_FALSE(endpoint.removed.load());
  std::atomic<bool> dialled{false};
  std::thread worker([&] {
    while (!endpoint.removed.load()) std::this_thread::yield();
    dialled = true;
    endpoint.dialing.fetch_sub(1);
  });
  registry.updateEndpoints(update(false, {}, {1}));
  CHECK(dialled);
  worker.join();
}

TEST_CASE("a destination is asked for once until it is answered") {
  Registry registry;
  const contract::DiscoverDestination asked{.direction = Direction::Outbound, .address = at(80)};
  CHECK(registry.asks(asked));
  CHECK_FALSE(registry.asks(asked));
  registry.answered({.direction = Direction::Outbound, .address = at(80)});
  CHECK(registry.asks(asked));
  registry.putDestination(
      {.id = 5, .direction = Direction::Outbound, .address = at(80), .authorities = {}});
  CHECK_FALSE(registry.asks(asked));
  registry.removeDestination(5);
  CHECK(registry.asks(asked));
}

TEST_CASE("a destination that moves to another address lets go of the old one") {
  Registry registry;
  registry.putDestination(
      {.id = 5, .direction = Direction::Outbound, .address = at(80), .authorities = {}});
  registry.putDestination(
      {.id = 5, .direction = Direction::Outbound, .address = at(81), .authorities = {}});
  CHECK(registry.holderOf(Direction::Outbound, at(80)) == 0);
  CHECK(registry.holderOf(Direction::Outbound, at(81)) == 5);
}

TEST_CASE("an authority is asked for once per version of its destination") {
  Registry registry;
  const contract::DiscoverAuthority asked{.destinationId = 5, .authority = "web"};
  CHECK_FALSE(registry.asks(asked));
  registry.putDestination({.id = 5, .direction = Direction::Outbound, .authorities = {}});
  CHECK(registry.asks(asked));
  CHECK_FALSE(registry.asks(asked));
  registry.putDestination({.id = 5, .direction = Direction::Outbound, .authorities = {}});
  CHECK(registry.asks(asked));
}

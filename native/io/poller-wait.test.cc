// How long pollers wait and what ends it, apart from what they report (poller.test.cc).
#include <thread>

#include "base/clock.h"
#include "io/poller.h"
#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;

TEST_CASE_TEMPLATE("another thread ends a wait long before its limit", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  uint64_t before = monotonicNs();
  for (int round = 0; round < 100; ++round) {
    std::thread other([&] { poller->wake(); });
    waitOnce(*poller, PATIENCE_MS);
    other.join();
    // The wake-up may have come before the wait began: what is left of it is taken now.
    waitOnce(*poller, 0);
  }
  CHECK(monotonicNs() - before < PATIENCE_MS * 1'000'000);
}

TEST_CASE_TEMPLATE("wake-ups before the wait are kept, as one", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  for (int i = 0; i < 5; ++i) poller->wake();
  waitOnce(*poller, -1);
  uint64_t before = monotonicNs();
  waitOnce(*poller, 30);
  CHECK(monotonicNs() - before >= 25'000'000);
}

TEST_CASE_TEMPLATE("a wait ends at its limit, and at once when that is zero", P, MESH_POLLERS) {
  auto poller = makePoller(P::KIND);
  uint64_t before = monotonicNs();
  waitOnce(*poller, 0);
  uint64_t between = monotonicNs();
  waitOnce(*poller, 30);
  uint64_t after = monotonicNs();
  CHECK(between - before < 1'000'000'000);
  CHECK(after - between >= 25'000'000);
  CHECK(after - between < 5'000'000'000);
}

}  // namespace
}  // namespace mesh

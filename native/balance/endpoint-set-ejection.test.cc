// Who is ejected, who is never, and how they come back, rule by rule.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "balance/endpoint-set.h"

namespace mesh {
namespace {

constexpr uint64_t MS = 1'000'000;
constexpr AccrualSettings THREE{.maxConsecutiveFailures = 3,
                                .backoff = {.minMs = 1'000, .maxMs = 8'000, .jitter = 0}};

struct Listener final : EjectionListener {
  void onEjected(const Endpoint&, bool again) override { ++(again ? renewed : ejected); }
  void onReopened(const Endpoint&, Reopening reason) override { reopened.push_back(reason); }
  int ejected = 0;
  int renewed = 0;
  std::vector<Reopening> reopened;
};

struct Fixture {
  std::unique_ptr<EventLoop> loop = EventLoop::create(PollerKind::Libuv).value();
  IdleQueue idle{*loop, 60'000};
  Random random{7};
  Listener listener;
  std::vector<std::unique_ptr<Endpoint>> made;
  EndpointSet set{&listener};

  ~Fixture() {
    for (const auto& one : made) {
      if (one->phase != Endpoint::Phase::Gone) set.remove(*one);
    }
  }
  Endpoint& add() {
    const auto number = static_cast<uint32_t>(made.size());
    auto shared = std::make_shared<EndpointShared>(SocketAddress::v4(0x0A000000 + number, 80), 1);
    made.push_back(std::make_unique<Endpoint>(
        std::move(shared), 10, idle, BackoffSettings{.minMs = 100, .maxMs = 400, .jitter = 0}));
    set.add(*made.back());
    return *made.back();
  }
  void answer(Endpoint& endpoint, Verdict verdict, uint64_t nowMs, uint32_t probe = 0) {
    set.observe(endpoint, verdict, probe, nowMs, random);
  }
  void eject(Endpoint& endpoint, uint64_t nowMs) {
    for (int i = 0; i < 3; ++i) answer(endpoint, Verdict::Failure, nowMs);
    REQUIRE(endpoint.ejected());
  }
  Endpoint* pick(uint64_t nowMs, const Endpoint* avoid = nullptr) {
    return set.pick(nowMs * MS, avoid, random);
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "an ejected endpoint gets one request after its time, and returns by it") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  CHECK(a.ejectedFor == EjectionCause::ConsecutiveFailures);
  for (int i = 0; i < 100; ++i) REQUIRE(pick(999) == &b);
  REQUIRE(pick(1'000, &b) == &a);
  const uint32_t probe = a.pickedAsProbe();
  CHECK(probe != 0);
  for (int i = 0; i < 100; ++i) REQUIRE(pick(50'000) == &b);
  // A connection alone is no answer.
  set.succeed(a);
  CHECK(pick(50'000, &b) == &b);
  answer(a, Verdict::Success, 50'000, probe);
  CHECK(a.ready());
  CHECK(pick(50'000, &b) == &a);
  CHECK(pick(50'000, &b) == &a);
  CHECK(listener.reopened == std::vector<Reopening>{Reopening::Probe});
}

TEST_CASE_FIXTURE(Fixture,
                  "each failed probe lengthens the ejection, a good one ends the sequence") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  uint64_t nowMs = 1'000;
  for (const uint64_t nextMs : {2'000, 4'000, 8'000, 8'000}) {
    REQUIRE(pick(nowMs, &b) == &a);
    answer(a, nextMs == 4'000 ? Verdict::Throttled : Verdict::Failure, nowMs, a.pickedAsProbe());
    CHECK(pick(nowMs + nextMs - 1, &b) == &b);
    nowMs += nextMs;
  }
  CHECK(listener.renewed == 4);
  REQUIRE(pick(nowMs, &b) == &a);
  answer(a, Verdict::Success, nowMs, a.pickedAsProbe());
  eject(a, nowMs);
  CHECK(a.retryAtMs == nowMs + 1'000);
}

TEST_CASE_FIXTURE(Fixture, "requests under way since before the ejection decide nothing") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  for (int i = 0; i < 10; ++i) answer(a, Verdict::Failure, 500);
  answer(a, Verdict::Success, 600);
  CHECK(a.retryAtMs == 1'000);
  REQUIRE(pick(1'000, &b) == &a);
  answer(a, Verdict::Success, 1'000);
  answer(a, Verdict::Failure, 1'000);
  CHECK(a.ejected());
  CHECK(a.probing());
}

TEST_CASE_FIXTURE(Fixture, "a probe that ends without an answer is offered to the next request") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  REQUIRE(pick(1'000, &b) == &a);
  const uint32_t first = a.pickedAsProbe();
  // Whether it dials or not is not the point of it.
  set.release(a);
  CHECK(pick(1'000, &b) == &b);
  set.releaseProbe(a, first);
  REQUIRE(pick(1'000, &b) == &a);
  // The first one's number is used up.
  set.releaseProbe(a, first);
  answer(a, Verdict::Success, 1'000, first);
  CHECK(a.ejected());
  CHECK(pick(1'000, &b) == &b);
}

TEST_CASE_FIXTURE(Fixture, "a probe that gets no connection has failed on both counts") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  REQUIRE(pick(1'000, &b) == &a);
  const uint32_t probe = a.pickedAsProbe();
  set.fail(a, ECONNREFUSED, 1'000, random);
  set.releaseProbe(a, probe);
  CHECK(a.ejected());
  CHECK(pick(2'999, &b) == &b);
  CHECK(pick(3'000, &b) == &a);
}

TEST_CASE_FIXTURE(Fixture, "the last endpoint stays in, and is ejected once there is another") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  for (int i = 0; i < 100; ++i) answer(b, Verdict::Failure, 10);
  CHECK(b.ready());
  REQUIRE(pick(1'000, &b) == &a);
  answer(a, Verdict::Success, 1'000, a.pickedAsProbe());
  answer(b, Verdict::Failure, 1'000);
  CHECK(b.ejected());
}

TEST_CASE_FIXTURE(Fixture,
                  "an endpoint that cannot be connected to does not count as somebody left") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  set.fail(b, ECONNREFUSED, 0, random);
  for (int i = 0; i < 100; ++i) answer(a, Verdict::Failure, 0);
  CHECK(a.ready());
}

TEST_CASE_FIXTURE(Fixture, "where it is allowed the last endpoint is ejected, too") {
  AccrualSettings settings = THREE;
  settings.mayEjectLast = true;
  set.configureAccrual(settings, 0);
  Endpoint& a = add();
  eject(a, 0);
  CHECK(pick(999) == nullptr);
  CHECK(set.nextRetryMs() == 1'000);
  CHECK(pick(1'000) == &a);
  SUBCASE("and comes back when it no longer is") {
    set.configureAccrual(THREE, 1'000);
    CHECK(a.ready());
    CHECK(listener.reopened == std::vector<Reopening>{Reopening::Last});
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "when the last other endpoint is removed, the first ejected one returns") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  Endpoint& c = add();
  eject(a, 0);
  eject(b, 1);
  SUBCASE("by the removal itself") { set.remove(c); }
  SUBCASE("by a pick that finds it marked") {
    c.shared->removed = true;
    CHECK(pick(2) == &a);
  }
  CHECK(a.ready());
  CHECK(b.ejected());
  CHECK(pick(2) == &a);
}

TEST_CASE_FIXTURE(Fixture,
                  "when the last other endpoint refuses connections, one that accepts returns") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  Endpoint& c = add();
  set.fail(a, ECONNREFUSED, 0, random);
  eject(a, 0);
  eject(b, 0);
  set.fail(c, ECONNREFUSED, 0, random);
  CHECK_FALSE(a.ejected());
  CHECK(a.inBackoff());
  CHECK(b.ready());
  CHECK(set.ready() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a probe under way when its endpoint returns is a request like others") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  REQUIRE(pick(1'000, &b) == &a);
  const uint32_t probe = a.pickedAsProbe();
  set.remove(b);
  REQUIRE(a.ready());
  answer(a, Verdict::Failure, 1'000, probe);
  CHECK(a.ready());
  set.releaseProbe(a, probe);
  CHECK(a.ready());
}

TEST_CASE_FIXTURE(Fixture, "switching ejection off brings everyone back") {
  AccrualSettings settings = THREE;
  settings.mayEjectLast = true;
  set.configureAccrual(settings, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  Endpoint& probing = add();
  eject(probing, 0);
  REQUIRE(pick(1'000, &a) != nullptr);
  eject(a, 1'000);
  eject(b, 1'000);
  set.configureAccrual({}, 1'000);
  CHECK(a.ready());
  CHECK(b.ready());
  CHECK(probing.ready());
  for (int i = 0; i < 10; ++i) answer(a, Verdict::Failure, 1'000);
  CHECK(a.ready());
}

TEST_CASE_FIXTURE(Fixture, "a smaller maximum cuts ejections short") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  AccrualSettings settings = THREE;
  settings.backoff = {.minMs = 5, .maxMs = 50, .jitter = 0};
  set.configureAccrual(settings, 100);
  CHECK(pick(149, &b) == &b);
  CHECK(pick(150, &b) == &a);
}

// ---------------------------------------------------------------- HTTP/2 connections that end

TEST_CASE_FIXTURE(Fixture,
                  "an endpoint whose connection ended rests, and its sequence begins anew") {
  Endpoint& a = add();
  set.fail(a, ECONNREFUSED, 0, random);
  REQUIRE(pick(100) == &a);
  set.fail(a, ECONNREFUSED, 100, random);
  REQUIRE(pick(300) == &a);
  set.succeed(a);
  set.disconnect(a, 300, random);
  CHECK(pick(399) == nullptr);
  CHECK(pick(400) == &a);
  // Failures while it is disconnected go on from there.
  set.fail(a, ECONNREFUSED, 400, random);
  CHECK(pick(599) == nullptr);
  // And further ends of connections that are gone already change nothing.
  set.disconnect(a, 599, random);
  CHECK(pick(600) == &a);
}

TEST_CASE_FIXTURE(Fixture,
                  "a probe given back after its connection ended does not bring a dial forward") {
  set.configureAccrual(THREE, 0);
  Endpoint& a = add();
  Endpoint& b = add();
  eject(a, 0);
  REQUIRE(pick(1'000, &b) == &a);
  set.disconnect(a, 1'000, random);
  set.releaseProbe(a, a.probe);
  CHECK(pick(1'099, &b) == &b);
  CHECK(pick(1'100, &b) == &a);
}

TEST_CASE_FIXTURE(Fixture, "a removed endpoint whose connection ends is not touched") {
  Endpoint& a = add();
  set.remove(a);
  set.disconnect(a, 0, random);
  CHECK(a.phase == Endpoint::Phase::Gone);
  CHECK(pick(1'000) == nullptr);
}

// ---------------------------------------------------------------- cost

TEST_CASE_FIXTURE(Fixture, "ten thousand endpoints, half of them ejected, do not make picks slow") {
  set.configureAccrual(THREE, 0);
  constexpr size_t COUNT = 10'000;
  for (size_t i = 0; i < COUNT; ++i) add();
  for (size_t i = 0; i < COUNT; i += 2) eject(*made[i], i % 700);
  CHECK(set.ready() == COUNT / 2);
  const auto stepsOf = [&](size_t picks, uint64_t nowMs) {
    const uint64_t before = set.steps();
    for (size_t i = 0; i < picks; ++i) REQUIRE(pick(nowMs) != nullptr);
    return set.steps() - before;
  };
  // Two even draws each, with all of the ejected outside, and with all of them due.
  CHECK(stepsOf(1'000, 900) <= 2'000);
  CHECK(stepsOf(1'000, 5'000) <= 2'000);
  // By weight, a walk down a tree of fourteen levels for each of up to three draws.
  made[1]->shared->weight = 5;
  set.reweigh(*made[1]);
  CHECK(stepsOf(1'000, 5'000) <= 1'000 * 3 * 3 * 14);
}

}  // namespace
}  // namespace mesh

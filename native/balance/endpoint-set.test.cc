// Phases against a simple model over random histories; shares of traffic in a simulated closed
// loop; the cost of a choice in steps. Time is an argument, so all of it is exact.
#include "balance/endpoint-set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <queue>
#include <vector>

namespace mesh {
namespace {

constexpr uint64_t MS = 1'000'000;

struct Fixture {
  std::unique_ptr<EventLoop> loop = EventLoop::create(PollerKind::Libuv).value();
  IdleQueue idle{*loop, 60'000};
  Random random{7};

  std::unique_ptr<Endpoint> make(uint32_t number, uint32_t weight = 1,
                                 BackoffSettings backoff = {}) {
    auto shared =
        std::make_shared<EndpointShared>(SocketAddress::v4(0x0A000000 + number, 80), weight);
    return std::make_unique<Endpoint>(std::move(shared), 10, idle, backoff);
  }
};

// ---------------------------------------------------------------- phases

struct Modelled {
  enum class State { Outside, Ready, BackOff, Due, Probing };
  std::unique_ptr<Endpoint> endpoint;
  State state = State::Outside;
  uint64_t retryAtMs = 0;
  uint32_t failures = 0;
  bool pickable() const {
    return (state == State::Ready || state == State::Due) && !endpoint->shared->removed;
  }
};

TEST_CASE_FIXTURE(Fixture, "over random histories only what the model allows is ever picked") {
  using State = Modelled::State;
  constexpr BackoffSettings BACKOFF{.minMs = 50, .maxMs = 2'000, .jitter = 0.1};
  Random script(21);
  for (int history = 0; history < 300; ++history) {
    EndpointSet set;
    std::vector<Modelled> all(1 + script.below(9));
    uint32_t addresses = 0;
    uint64_t nowMs = 1'000;
    const uint32_t heaviest = script.below(2) == 0 ? 1 : 10;
    for (int step = 0; step < 300; ++step) {
      nowMs += script.below(4) == 0 ? script.below(400) : 0;
      Modelled& one = all[script.below(static_cast<uint32_t>(all.size()))];
      const bool inside = one.state != State::Outside;
      const uint32_t dice = script.below(100);
      if (dice < 12) {
        if (!inside) {
          one.endpoint = make(addresses++, 1 + script.below(heaviest), BACKOFF);
          set.add(*one.endpoint);
          one.state = State::Ready;
          one.failures = 0;
        } else if (dice < 4) {
          set.remove(*one.endpoint);
          one.state = State::Outside;
        } else if (dice < 6) {
          one.endpoint->shared->removed = true;
        } else {
          one.endpoint->shared->weight = 1 + script.below(heaviest);
          set.reweigh(*one.endpoint);
        }
      } else if (dice < 35 && inside) {
        const bool counts = one.state != State::BackOff;
        set.fail(*one.endpoint, ECONNREFUSED, nowMs, random);
        if (counts && one.endpoint->phase != Endpoint::Phase::Gone) {
          const auto base =
              std::min<uint64_t>(BACKOFF.maxMs, uint64_t{BACKOFF.minMs} << one.failures);
          one.retryAtMs = one.endpoint->retryAtMs;
          REQUIRE(one.retryAtMs >= nowMs + base);
          REQUIRE(one.retryAtMs <= nowMs + std::min<uint64_t>(BACKOFF.maxMs, base + base / 10));
          one.failures = std::min(one.failures + 1, 10u);
          one.state = State::BackOff;
        }
      } else if (dice < 45 && inside) {
        set.succeed(*one.endpoint);
        one.state = State::Ready;
        one.failures = 0;
      } else if (dice < 50 && inside) {
        set.release(*one.endpoint);
        if (one.state == State::Probing) one.state = State::Due;
      } else {
        for (Modelled& other : all) {
          if (other.state == State::BackOff && other.retryAtMs <= nowMs) other.state = State::Due;
        }
        const auto candidates = std::count_if(all.begin(), all.end(), [](const Modelled& other) {
          return other.state != State::Outside && other.pickable();
        });
        const Endpoint* avoid = inside && script.below(2) == 0 ? one.endpoint.get() : nullptr;
        Endpoint* picked = set.pick(nowMs * MS, avoid, random);
        REQUIRE((picked == nullptr) == (candidates == 0));
        if (picked == nullptr) continue;
        REQUIRE((picked != avoid || candidates == 1));
        Modelled& match = *std::find_if(all.begin(), all.end(), [&](const Modelled& other) {
          return other.endpoint.get() == picked;
        });
        REQUIRE(match.pickable());
        if (match.state == State::Due) match.state = State::Probing;
        REQUIRE(picked->probing() == (match.state == State::Probing));
      }
      uint64_t next = UINT64_MAX;
      for (const Modelled& other : all) {
        if (other.state == State::BackOff) next = std::min(next, other.retryAtMs);
      }
      REQUIRE(set.nextRetryMs().value_or(UINT64_MAX) == next);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "an endpoint in back-off is probed by one request at a time") {
  EndpointSet set;
  auto a = make(1, 1, {.minMs = 100, .maxMs = 1'000, .jitter = 0});
  set.add(*a);
  set.fail(*a, ECONNREFUSED, 0, random);
  CHECK(a->inBackoff());
  CHECK(a->lastError == ECONNREFUSED);
  CHECK(set.pick(99 * MS, nullptr, random) == nullptr);
  CHECK(set.pick(100 * MS, nullptr, random) == a.get());
  CHECK(a->probing());
  CHECK(set.pick(100 * MS, nullptr, random) == nullptr);
  set.fail(*a, ETIMEDOUT, 150, random);
  CHECK(set.pick(349 * MS, nullptr, random) == nullptr);
  CHECK(set.pick(350 * MS, nullptr, random) == a.get());
  set.succeed(*a);
  CHECK(a->ready());
  CHECK(a->lastError == 0);
  CHECK(set.pick(350 * MS, nullptr, random) == a.get());
  CHECK(set.pick(350 * MS, nullptr, random) == a.get());
  set.remove(*a);
}

TEST_CASE_FIXTURE(Fixture, "a probe that was not made is offered to the next request") {
  EndpointSet set;
  auto a = make(1, 1, {.minMs = 100, .maxMs = 1'000, .jitter = 0});
  set.add(*a);
  set.fail(*a, ECONNREFUSED, 0, random);
  REQUIRE(set.pick(100 * MS, nullptr, random) == a.get());
  set.release(*a);
  CHECK(set.pick(100 * MS, nullptr, random) == a.get());
  set.remove(*a);
}

TEST_CASE_FIXTURE(Fixture, "dials that fail together lengthen the back-off once") {
  EndpointSet set;
  auto a = make(1, 1, {.minMs = 100, .maxMs = 60'000, .jitter = 0});
  set.add(*a);
  for (int i = 0; i < 50; ++i) set.fail(*a, ECONNREFUSED, 10, random);
  CHECK(a->retryAtMs == 110);
  set.remove(*a);
}

TEST_CASE_FIXTURE(Fixture,
                  "an endpoint marked removed is not picked, and is when announced again") {
  EndpointSet set;
  auto a = make(1);
  auto b = make(2);
  set.add(*a);
  set.add(*b);
  a->shared->removed = true;
  for (int i = 0; i < 100; ++i) REQUIRE(set.pick(0, nullptr, random) == b.get());
  b->shared->removed = true;
  CHECK(set.pick(0, nullptr, random) == nullptr);
  b->shared->removed = false;
  set.reweigh(*b);
  CHECK(set.pick(0, nullptr, random) == b.get());
  set.remove(*a);
  set.remove(*b);
}

// ---------------------------------------------------------------- shares

// A fixed number of clients, each sending its next request when the last was answered.
class ClosedLoop {
 public:
  struct Server {
    uint32_t weight;
    uint64_t latencyNs;
  };
  ClosedLoop(Fixture& fixture, const std::vector<Server>& servers) : random_(fixture.random) {
    for (const Server& server : servers) {
      endpoints_.push_back(fixture.make(static_cast<uint32_t>(endpoints_.size()), server.weight));
      endpoints_.back()->shared->load.configure(30 * MS, 10'000 * MS, nowNs_);
      set_.add(*endpoints_.back());
      latencies_.push_back(server.latencyNs);
    }
  }
  void setLatency(size_t server, uint64_t latencyNs) { latencies_[server] = latencyNs; }
  // Each latency varies evenly by up to this part of itself, both ways.
  void setNoise(double noise) { noise_ = noise; }

  // The share of each server in the next `requests`.
  std::vector<double> run(size_t requests, size_t clients) {
    std::vector<double> shares(endpoints_.size());
    while (underWay_.size() < clients) send(shares);
    std::fill(shares.begin(), shares.end(), 0.0);
    for (size_t i = 0; i < requests; ++i) {
      const Request done = underWay_.top();
      underWay_.pop();
      nowNs_ = done.endsNs;
      endpoints_[done.server]->shared->load.finished(done.endsNs - done.startedNs, nowNs_);
      send(shares);
    }
    for (double& share : shares) share /= static_cast<double>(requests);
    return shares;
  }

 private:
  struct Request {
    uint64_t endsNs;
    uint64_t startedNs;
    size_t server;
    bool operator<(const Request& other) const { return endsNs > other.endsNs; }
  };

  void send(std::vector<double>& shares) {
    Endpoint* picked = set_.pick(nowNs_, nullptr, random_);
    REQUIRE(picked != nullptr);
    const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                    [&](const auto& one) { return one.get() == picked; });
    const auto server = static_cast<size_t>(found - endpoints_.begin());
    picked->shared->load.started();
    const double factor = 1 + noise_ * (2 * random_.unit() - 1);
    const auto latency = static_cast<uint64_t>(static_cast<double>(latencies_[server]) * factor);
    underWay_.push({nowNs_ + latency, nowNs_, server});
    shares[server] += 1;
  }

  Random& random_;
  uint64_t nowNs_ = 1'000 * MS;
  double noise_ = 0;
  EndpointSet set_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<uint64_t> latencies_;
  std::priority_queue<Request> underWay_;
};

void checkShares(Fixture& fixture, const std::vector<uint32_t>& weights, double noise,
                 double tolerance) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (const size_t clients : {1, 2, 8, 64}) {
    std::vector<ClosedLoop::Server> servers;
    for (const uint32_t weight : weights) servers.push_back({weight, 5 * MS});
    ClosedLoop world(fixture, servers);
    world.setNoise(noise);
    const std::vector<double> shares = world.run(20'000, clients);
    for (size_t i = 0; i < weights.size(); ++i) {
      CAPTURE(clients);
      CAPTURE(i);
      CHECK(shares[i] == doctest::Approx(weights[i] / total).epsilon(tolerance));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "equal weights and latencies share evenly") {
  checkShares(*this, {1, 1, 1, 1}, 0, 0.1);
  checkShares(*this, {7, 7}, 0, 0.1);
}

TEST_CASE_FIXTURE(Fixture, "equal latencies share in proportion to unequal weights") {
  checkShares(*this, {1, 2, 3, 4}, 0, 0.1);
  checkShares(*this, {9, 1}, 0, 0.1);
}

TEST_CASE_FIXTURE(Fixture, "latencies that differ by chance do not change the shares") {
  checkShares(*this, {1, 2, 3, 4}, 0.3, 0.1);
  checkShares(*this, {9, 1}, 0.3, 0.1);
}

TEST_CASE_FIXTURE(Fixture, "a slow endpoint is avoided, and has its share back once it is fast") {
  ClosedLoop world(*this, {{1, 5 * MS}, {1, 5 * MS}, {1, 5 * MS}, {1, 100 * MS}});
  world.run(5'000, 8);
  CHECK(world.run(20'000, 8).back() < 0.03);
  world.setLatency(3, 5 * MS);
  world.run(100'000, 8);
  CHECK(world.run(20'000, 8).back() > 0.2);
}

TEST_CASE_FIXTURE(Fixture, "a heavy endpoint that is slow is avoided too") {
  ClosedLoop many(*this, {{1, 5 * MS}, {1, 5 * MS}, {1, 5 * MS}, {5, 100 * MS}});
  many.run(5'000, 8);
  CHECK(many.run(20'000, 8).back() < 0.03);
  ClosedLoop two(*this, {{1, 5 * MS}, {9, 100 * MS}});
  two.run(5'000, 8);
  CHECK(two.run(20'000, 8).back() < 0.06);
}

TEST_CASE_FIXTURE(Fixture,
                  "an endpoint that is somewhat slower has somewhat less than its weight") {
  ClosedLoop uneven(*this, {{3, 5 * MS}, {3, 5 * MS}, {2, 5 * MS}, {2, 8 * MS}});
  uneven.run(5'000, 1);
  const double share = uneven.run(20'000, 1).back();
  CHECK(share > 0.2 * 0.1);
  CHECK(share < 0.2 * 0.7);
}

// ---------------------------------------------------------------- cost

TEST_CASE_FIXTURE(Fixture, "a choice among ten thousand costs what one among ten does") {
  const auto stepsPerPick = [this](uint32_t endpoints, uint32_t heaviest) {
    EndpointSet set;
    std::vector<std::unique_ptr<Endpoint>> all;
    for (uint32_t i = 0; i < endpoints; ++i) {
      all.push_back(make(i, 1 + i % heaviest));
      set.add(*all.back());
    }
    // A tenth is in back-off, and not looked at.
    for (uint32_t i = 0; i < endpoints; i += 10) set.fail(*all[i], ECONNREFUSED, 0, random);
    const uint64_t before = set.steps();
    for (int i = 0; i < 1'000; ++i) set.pick(0, all[5].get(), random);
    const double steps = static_cast<double>(set.steps() - before) / 1'000;
    for (const auto& one : all) set.remove(*one);
    return steps;
  };
  CHECK(stepsPerPick(10'000, 1) == stepsPerPick(10, 1));
  // By weight: the depth of the tree, three draws with two slots left out at most.
  CHECK(stepsPerPick(10'000, 7) <= 3 * 3 * std::log2(10'000));
  CHECK(stepsPerPick(10'000, 7) > 0);
}

TEST_CASE_FIXTURE(Fixture, "many endpoints whose back-off ends at once are probed once each") {
  EndpointSet set;
  std::vector<std::unique_ptr<Endpoint>> all;
  for (uint32_t i = 0; i < 1'000; ++i) {
    all.push_back(make(i, 1, {.minMs = 10, .maxMs = 10, .jitter = 0}));
    set.add(*all.back());
    set.fail(*all.back(), ECONNREFUSED, 0, random);
  }
  std::vector<Endpoint*> probed;
  while (Endpoint* picked = set.pick(10 * MS, nullptr, random)) probed.push_back(picked);
  std::sort(probed.begin(), probed.end());
  CHECK(probed.size() == 1'000);
  CHECK(std::unique(probed.begin(), probed.end()) == probed.end());
  for (const auto& one : all) set.remove(*one);
}

}  // namespace
}  // namespace mesh

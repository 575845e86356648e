// Ejection, back-off and removal over random histories: whatever happens, somebody is left, probes come
// one at a time, and everyone returns who is well.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "balance/endpoint-set.h"

namespace mesh {
namespace {

constexpr uint64_t MS = 1'000'000;

class History final : public EjectionListener {
 public:
  explicit History(uint64_t seed, bool mayEjectLast)
      : script_(seed),
        settings_{.maxConsecutiveFailures = 3,
                  .minSuccessRatio = 0.3,
                  .windowMs = 500,
                  .minRequests = 8,
                  .backoff = {.minMs = 50, .maxMs = 800, .jitter = 0.2},
                  .mayEjectLast = mayEjectLast} {
    set_.configureAccrual(settings_, nowMs_);
    for (uint32_t i = 1 + script_.below(8); i > 0; --i) add();
  }
  ~History() {
    while (!members_.empty()) drop(members_.size() - 1);
  }

  void onEjected(const Endpoint& endpoint, bool) override {
    Member& member = members(endpoint);
    member.probeOut = false;
    member.outUntilMs = endpoint.retryAtMs;
    REQUIRE(member.outUntilMs >= nowMs_ + settings_.backoff.minMs);
  }
  void onReopened(const Endpoint& endpoint, Reopening) override {
    members(endpoint).probeOut = false;
  }

  void step() {
    nowMs_ += script_.below(3) == 0 ? script_.below(60) : 0;
    const uint32_t dice = script_.below(1'000);
    if (dice < 10 && members_.size() < 10) {
      add();
    } else if (dice < 18 && !members_.empty()) {
      drop(script_.below(static_cast<uint32_t>(members_.size())));
    } else if (dice < 30 && !members_.empty()) {
      Member& one = members_[script_.below(static_cast<uint32_t>(members_.size()))];
      one.good = !one.good;
    } else if (dice < 34) {
      set_.configureAccrual({}, nowMs_);
      for (const Member& one : members_) REQUIRE_FALSE(one.endpoint->ejected());
      set_.configureAccrual(settings_, nowMs_);
    } else if (dice < 50 && !members_.empty()) {
      Member& one = members_[script_.below(static_cast<uint32_t>(members_.size()))];
      set_.disconnect(*one.endpoint, nowMs_, random_);
    } else if (dice < 560) {
      begin();
    } else if (!requests_.empty()) {
      end(script_.below(static_cast<uint32_t>(requests_.size())));
    }
    check();
  }
  // With everyone well again, everyone comes back.
  void recover() {
    for (Member& one : members_) one.good = true;
    while (!requests_.empty()) end(requests_.size() - 1, true);
    for (int round = 0; round < 100 && outside() > 0; ++round) {
      nowMs_ += 1'000;
      for (size_t i = 0; i < 4 * members_.size(); ++i) begin(true);
      while (!requests_.empty()) end(requests_.size() - 1, true);
    }
    REQUIRE(outside() == 0);
  }

 private:
  struct Member {
    std::unique_ptr<Endpoint> endpoint;
    bool good = true;
    bool probeOut = false;
    uint64_t outUntilMs = 0;
  };
  struct Request {
    Endpoint* endpoint;
    uint32_t probe;
  };

  Member& members(const Endpoint& endpoint) {
    return *std::find_if(members_.begin(), members_.end(),
                         [&](const Member& one) { return one.endpoint.get() == &endpoint; });
  }
  size_t outside() const {
    return static_cast<size_t>(
        std::count_if(members_.begin(), members_.end(),
                      [](const Member& one) { return !one.endpoint->ready(); }));
  }
  void add() {
    auto shared = std::make_shared<EndpointShared>(SocketAddress::v4(++addresses_, 80), 1);
    members_.push_back({.endpoint = std::make_unique<Endpoint>(
                            std::move(shared), 10, idle_,
                            BackoffSettings{.minMs = 20, .maxMs = 200, .jitter = 0.1}),
                        .good = script_.below(2) == 0});
    set_.add(*members_.back().endpoint);
  }
  void drop(size_t index) {
    Endpoint* endpoint = members_[index].endpoint.get();
    set_.remove(*endpoint);
    std::erase_if(requests_, [&](const Request& one) { return one.endpoint == endpoint; });
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void begin(bool well = false) {
    Endpoint* picked = set_.pick(nowMs_ * MS, nullptr, random_);
    if (picked == nullptr) return;
    Member& member = members(*picked);
    const uint32_t probe = picked->pickedAsProbe();
    if (picked->ejected()) {
      // Not before its time, and nobody else meanwhile.
      REQUIRE(nowMs_ >= member.outUntilMs);
      REQUIRE_FALSE(member.probeOut);
      REQUIRE(probe != 0);
      member.probeOut = true;
    }
    if (picked->disconnected || script_.below(4) == 0) {
      if (!well && script_.below(3) == 0) {
        set_.fail(*picked, ECONNREFUSED, nowMs_, random_);
        return;
      }
      set_.succeed(*picked);
    } else {
      // A pooled connection.
      set_.release(*picked);
    }
    requests_.push_back({.endpoint = picked, .probe = probe});
  }
  void end(size_t index, bool well = false) {
    const Request request = requests_[index];
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(index));
    Member& member = members(*request.endpoint);
    if (!well && script_.below(10) == 0) {
      const bool held = request.endpoint->probing() && request.probe == request.endpoint->probe;
      set_.releaseProbe(*request.endpoint, request.probe);
      if (held) member.probeOut = false;
      return;
    }
    const bool success = well || (member.good ? script_.below(50) != 0 : script_.below(20) == 0);
    const Verdict failure = script_.below(5) == 0 ? Verdict::Throttled : Verdict::Failure;
    set_.observe(*request.endpoint, success ? Verdict::Success : failure, request.probe, nowMs_,
                 random_);
  }
  void check() {
    uint32_t ready = 0;
    uint32_t ejected = 0;
    for (const Member& one : members_) {
      ready += one.endpoint->ready() ? 1 : 0;
      ejected += one.endpoint->ejected() ? 1 : 0;
      REQUIRE_FALSE((one.endpoint->ready() && one.endpoint->ejected()));
    }
    REQUIRE(set_.ready() == ready);
    everEjected_ = everEjected_ || ejected > 0;
    if (!settings_.mayEjectLast && ejected > 0) REQUIRE(ready > 0);
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create(PollerKind::Libuv).value();
  IdleQueue idle_{*loop_, 60'000};
  Random script_;
  Random random_{11};
  AccrualSettings settings_;
  EndpointSet set_{this};
  std::vector<Member> members_;
  std::vector<Request> requests_;
  uint64_t nowMs_ = 1'000;
  uint32_t addresses_ = 0x0A000000;
  bool everEjected_ = false;

 public:
  bool everEjected() const { return everEjected_; }
};

TEST_CASE("over random histories somebody is left, and probes come one at a time") {
  int withEjections = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    History history(seed, seed % 4 == 3);
    for (int step = 0; step < 1'000; ++step) history.step();
    withEjections += history.everEjected() ? 1 : 0;
    history.recover();
  }
  CHECK(withEjections > 200);
}

}  // namespace
}  // namespace mesh

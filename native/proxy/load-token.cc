// See load-token.h.
#include "proxy/load-token.h"

#include <algorithm>
#include <utility>

#include "proxy/target.h"

namespace mesh {

namespace {
// gRPC status codes that count here.
constexpr int16_t GRPC_UNKNOWN = 2;
constexpr int16_t GRPC_DEADLINE_EXCEEDED = 4;
constexpr int16_t GRPC_PERMISSION_DENIED = 7;
constexpr int16_t GRPC_RESOURCE_EXHAUSTED = 8;
constexpr int16_t GRPC_INTERNAL = 13;
constexpr int16_t GRPC_UNAVAILABLE = 14;
constexpr int16_t GRPC_DATA_LOSS = 15;
}  // namespace

Verdict verdictOf(const ResponseOutcome& outcome) {
  if (outcome.status == 0 || outcome.status >= 500) return Verdict::Failure;
  if (outcome.status == 429) return Verdict::Throttled;
  switch (outcome.grpcStatus) {
    case GRPC_RESOURCE_EXHAUSTED:
      return Verdict::Throttled;
    case GRPC_UNKNOWN:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_PERMISSION_DENIED:
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
      return Verdict::Failure;
    default:
      return Verdict::Success;
  }
}

bool isPenalized(const ResponseOutcome& outcome) {
  if (outcome.status == 429 || outcome.status >= 500) return true;
  if (outcome.status != 200) return false;
  switch (outcome.grpcStatus) {
    case GRPC_UNKNOWN:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_RESOURCE_EXHAUSTED:
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
      return true;
    default:
      return false;
  }
}

bool hintCounts(const ResponseOutcome& outcome) {
  if (outcome.status == 429 || outcome.status == 503) return true;
  return outcome.status == 200 &&
         (outcome.grpcStatus == GRPC_RESOURCE_EXHAUSTED || outcome.grpcStatus == GRPC_UNAVAILABLE);
}

LoadToken::LoadToken(std::shared_ptr<Target> target, std::shared_ptr<EndpointShared> endpoint,
                     uint32_t probe, uint64_t nowNs)
    : target_(std::move(target)),
      endpoint_(std::move(endpoint)),
      startedNs_(nowNs),
      probe_(probe),
      underWay_(true) {
  endpoint_->load.started();
}

LoadToken& LoadToken::operator=(LoadToken&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  target_ = std::move(other.target_);
  endpoint_ = std::move(other.endpoint_);
  startedNs_ = other.startedNs_;
  probe_ = other.probe_;
  underWay_ = other.underWay_;
  observed_ = other.observed_;
  return *this;
}

void LoadToken::endLoad(uint64_t latencyNs, uint64_t nowNs) {
  underWay_ = false;
  endpoint_->load.finished(latencyNs, nowNs);
}

void LoadToken::answered(const ResponseOutcome& outcome, uint64_t nowNs) {
  if (!endpoint_ || !underWay_) return;
  const contract::LoadPenalty& penalty = target_->settings().loadPenalty;
  if (penalty.penaltyMs == 0 || !isPenalized(outcome)) return;
  uint32_t atLeastMs = penalty.penaltyMs;
  if (hintCounts(outcome)) {
    atLeastMs = std::max(atLeastMs, std::min(outcome.hintMs, penalty.maxRetryAfterMs));
  }
  const auto estimateNs = static_cast<uint64_t>(endpoint_->load.estimateNs(nowNs));
  endLoad(std::max(uint64_t{atLeastMs} * 1'000'000, estimateNs), nowNs);
}

void LoadToken::finish(uint64_t nowNs) {
  if (endpoint_ && underWay_) endLoad(nowNs - startedNs_, nowNs);
}

void LoadToken::observe(const ResponseOutcome& outcome) {
  if (!endpoint_ || observed_) return;
  observed_ = true;
  target_->observe(endpoint_, outcome, probe_);
}

void LoadToken::abandon() {
  if (!endpoint_) return;
  const std::shared_ptr<EndpointShared> endpoint = std::move(endpoint_);
  const std::shared_ptr<Target> target = std::move(target_);
  if (underWay_) endpoint->load.abandoned();
  if (probe_ != 0 && !observed_) target->releaseProbe(endpoint, probe_);
}

}  // namespace mesh

// What an exchange tries again (reference §4.9): after which responses and failures, how often, and
// what is given to the client when nothing comes of it; see exchange.h.
#include <utility>

#include "proxy/exchange.h"
#include "proxy/response-outcome.h"
#include "route/classify.h"

namespace mesh {

namespace {
// A request that was not processed is sent again; an endpoint that refuses every time is not an
// endpoint that will take it.
constexpr uint8_t MAX_REPLAYS = 2;

// Failures that look to the client like a response of this reason's status; what fails before a
// backend was found, or because of the client, does not.
bool isOfEndpoint(Reason reason) {
  return reason >= Reason::ConnectRefused && reason <= Reason::ResponseHeadTooLarge;
}
}  // namespace

// What the head says about the endpoint.
void Exchange::learn(const ResponseHead& head) {
  learnStatus(head.fields);
  load_.answered(outcomeOf(head, grpcStatus_), worker_.loop().nowNs());
}

// What gRPC says in its own field: the first word counts.
void Exchange::learnStatus(const FieldTable& fields) {
  if (!grpc_ || grpcStatus_ >= 0) return;
  const std::optional<uint8_t> code = route::grpcStatusOf(fields);
  if (code) grpcStatus_ = static_cast<int8_t>(*code);
}

bool Exchange::triesAgainAfter(const ResponseHead& head, bool last) {
  if (!policy_.retry || request_.method() == Method::Connect) return false;
  const bool told = grpcStatus_ >= 0;
  const bool wanted = told ? policy_.retry->retriesGrpc(static_cast<uint8_t>(grpcStatus_))
                           : policy_.retry->retriesStatus(head.status);
  // The status of a gRPC response that carries messages comes after them; one that carries none may
  // still be tried again.
  const bool unknown = grpc_ && !told && !last && head.status == 200 && !wanted;
  if (!wanted && !unknown) {
    if (tries_ > 1) countRetry(route_, RetryStep::Saved);
    return false;
  }
  if (unknown && !atHand()) return false;
  held_ = std::make_unique<StoredResponse>();
  held_->store(head);
  heldIsAll_ = last;
  if (unknown || tryAgain()) return true;
  held_.reset();
  return false;
}

bool Exchange::triesAgainAfterTrailers() {
  learnStatus(endpoint_->trailers());
  if (grpcStatus_ >= 0 && policy_.retry->retriesGrpc(static_cast<uint8_t>(grpcStatus_))) {
    return tryAgain();
  }
  if (tries_ > 1) countRetry(route_, RetryStep::Saved);
  return false;
}

bool Exchange::triesAgainAfter(const FailureFacts& facts) {
  if (!policy_.retry || policy_.retry->responsesOnly) return false;
  if (request_.method() == Method::Connect) return false;
  bool wanted = facts.reason == Reason::FailFast || facts.reason == Reason::ResponseHeadersTimeout;
  if (isOfEndpoint(facts.reason)) {
    wanted = wanted || (grpc_ ? policy_.retry->retriesGrpc(grpcStatusOf(facts.reason))
                              : policy_.retry->retriesStatus(statusOf(facts.reason)));
  }
  if (!wanted) return false;
  held_.reset();
  heldFailure_ = std::make_unique<FailureFacts>(facts);
  if (tryAgain()) return true;
  heldFailure_.reset();
  return false;
}

bool Exchange::atHand() {
  return requestEnded_ && body_.repeatable() && policy_.retry->keepsBody(body_.received());
}

bool Exchange::tryAgain() {
  const route::RetryPolicy& policy = *policy_.retry;
  if (!atHand()) return false;
  if (!policy.allowsAfter(tries_)) {
    countRetry(route_, RetryStep::LimitReached);
    return false;
  }
  if (!anyBackendReady(worker_, route_)) {
    countRetry(route_, RetryStep::NotReady);
    return false;
  }
  if (policy.budget && !policy.budget->withdraw(worker_.loop().nowMs())) {
    countRetry(route_, RetryStep::NoBudget);
    return false;
  }
  countRetry(route_, RetryStep::Sent);
  clock_.again();
  if (!policy.backoff) {
    nextTry();
    return true;
  }
  state_ = State::Waiting;
  if (!backoff_) {
    backoff_.emplace(BackoffSettings{.minMs = policy.backoff->minMs,
                                     .maxMs = policy.backoff->maxMs,
                                     .jitter = policy.backoff->jitter});
  }
  worker_.loop().schedule(wait_, backoff_->nextMs(worker_.random()));
  return true;
}

void Exchange::onBackoffOver() {
  if (!anyBackendReady(worker_, route_)) {
    countRetry(route_, RetryStep::NotReady);
    giveWhatIsHeld();
    return;
  }
  nextTry();
}

void Exchange::nextTry() {
  if (heldFailure_) {
    endTry(statusOf(heldFailure_->reason), heldFailure_->reason);
  } else {
    ResponseHead& head = worker_.responseHead();
    held_->load(head);
    endTry(head.status, Reason::None);
  }
  held_.reset();
  heldFailure_.reset();
  dropTry();
  body_.rewind();
  attempt();
}

// The result of the last try is the result.
void Exchange::giveWhatIsHeld() {
  if (heldFailure_) {
    const std::unique_ptr<FailureFacts> failure = std::move(heldFailure_);
    fail(*failure);
    return;
  }
  state_ = State::Relaying;
  passHeld();
  advance();
}

// RFC 9113 §8.7, RFC 9112 §9.3.1: what was not processed may be sent again, whatever it asks for.
bool Exchange::sendAgain(const StreamFailure& failure) {
  if (!body_.repeatable() || status_ != 0 || replays_ >= MAX_REPLAYS) return false;
  // A rule that says what is tried again says it of new connections too (decision 12).
  const bool elsewhere = failure.repeatable && !policy_.retry && replays_ == 0 &&
                         route_.target->balancer().pickableBeside(endpoint_->endpoint());
  if (!failure.unprocessed && !elsewhere) return false;
  ++replays_;
  worker_.recorder().add(route_.target->replaySeries(client_.destination().direction));
  held_.reset();
  clock_.again();
  askedMs_ = 0;
  dropTry();
  body_.rewind();
  connect();
  return true;
}

// Once for each try: what is counted of it, and what it says about its endpoint, if it had one.
void Exchange::endTry(uint16_t status, Reason reason) {
  if (std::exchange(tryBegun_, false)) countTryOver(route_, outcome(status, reason));
  if (tryOver_ || !endpoint_) return;
  tryOver_ = true;
  const int8_t grpcStatus = grpc_ ? grpcStatus_ : int8_t{-1};
  endpoint_->counters().responded(status, reason, grpcStatus);
  if (reason == Reason::None) load_.observe({.status = status, .grpcStatus = grpcStatus});
  countTryEnd(route_, outcome(status, reason), askedMs_, worker_.loop().nowMs());
}

}  // namespace mesh

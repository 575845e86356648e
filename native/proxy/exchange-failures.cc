// How an exchange fails: what is sent again, what is answered, and what cuts the client's half short;
// see exchange.h.
#include "http2/session.h"
#include "proxy/exchange.h"

namespace mesh {

// With what is known of where the request was going.
FailureFacts Exchange::facts(Reason reason, std::string detail) const {
  FailureFacts known;
  known.reason = reason;
  known.detail = std::move(detail);
  if (endpoint_) known.endpoint = endpoint_->endpoint();
  if (route_.target) known.authority = route_.target->settings().authority;
  describeRoute(route_, known);
  return known;
}

// ---------------------------------------------------------------- time-outs

void Exchange::onWaitOver() {
  if (state_ == State::Routing) {
    DiscoveryWaiter::unlink();
    fail(facts(Reason::DiscoveryTimeout, authority_));
  } else if (state_ == State::Waiting) {
    onBackoffOver();
  } else if (state_ == State::Relaying) {
    cutShort(facts(Reason::HalfCloseTimeout, ""), static_cast<uint32_t>(http2::ErrorCode::Cancel));
  }
}

void Exchange::armClock() {
  if (state_ == State::Over) return;
  const uint64_t next = clock_.nextMs();
  if (next == 0) {
    worker_.loop().cancel(deadline_);
    return;
  }
  // One that is armed for earlier looks again by itself.
  if (deadline_.armed() && deadline_.deadlineMs() <= next) return;
  const uint64_t now = worker_.loop().nowMs();
  worker_.loop().schedule(deadline_, next > now ? next - now : 0);
}

void Exchange::onClock() {
  const std::optional<Reason> expired = clock_.expired(worker_.loop().nowMs());
  if (!expired) {
    armClock();
  } else if (!tunnel_) {
    onExpired(*expired);
  }
}

void Exchange::onExpired(Reason reason) {
  const FailureFacts known = facts(reason, "");
  // That a limit of all tries is over says nothing about the endpoint of the last.
  const bool ofRequest = reason == Reason::RequestTimeout || reason == Reason::RouteTimeout;
  if (!ofRequest) load_.observe(ResponseOutcome{});
  if (status_ != 0) {
    cutShort(known, 0);
  } else if (!triesAgainAfter(known)) {
    fail(known);
  }
  // The limit of the whole request holds during a back-off and a dial, too.
  armClock();
}

// ---------------------------------------------------------------- failures

void Exchange::onConnectFailed(const ConnectFailure& failure) {
  FailureFacts known = facts(failure.reason, failure.detail);
  known.error = failure.error;
  known.endpoint = failure.endpoint;
  if (!triesAgainAfter(known)) fail(known);
}

void Exchange::abandon(Reason reason) {
  if (state_ == State::Over) return;
  if (status_ != 0) endTry(status_, Reason::None);
  countEnd(status_, reason);
  worker_.countRequestError(client_.destination(), reason);
  end();
}

void Exchange::failRequest(Reason reason, std::string_view detail) {
  if (state_ == State::Over) return;
  const FailureFacts known{.reason = reason, .detail = std::string(detail)};
  if (status_ == 0) {
    fail(known);
  } else {
    cutShort(known, static_cast<uint32_t>(http2::ErrorCode::ProtocolError));
  }
}

void Exchange::onStreamFailed() {
  const StreamFailure failure = endpoint_->failure();
  if (sendAgain(failure)) return;
  FailureFacts known = facts(failure.reason, failure.detail);
  known.error = failure.error;
  load_.observe(ResponseOutcome{});
  if (status_ == 0 && triesAgainAfter(known)) return;
  const bool relayed = failure.resetCode != 0 && client_.speaksHttp2();
  if (!relayed && status_ == 0) {
    fail(known);
    return;
  }
  // What the endpoint did to the stream is done to the client's; a response cut short without a
  // code must not look complete either.
  cutShort(known, failure.resetCode);
}

// No route, no backend, or a filter's own answer: no endpoint has been asked.
void Exchange::refuse(const Refusal& refusal) {
  FailureFacts known = facts(refusal.reason, refusal.detail);
  known.endpoint = {};
  answer(known, refusal.answer ? *refusal.answer : answerFor(known));
}

void Exchange::fail(const FailureFacts& facts) { answer(facts, answerFor(facts)); }

void Exchange::answer(const FailureFacts& facts, const Answer& answer) {
  endTry(answer.status, facts.reason);
  countEnd(answer.status, facts.reason);
  if (facts.reason != Reason::None) {
    worker_.countRequestError(client_.destination(), facts.reason);
    report(facts, answer.status);
  }
  client_.answer(answer);
  if (!requestEnded_) client_.refuseRest();
  end();
}

// `code`: of RST_STREAM, 0: the endpoint has none to pass on.
void Exchange::cutShort(const FailureFacts& facts, uint32_t code) {
  endTry(status_ != 0 ? status_ : statusOf(facts.reason), facts.reason);
  countEnd(status_, facts.reason);
  worker_.countRequestError(client_.destination(), facts.reason);
  report(facts, 0);
  const bool told = code == 0 && status_ != 0 && client_.endFailed(answerFor(facts));
  if (!told) {
    client_.reset(code != 0 ? code : static_cast<uint32_t>(http2::ErrorCode::InternalError));
  }
  end();
}

void Exchange::report(const FailureFacts& facts, uint16_t status) {
  contract::Failure failure;
  failure.direction = client_.destination().direction;
  failure.reason = facts.reason;
  failure.detail = describeFailure(facts);
  failure.client = client_.client();
  failure.originalDestination = client_.original();
  failure.targetId = route_.target ? route_.target->settings().id : 0;
  failure.routeId = route_.ruleId();
  failure.tries = tries_;
  failure.endpoint = facts.endpoint;
  failure.method = request_.methodText();
  failure.path = request_.path().substr(0, request_.path().find('?'));
  failure.status = status;
  worker_.sink().fail(std::move(failure));
}

void Exchange::countEnd(uint16_t status, Reason reason) {
  const uint64_t tookMs = worker_.loop().nowMs() - arrivedMs_;
  // A body that ends before it began.
  if (status_ != 0 && !latencyTaken_) countFirstByte(route_, status_, tookMs);
  countRequest(route_, outcome(status, reason), tookMs);
}

RouteOutcome Exchange::outcome(uint16_t status, Reason reason) const {
  return {.status = status,
          .grpcStatus = grpcStatus_,
          .reason = reason,
          .synthesized = reason != Reason::None && status_ == 0,
          .untold = grpcUntold_};
}

}  // namespace mesh

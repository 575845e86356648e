// How an exchange that is relayed in place fails: replayed, answered, or cut off; see
// http-connection.h.
#include <utility>

#include "proxy/answer-rendering.h"
#include "proxy/http-connection.h"

namespace mesh {

namespace {
std::string_view pathOf(std::string_view target) { return target.substr(0, target.find('?')); }
}  // namespace

bool HttpConnection::canReplay() const {
  // RFC 9110 §9.2.2, RFC 9112 §9.3.1: once, idempotent methods only, and only when all that was
  // sent can be sent again. A new connection that dies tells of its endpoint (decision 12).
  return !replayed_ && !responseBegun_ && isIdempotent(method_) && !bodyLeft_ &&
         !framing_.upgrade && !overridden_ &&
         (reused_ || target_->balancer().pickableBeside(endpoint_->address()));
}

// With what is known of where the request was going.
FailureFacts HttpConnection::facts(Reason reason, int error, std::string_view detail) const {
  FailureFacts known;
  known.reason = reason;
  known.error = error;
  known.detail = detail;
  if (endpoint_) known.endpoint = endpoint_->address();
  if (target_) known.authority = target_->settings().authority;
  describeRoute(route_, known);
  return known;
}

FailureFacts HttpConnection::endOfEndpoint(const IoCount& got, std::string_view where) const {
  if (got.bytes == 0) return facts(Reason::EndpointClosed, 0, where);
  return facts(Reason::EndpointReset, got.error, where);
}

bool HttpConnection::failExchange(FailureFacts facts) {
  clearTimer();
  const bool gone = facts.reason == Reason::EndpointClosed || facts.reason == Reason::EndpointReset;
  if (endpoint_ && gone && canReplay()) {
    replayed_ = true;
    worker_.recorder().add(target_->replaySeries(destination_->direction));
    const SocketAddress failed = endpoint_->address();
    dropEndpoint();
    load_.abandon();
    state_ = State::Connecting;
    connector_.start(target_, destination_->direction, Reuse::Never, failed);
    return false;
  }
  if (endpoint_) {
    // What the policy makes of a response says nothing about the endpoint.
    if (facts.reason != Reason::InvalidPolicy) load_.observe(ResponseOutcome{});
    endTry(status_ != 0 ? status_ : statusOf(facts.reason), facts.reason);
  }
  if (responsePhase_ == ResponsePhase::Head || !endpoint_) {
    dropEndpoint();
    respond(facts);
    return false;
  }
  // The response has begun: the only honest end is one the client can tell from a complete body.
  countRouteEnd(status_, facts.reason);
  worker_.countRequestError(*destination_, facts.reason);
  report(facts, 0);
  client_->abort();
  end();
  return false;
}

bool HttpConnection::failRequest(Reason reason, std::string detail) {
  load_.abandon();
  if (responsePhase_ != ResponsePhase::Head && state_ == State::Exchanging) {
    return abandon(reason);
  }
  respond({.reason = reason, .detail = std::move(detail)});
  return false;
}

// The client is gone, or has broken the rules after its response began: nobody is there to answer.
bool HttpConnection::abandon(Reason reason) {
  if (endpoint_ && status_ != 0) endTry(status_, Reason::None);
  countRouteEnd(status_, reason);
  worker_.countRequestError(*destination_, reason);
  client_->abort();
  end();
  return false;
}

void HttpConnection::respond(const FailureFacts& facts) {
  const Answer made = answerFor(facts);
  countRouteEnd(made.status, facts.reason);
  worker_.countRequestError(*destination_, facts.reason);
  report(facts, made.status);
  answer(made);
}

// A filter, or the lack of a route or backend: the request goes nowhere.
bool HttpConnection::refuse(const Refusal& refusal) {
  const FailureFacts known = facts(refusal.reason, 0, refusal.detail);
  const Answer made = refusal.answer ? *refusal.answer : answerFor(known);
  countRouteEnd(made.status, refusal.reason);
  if (refusal.reason != Reason::None) {
    worker_.countRequestError(*destination_, refusal.reason);
    report(known, made.status);
  }
  if (requestBody_.complete()) {
    in_.consumed(headBytes_);
  } else {
    // Where the next request begins is known only to who reads this one to its end.
    clientKeepAlive_ = false;
  }
  answer(made);
  return state_ == State::Answering;
}

void HttpConnection::answer(const Answer& answer) {
  const bool keep =
      clientKeepAlive_ && !answer.closes && requestBody_.complete() && !wantsEnd() && !endpoint_;
  const std::string response =
      http1Answer(answer, {.clientMinorVersion = minorVersion_,
                           .keepAlive = keep,
                           .emitHeaders = worker_.emitsErrorHeaders(destination_->direction)});
  worker_.buffers().makeRoom(out_, response.size());
  out_.append(response);
  if (keep) {
    request_.release();
    requestOut_.release();
    target_.reset();
    route_ = {};
    state_ = State::Answering;
  } else {
    closeAfter(std::move(out_));
  }
}

// True when the next request may begin.
bool HttpConnection::flushAnswer() {
  while (!out_.empty()) {
    if (client_->failed()) return abandon(Reason::ClientReset);
    if (!client_->writable()) return false;
    const IoCount wrote = client_->write(out_.view());
    if (wrote.bytes < 0) return wrote.blocked() ? false : abandon(Reason::ClientReset);
    out_.consumed(static_cast<size_t>(wrote.bytes));
  }
  out_.release();
  state_ = State::ReadingHead;
  return true;
}

void HttpConnection::endTry(uint16_t status, Reason reason) {
  endpoint_->counters().responded(status, reason);
  countTryEnd(route_, outcome(status, reason), askedMs_, worker_.loop().nowMs());
}

void HttpConnection::countRouteEnd(uint16_t status, Reason reason) {
  const uint64_t tookMs = worker_.loop().nowMs() - arrivedMs_;
  // A body that ends before it began.
  if (endpoint_ && status_ != 0 && !latencyTaken_) countFirstByte(route_, status_, tookMs);
  // In place there is one try.
  if (std::exchange(tryBegun_, false)) countTryOver(route_, outcome(status, reason));
  countRequest(route_, outcome(status, reason), tookMs);
}

RouteOutcome HttpConnection::outcome(uint16_t status, Reason reason) const {
  const bool responded = endpoint_ && status_ != 0;
  return {.status = status,
          .grpcStatus = -1,
          .reason = reason,
          .synthesized = reason != Reason::None && !responded};
}

void HttpConnection::report(const FailureFacts& facts, uint16_t status) {
  contract::Failure failure;
  failure.direction = destination_->direction;
  failure.reason = facts.reason;
  failure.detail = describeFailure(facts);
  failure.client = client_->peer();
  failure.originalDestination = original_;
  failure.targetId = target_ ? target_->settings().id : 0;
  failure.routeId = route_.ruleId();
  failure.endpoint = facts.endpoint;
  failure.status = status;
  // The request line, from what was sent or would have been: "METHOD TARGET HTTP/1.1".
  const std::string_view source = request_.empty() ? in_.view() : request_.view();
  const std::string_view line = source.substr(0, source.find('\r'));
  const size_t first = line.find(' ');
  if (first != std::string_view::npos) {
    const size_t second = line.find(' ', first + 1);
    failure.method = line.substr(0, first);
    failure.path = pathOf(line.substr(
        first + 1, second == std::string_view::npos ? std::string_view::npos : second - first - 1));
  }
  worker_.sink().fail(std::move(failure));
}

}  // namespace mesh

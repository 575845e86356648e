// How an exchange fails: what is sent again, what is answered, and what cuts the client's half short;
// see exchange.h.
#include "http2/session.h"
#include "proxy/exchange.h"

namespace mesh {

namespace {
// A request that was not processed is sent again; an endpoint that refuses every time is not an
// endpoint that will take it.
constexpr uint8_t MAX_REPLAYS = 2;
}  // namespace

// With what is known of where the request was going.
FailureFacts Exchange::facts(Reason reason, std::string detail) const {
  return {.reason = reason,
          .error = 0,
          .detail = std::move(detail),
          .endpoint = endpoint_ ? endpoint_->endpoint() : SocketAddress(),
          .authority = target_ ? target_->settings().authority : std::string()};
}

void Exchange::onTimeout() {
  if (state_ == State::Routing) {
    DiscoveryWaiter::unlink();
    fail(facts(Reason::DiscoveryTimeout, authority_));
  } else if (state_ == State::Relaying && status_ == 0) {
    fail(facts(Reason::ResponseHeadersTimeout, ""));
  } else if (state_ == State::Relaying) {
    cutShort(facts(Reason::HalfCloseTimeout, ""), static_cast<uint32_t>(http2::ErrorCode::Cancel));
  }
}

void Exchange::onConnectFailed(const ConnectFailure& failure) {
  FailureFacts known = facts(failure.reason, failure.detail);
  known.error = failure.error;
  known.endpoint = failure.endpoint;
  fail(known);
}

void Exchange::abandon(Reason reason) {
  if (state_ == State::Over) return;
  if (endpoint_ && status_ != 0) endpoint_->counters().responded(status_, Reason::None);
  worker_.countRequestError(client_.destination().direction, reason);
  end();
}

void Exchange::failRequest(Reason reason, std::string_view detail) {
  if (state_ == State::Over) return;
  const FailureFacts known{
      .reason = reason, .error = 0, .detail = std::string(detail), .endpoint = {}, .authority = {}};
  if (status_ == 0) {
    fail(known);
  } else {
    cutShort(known, static_cast<uint32_t>(http2::ErrorCode::ProtocolError));
  }
}

bool Exchange::sendAgain(const StreamFailure& failure) {
  if (!failure.unprocessed || bodySent_ || status_ != 0 || replays_ >= MAX_REPLAYS) return false;
  ++replays_;
  worker_.recorder().add(target_->replaySeries(client_.destination().direction));
  dropAttempt();
  connect();
  return true;
}

void Exchange::onStreamFailed() {
  const StreamFailure failure = endpoint_->failure();
  if (sendAgain(failure)) return;
  FailureFacts known = facts(failure.reason, failure.detail);
  known.error = failure.error;
  const bool relayed = failure.resetCode != 0 && client_.speaksHttp2();
  if (!relayed && status_ == 0) {
    fail(known);
    return;
  }
  // What the endpoint did to the stream is done to the client's; a response cut short without a
  // code must not look complete either.
  cutShort(known, failure.resetCode != 0 ? failure.resetCode
                                         : static_cast<uint32_t>(http2::ErrorCode::InternalError));
}

void Exchange::cutShort(const FailureFacts& facts, uint32_t code) {
  if (endpoint_) {
    const uint16_t status = status_ != 0 ? status_ : statusOf(facts.reason);
    endpoint_->counters().responded(status, facts.reason);
  }
  worker_.countRequestError(client_.destination().direction, facts.reason);
  report(facts, 0);
  client_.reset(code);
  end();
}

void Exchange::fail(const FailureFacts& facts) {
  const uint16_t status = statusOf(facts.reason);
  if (endpoint_) endpoint_->counters().responded(status, facts.reason);
  worker_.countRequestError(client_.destination().direction, facts.reason);
  report(facts, status);
  client_.answerFailure(facts, status);
  if (!requestEnded_) client_.refuseRest();
  end();
}

void Exchange::report(const FailureFacts& facts, uint16_t status) {
  contract::Failure failure;
  failure.direction = client_.destination().direction;
  failure.reason = facts.reason;
  failure.detail = describeFailure(facts);
  failure.client = client_.client();
  failure.originalDestination = client_.original();
  failure.targetId = target_ ? target_->settings().id : 0;
  failure.endpoint = facts.endpoint;
  failure.method = request_.methodText();
  failure.path = request_.path().substr(0, request_.path().find('?'));
  failure.status = status;
  worker_.sink().fail(std::move(failure));
}

}  // namespace mesh

// How an exchange that is relayed in place fails: replayed, answered, or cut off; see
// http-connection.h.
#include "proxy/http-connection.h"

namespace mesh {

namespace {
std::string_view pathOf(std::string_view target) { return target.substr(0, target.find('?')); }
}  // namespace

bool HttpConnection::canReplay() const {
  // RFC 9112 §9.3.1: a reused connection may have been closed under the request. Once, idempotent
  // methods only, and only when all that was sent can be sent again.
  return reused_ && !replayed_ && !responseBegun_ && isIdempotent(method_) && !bodyLeft_ &&
         !framing_.upgrade;
}

// With what is known of where the request was going.
FailureFacts HttpConnection::facts(Reason reason, int error, std::string_view detail) const {
  return {.reason = reason,
          .error = error,
          .detail = std::string(detail),
          .endpoint = endpoint_ ? endpoint_->address() : SocketAddress(),
          .authority = target_ ? target_->settings().authority : std::string()};
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
    dropEndpoint();
    load_.abandon();
    state_ = State::Connecting;
    connector_.start(target_, destination_->direction, Reuse::Never);
    return false;
  }
  if (endpoint_) {
    endpoint_->counters().responded(status_ != 0 ? status_ : statusOf(facts.reason), facts.reason);
  }
  if (responsePhase_ == ResponsePhase::Head || !endpoint_) {
    dropEndpoint();
    respond(facts);
    return false;
  }
  // The response has begun: the only honest end is one the client can tell from a complete body.
  worker_.countRequestError(destination_->direction, facts.reason);
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
  respond(
      {.reason = reason, .error = 0, .detail = std::move(detail), .endpoint = {}, .authority = {}});
  return false;
}

// The client is gone, or has broken the rules after its response began: nobody is there to answer.
bool HttpConnection::abandon(Reason reason) {
  if (endpoint_ && status_ != 0) endpoint_->counters().responded(status_, Reason::None);
  worker_.countRequestError(destination_->direction, reason);
  client_->abort();
  end();
  return false;
}

void HttpConnection::respond(const FailureFacts& facts) {
  const uint16_t status = statusOf(facts.reason);
  worker_.countRequestError(destination_->direction, facts.reason);
  report(facts, status);
  const bool emit =
      worker_.settings().emitErrorHeaders && destination_->direction == Direction::Outbound;
  const std::string response = errorResponse(status, describeFailure(facts), emit);
  Buffer rest = worker_.buffers().take(out_.size() + response.size());
  rest.append(out_.view());
  rest.append(response);
  closeAfter(std::move(rest));
}

void HttpConnection::report(const FailureFacts& facts, uint16_t status) {
  contract::Failure failure;
  failure.direction = destination_->direction;
  failure.reason = facts.reason;
  failure.detail = describeFailure(facts);
  failure.client = client_->peer();
  failure.originalDestination = original_;
  failure.targetId = target_ ? target_->settings().id : 0;
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

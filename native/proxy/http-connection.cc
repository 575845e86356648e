// The life of an HTTP/1 client connection and the reading of requests; see http-connection.h.
#include "proxy/http-connection.h"

#include <algorithm>
#include <cstring>

#include "proxy/http1-violations.h"
#include "proxy/lingering-close.h"

namespace mesh {

namespace {
constexpr size_t HEAD_BUFFER_BYTES = 16'384;
}  // namespace

HttpConnection::HttpConnection(Worker& worker, HttpMode mode, DestinationHold destination,
                               const SocketAddress& original, std::unique_ptr<SocketEnd> client,
                               Buffer in)
    : worker_(worker),
      mode_(mode),
      destination_(std::move(destination)),
      original_(original),
      client_(std::move(client)),
      in_(std::move(in)),
      timer_([](void* self) { static_cast<HttpConnection*>(self)->onTimeout(); }, this),
      halfClose_([](void* self) { static_cast<HttpConnection*>(self)->onHalfCloseTimeout(); },
                 this),
      connector_(worker, *this),
      requestBody_(worker.settings().http),
      responseBody_(worker.settings().http) {
  client_->setHandler(*this);
}

void HttpConnection::start(Worker& worker, HttpMode mode, DestinationHold destination,
                           const SocketAddress& original, std::unique_ptr<SocketEnd> client,
                           Buffer in) {
  std::unique_ptr<HttpConnection> connection(new HttpConnection(
      worker, mode, std::move(destination), original, std::move(client), std::move(in)));
  HttpConnection& self = *connection;
  worker.adopt(std::move(connection));
  self.advance();
}

// ---------------------------------------------------------------- events

void HttpConnection::onIo(uint32_t) {
  movedThisTurn_ = 0;
  advance();
}

void HttpConnection::onTurnEnd() {
  movedThisTurn_ = 0;
  advance();
}

void HttpConnection::advance() {
  // Callbacks of the connector may come while a step runs: the loop below goes on with their result.
  if (advancing_ || state_ == State::Ended) return;
  advancing_ = true;
  while (step()) {
  }
  advancing_ = false;
}

// True when there may be more to do at once.
bool HttpConnection::step() {
  switch (state_) {
    case State::ReadingHead:
      return readHead();
    case State::Routing:
    case State::Connecting:
      if (client_->failed()) return abandon(Reason::ClientReset);
      return false;
    case State::Exchanging:
      return exchange();
    case State::Translating:
      return continueTranslated();
    case State::Answering:
      return flushAnswer();
    case State::Ended:
      return false;
  }
  return false;
}

void HttpConnection::onDrain() {
  closing_ = true;
  if (stream_) stream_->endAfter();
  if (state_ == State::ReadingHead && in_.empty()) end();
}

void HttpConnection::onDestinationRemoved(const Destination& destination) {
  if (&*destination_ == &destination) onDrain();
}

void HttpConnection::cut(Reason reason) {
  client_->abort();
  worker_.countConnectionError(destination_->direction, reason);
  if (stream_) stream_->abandon(reason);
  end();
}

// ---------------------------------------------------------------- timers

void HttpConnection::setTimer(TimerRole role, uint64_t delayMs) {
  timerRole_ = role;
  worker_.loop().schedule(timer_, delayMs);
}

void HttpConnection::clearTimer() {
  if (timerRole_ == TimerRole::None) return;
  timerRole_ = TimerRole::None;
  worker_.loop().cancel(timer_);
}

void HttpConnection::onTimeout() {
  const TimerRole role = timerRole_;
  timerRole_ = TimerRole::None;
  movedThisTurn_ = 0;
  switch (role) {
    case TimerRole::None:
      return;
    case TimerRole::Idle:
      // Not an error: the client was free to ask again and did not.
      end();
      return;
    case TimerRole::Head:
      failRequest(Reason::ClientHeadTimeout, "");
      return;
    case TimerRole::Discovery:
      DiscoveryWaiter::unlink();
      failRequest(Reason::DiscoveryTimeout, authority_);
      return;
    case TimerRole::Response:
      failExchange(facts(Reason::ResponseHeadersTimeout, 0, ""));
      advance();
      return;
  }
}

void HttpConnection::onHalfCloseTimeout() {
  worker_.countRequestError(*destination_, Reason::HalfCloseTimeout);
  client_->abort();
  end();
}

// ---------------------------------------------------------------- reading a request

bool HttpConnection::readHead() {
  for (;;) {
    if (!in_.empty()) {
      const http1::ParseOutcome outcome = http1::parseRequestHead(
          in_.view(), worker_.settings().http, progress_, worker_.requestHead());
      if (outcome.state == http1::ParseState::Complete) {
        progress_ = {};
        clearTimer();
        return acceptHead(outcome.consumed);
      }
      if (outcome.state == http1::ParseState::Invalid) {
        return failRequest(requestReasonOf(outcome.violation),
                           std::string(http1::violationName(outcome.violation)));
      }
    } else if (closing_) {
      end();
      return false;
    }
    if (!readMoreOfHead()) return false;
  }
}

// True when bytes came.
bool HttpConnection::readMoreOfHead() {
  if (client_->readable()) {
    const size_t limit = worker_.settings().http.maxHeadBytes;
    if (!in_) in_ = worker_.buffers().take(HEAD_BUFFER_BYTES);
    if (in_.room() == 0) in_.compact();
    if (in_.room() == 0) {
      if (in_.capacity() > limit) {
        failRequest(Reason::RequestHeadTooLarge,
                    std::string(http1::violationName(http1::Violation::HeadTooLarge)));
        return false;
      }
      // One byte more than the limit, so that the parser sees a head that is too large.
      worker_.buffers().makeRoom(in_, limit + 1 - in_.size());
    }
    const IoCount got = client_->read(in_.tail(), in_.room());
    if (got.bytes > 0) {
      in_.produced(static_cast<size_t>(got.bytes));
      return true;
    }
    if (got.bytes == 0) {
      if (!in_.empty()) {
        abandon(Reason::ClientClosed);
      } else {
        end();
      }
      return false;
    }
    if (!got.blocked()) {
      // Between requests a reset is how some clients close.
      if (in_.empty()) {
        end();
      } else {
        abandon(Reason::ClientReset);
      }
      return false;
    }
  }
  if (in_.empty()) {
    in_.release();
    if (timerRole_ != TimerRole::Idle) {
      setTimer(TimerRole::Idle, worker_.settings().clientIdleTimeoutMs);
    }
  } else if (timerRole_ != TimerRole::Head) {
    setTimer(TimerRole::Head, worker_.settings().requestHeadTimeoutMs);
  }
  return false;
}

bool HttpConnection::acceptHead(size_t headBytes) {
  const RequestHead& head = worker_.requestHead();
  framing_ = http1::framingOfRequest(head);
  headBytes_ = headBytes;
  method_ = head.method;
  minorVersion_ = head.minorVersion;
  awaitsContinue_ = framing_.expectContinue;
  clientKeepAlive_ = framing_.keepAlive && !wantsEnd();
  replayed_ = false;
  bodyLeft_ = false;
  overridden_ = false;
  tryBegun_ = false;
  status_ = 0;
  if (framing_.violation != http1::Violation::None) {
    return failRequest(Reason::MalformedRequest,
                       std::string(http1::violationName(framing_.violation)));
  }
  requestBody_.start(framing_, framing_.kind);
  return route();
}

bool HttpConnection::wantsEnd() const {
  return closing_ || worker_.draining() || destination_->removed;
}

// ---------------------------------------------------------------- ends

// The exchange is over on both sides. True when the next request may begin at once.
bool HttpConnection::finishExchange() {
  clearTimer();
  worker_.loop().cancel(halfClose_);
  const bool requestDone = !requestBroken_ && requestSentWhole();
  load_.observe({.status = status_});
  endTry(status_, Reason::None);
  countRouteEnd(status_, Reason::None);
  load_.abandon();
  if (requestDone && endpointKeepAlive_) {
    ++endpoint_->uses;
    EndpointConnection::release(std::move(endpoint_));
  } else {
    dropEndpoint();
  }
  request_.release();
  requestOut_.release();
  out_.release();
  target_.reset();
  route_ = {};
  if (clientKeepAlive_ && requestDone) {
    state_ = State::ReadingHead;
    if (in_.empty()) in_.release();
    return true;
  }
  if (requestDone) {
    closeClient();
  } else {
    closeAfter(Buffer());
  }
  return false;
}

// What the client may still be sending would turn a plain close into a reset.
void HttpConnection::closeClient() {
  if (in_.empty() && !client_->readable()) {
    end();
  } else {
    closeAfter(Buffer());
  }
}

void HttpConnection::closeAfter(Buffer rest) {
  in_.release();
  LingeringClose::start(worker_, std::move(client_), std::move(rest));
  end();
}

void HttpConnection::dropEndpoint() {
  if (endpoint_) EndpointConnection::end(std::move(endpoint_));
}

void HttpConnection::end() {
  if (state_ == State::Ended) return;
  state_ = State::Ended;
  clearTimer();
  worker_.loop().cancel(halfClose_);
  TurnEnd::unlink();
  DiscoveryWaiter::unlink();
  connector_.cancel();
  load_.abandon();
  dropEndpoint();
  if (stream_) {
    // With an exchange that nobody waits for any more; after a `cut` it is over.
    stream_->abandon(Reason::ClientReset);
    worker_.loop().destroyLater(std::move(stream_));
  }
  worker_.retire(*this);
}

}  // namespace mesh

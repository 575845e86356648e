// The life of an HTTP/1 client connection and the request's way to its endpoint; see
// http-connection.h.
#include "proxy/http-connection.h"

#include <algorithm>
#include <cstring>

#include "http1/serializer.h"
#include "proxy/authority-route.h"
#include "proxy/lingering-close.h"
#include "proxy/opaque-forward.h"

namespace mesh {

namespace {
constexpr size_t HEAD_BUFFER_BYTES = 16'384;

Reason reasonOf(http1::Violation violation) {
  if (violation == http1::Violation::HeadTooLarge || violation == http1::Violation::TooManyFields) {
    return Reason::RequestHeadTooLarge;
  }
  if (violation == http1::Violation::UnsupportedVersion) return Reason::UnsupportedVersion;
  return Reason::MalformedRequest;
}
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
    case State::Ended:
      return false;
  }
  return false;
}

void HttpConnection::onDrain() {
  closing_ = true;
  if (state_ == State::ReadingHead && in_.empty()) end();
}

void HttpConnection::onDestinationRemoved(const Destination& destination) {
  if (&*destination_ == &destination) onDrain();
}

void HttpConnection::cut(Reason reason) {
  client_->abort();
  worker_.countConnectionError(destination_->direction, reason);
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
      failExchange({.reason = Reason::ResponseHeadersTimeout,
                    .error = 0,
                    .detail = "",
                    .endpoint = endpoint_->address(),
                    .authority = target_->settings().authority});
      advance();
      return;
  }
}

void HttpConnection::onHalfCloseTimeout() {
  worker_.countRequestError(destination_->direction, Reason::HalfCloseTimeout);
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
        return failRequest(reasonOf(outcome.violation),
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
      Buffer larger = worker_.buffers().take(limit + 1);
      larger.append(in_.view());
      in_ = std::move(larger);
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
  const http1::Framing framing = http1::framingOfRequest(head);
  headBytes_ = headBytes;
  method_ = head.method;
  minorVersion_ = head.minorVersion;
  upgrade_ = framing.upgrade;
  awaitsContinue_ = framing.expectContinue;
  clientKeepAlive_ = framing.keepAlive && !wantsEnd();
  replayed_ = false;
  bodyLeft_ = false;
  if (framing.violation != http1::Violation::None) {
    return failRequest(Reason::MalformedRequest,
                       std::string(http1::violationName(framing.violation)));
  }
  requestBody_.start(framing, framing.kind);
  return route();
}

bool HttpConnection::wantsEnd() const {
  return closing_ || worker_.draining() || destination_->removed;
}

// ---------------------------------------------------------------- routing

bool HttpConnection::route() {
  const uint32_t targetId = routeByAuthority(worker_.requestHead());
  if (state_ == State::Routing) return false;  // parked
  std::shared_ptr<Target> target = targetId == 0 ? nullptr : worker_.target(targetId);
  if (!target) return failRequest(Reason::NoRoute, authority_);
  return sendTo(std::move(target));
}

// The id of the target, or 0; parks the request when the control logic must be asked first.
uint32_t HttpConnection::routeByAuthority(const RequestHead& head) {
  Destination& destination = *destination_;
  if (destination.authorities.empty() && !destination.discoverAuthorities) {
    return destination.targetId;
  }
  if (head.authority == lastRawAuthority_ && lastVersion_ == destination.version &&
      lastTargetId_ != 0) {
    return lastTargetId_;
  }
  const AuthorityRoute answer =
      mesh::routeByAuthority(worker_, destination, head.authority, authority_, *this);
  if (answer.parked) {
    state_ = State::Routing;
    setTimer(TimerRole::Discovery, worker_.settings().discoveryTimeoutMs);
    return 0;
  }
  lastRawAuthority_.assign(head.authority);
  lastVersion_ = destination.version;
  lastTargetId_ = answer.choice.targetId;
  return lastTargetId_;
}

void HttpConnection::onDiscovered() {
  clearTimer();
  // The head was parsed into memory that all connections of the worker use: once more.
  http1::HeadProgress progress;
  const http1::ParseOutcome outcome =
      http1::parseRequestHead(in_.view(), worker_.settings().http, progress, worker_.requestHead());
  MESH_CHECK(outcome.state == http1::ParseState::Complete);
  // An answer for another authority parks the request again, without asking again.
  state_ = State::ReadingHead;
  if (route()) advance();
}

void HttpConnection::onDiscoveryFailed(const std::string& detail) {
  clearTimer();
  failRequest(Reason::DiscoveryFailed, detail.empty() ? authority_ : authority_ + ": " + detail);
}

// ---------------------------------------------------------------- to the endpoint

bool HttpConnection::sendTo(std::shared_ptr<Target> target) {
  const RequestHead& head = worker_.requestHead();
  target_ = std::move(target);
  const bool tunnel = mode_ == HttpMode::ForwardProxy && method_ == Method::Connect;
  if (!tunnel) {
    const size_t startLine = head.methodText.size() + head.target.size() + 16;
    request_ = worker_.buffers().take(
        std::max(http1::serializedBound(head.fields, startLine), HEAD_BUFFER_BYTES / 4));
    http1::Output output(request_.tail(), request_.room());
    const http1::Framing framing = http1::framingOfRequest(head);
    http1::writeRequestHead(output, head, framing,
                            {.keepAlive = true,
                             .keepUpgrade = upgrade_,
                             .fallbackHost = {},
                             .originForm = mode_ == HttpMode::ForwardProxy});
    MESH_CHECK(!output.overflowed());
    request_.produced(output.size());
  } else {
    // Nothing is sent; a failure tells what was asked for.
    request_ = worker_.buffers().take(headBytes_);
    request_.append(in_.view().substr(0, headBytes_));
  }
  in_.consumed(headBytes_);
  // A body that is here and small goes along with the head, in one write, and can be replayed.
  const uint64_t expected = requestBody_.expected();
  if (!tunnel && !requestBody_.complete() && expected > 0 && expected <= in_.size() &&
      expected <= request_.room()) {
    request_.append(in_.view().substr(0, expected));
    requestBody_.written(in_, expected);
  }
  if (in_.empty()) in_.release();
  state_ = State::Connecting;
  connector_.start(target_, destination_->direction, tunnel ? Reuse::Never : Reuse::Allowed);
  return state_ != State::Connecting;
}

void HttpConnection::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  connection->socket().setHandler(*this);
  connection->counters().requested();
  load_ = std::move(load);
  startedNs_ = worker_.loop().nowNs();
  status_ = 0;
  latencyTaken_ = false;
  requestSent_ = 0;
  requestBroken_ = false;
  responseBegun_ = false;
  responsePhase_ = ResponsePhase::Head;
  responseProgress_ = {};
  reused_ = connection->uses > 0;
  if (mode_ == HttpMode::ForwardProxy && method_ == Method::Connect) {
    answerConnect(std::move(connection));
    return;
  }
  endpoint_ = std::move(connection);
  state_ = State::Exchanging;
  advance();
}

void HttpConnection::onConnectFailed(const ConnectFailure& failure) {
  failExchange({.reason = failure.reason,
                .error = failure.error,
                .detail = failure.detail,
                .endpoint = failure.endpoint,
                .authority = target_->settings().authority});
}

// ---------------------------------------------------------------- ends

// The exchange is over on both sides. True when the next request may begin at once.
bool HttpConnection::finishExchange() {
  clearTimer();
  worker_.loop().cancel(halfClose_);
  const bool requestDone = !requestBroken_ && requestSentWhole();
  endpoint_->counters().responded(status_, Reason::None);
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
  if (clientKeepAlive_ && requestDone) {
    state_ = State::ReadingHead;
    if (in_.empty()) in_.release();
    return true;
  }
  // What the client may still be sending would turn a plain close into a reset.
  if (requestDone && in_.empty() && !client_->readable()) {
    end();
  } else {
    closeAfter(Buffer());
  }
  return false;
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
  worker_.retire(*this);
}

}  // namespace mesh

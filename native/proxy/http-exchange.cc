// The relaying of one request and its response, in place; see http-connection.h.
#include <algorithm>
#include <cerrno>

#include "http1/serializer.h"
#include "proxy/http-connection.h"
#include "proxy/http1-violations.h"
#include "proxy/opaque-forward.h"
#include "proxy/remote-error.h"
#include "proxy/response-outcome.h"

namespace mesh {

namespace {
constexpr size_t BODY_BUFFER_BYTES = 65'536;
constexpr size_t RESPONSE_BUFFER_BYTES = 16'384;
// What one exchange may move before other connections get their turn.
constexpr size_t TURN_BYTES = 1 << 20;

size_t fill(std::array<iovec, 3>& parts, std::initializer_list<std::string_view> texts) {
  size_t count = 0;
  for (const std::string_view text : texts) {
    if (text.empty()) continue;
    parts[count++] = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  }
  return count;
}

void consumeFrom(Buffer& buffer, size_t& written) {
  const size_t part = std::min(written, buffer.size());
  if (part > 0) buffer.consumed(part);
  written -= part;
}
}  // namespace

bool HttpConnection::exchange() {
  if (!relayRequest()) return state_ != State::Ended && state_ != State::Exchanging;
  if (!relayResponse()) return state_ != State::Ended && state_ != State::Exchanging;
  if (responsePhase_ == ResponsePhase::Done) {
    if (requestSentWhole() || requestBroken_) return finishExchange();
    // An endpoint that answers early and keeps its connection goes on reading; one that closes it
    // does not, and a client that was not told to continue need not send.
    if (endpointKeepAlive_ && !awaitsContinue_ && !endpoint_->socket().peerClosed()) return false;
    requestBroken_ = true;
    return finishExchange();
  }
  if (client_->failed()) return abandon(Reason::ClientReset);
  // A client that has said all may wait for its answer, but not for ever.
  if (client_->peerClosed() && !halfClose_.armed()) {
    worker_.loop().schedule(halfClose_, worker_.settings().halfCloseTimeoutMs);
  }
  return false;
}

bool HttpConnection::requestSentWhole() const {
  return requestBody_.complete() && requestSent_ == request_.size() && requestOut_.empty();
}

bool HttpConnection::yieldIfGreedy(size_t bytes) {
  movedThisTurn_ += bytes;
  if (movedThisTurn_ < TURN_BYTES) return false;
  worker_.loop().atTurnEnd(*this);
  return true;
}

// ---------------------------------------------------------------- request

// Here and below: false when the exchange has ended or was given to another state.
bool HttpConnection::relayRequest() {
  while (!requestBroken_) {
    const std::string_view head = request_.view().substr(requestSent_);
    const BodyRelay::Piece piece = requestBody_.prepare(in_, requestOut_, worker_.buffers());
    if (piece.violation != http1::Violation::None) {
      dropEndpoint();
      failRequest(requestReasonOf(piece.violation),
                  std::string(http1::violationName(piece.violation)));
      return false;
    }
    if (head.empty() && requestOut_.empty() && piece.direct.empty()) {
      if (requestBody_.complete()) {
        requestOut_.release();
        if (askedMs_ == 0) askedMs_ = worker_.loop().nowMs();
        const uint32_t timeout = target_->settings().responseTimeoutMs;
        if (timeout != 0 && responsePhase_ == ResponsePhase::Head &&
            timerRole_ != TimerRole::Response) {
          setTimer(TimerRole::Response, timeout);
        }
        return true;
      }
      if (!client_->readable()) return true;
      if (!readRequestBody()) return state_ == State::Exchanging;
      continue;
    }
    if (!endpoint_->socket().writable()) return true;
    if (!writeRequest(head, piece.direct)) return true;
  }
  return true;
}

// False when nothing came.
bool HttpConnection::readRequestBody() {
  if (!in_) in_ = worker_.buffers().take(BODY_BUFFER_BYTES);
  if (in_.room() == 0) in_.compact();
  const IoCount got = client_->read(in_.tail(), in_.room());
  if (got.bytes > 0) {
    in_.produced(static_cast<size_t>(got.bytes));
    return true;
  }
  if (got.bytes < 0 && got.blocked()) return false;
  if (responsePhase_ == ResponsePhase::Done) {
    // It has its answer and does not care for the rest.
    requestBroken_ = true;
    return false;
  }
  abandon(got.bytes == 0 ? Reason::ClientClosed : Reason::ClientReset);
  return false;
}

// False when it is time to stop writing.
bool HttpConnection::writeRequest(std::string_view head, std::string_view direct) {
  std::array<iovec, 3> parts;
  const size_t count = fill(parts, {head, requestOut_.view(), direct});
  const IoCount wrote = endpoint_->socket().writeVector({parts.data(), count});
  if (wrote.bytes < 0) {
    // The endpoint may have answered before it closed: the response side finds out.
    if (!wrote.blocked()) requestBroken_ = true;
    return false;
  }
  size_t left = static_cast<size_t>(wrote.bytes);
  const size_t ofHead = std::min(left, head.size());
  requestSent_ += ofHead;
  left -= ofHead;
  if (left > 0) bodyLeft_ = true;
  consumeFrom(requestOut_, left);
  if (left > 0) requestBody_.written(in_, left);
  return !yieldIfGreedy(static_cast<size_t>(wrote.bytes));
}

// ---------------------------------------------------------------- response

bool HttpConnection::relayResponse() {
  if (responsePhase_ == ResponsePhase::Head && !readResponseHead()) return false;
  if (responsePhase_ == ResponsePhase::Body && !relayResponseBody()) return false;
  return true;
}

bool HttpConnection::readResponseHead() {
  SocketEnd& socket = endpoint_->socket();
  Buffer& in = endpoint_->in;
  for (;;) {
    if (!in.empty()) {
      const http1::ParseOutcome outcome = http1::parseResponseHead(
          in.view(), worker_.settings().http, responseProgress_, worker_.responseHead());
      if (outcome.state == http1::ParseState::Complete) {
        responseProgress_ = {};
        if (!acceptResponseHead(outcome.consumed)) return false;
        if (responsePhase_ != ResponsePhase::Head) return true;
        continue;
      }
      if (outcome.state == http1::ParseState::Invalid) {
        return failExchange(
            facts(responseReasonOf(outcome.violation), 0, http1::violationName(outcome.violation)));
      }
    }
    // Interim responses are passed on while the final one is awaited.
    if (!out_.empty() && client_->writable() && !writeResponse({})) return false;
    if (!socket.readable()) return true;
    const size_t limit = worker_.settings().http.maxHeadBytes;
    if (!in) in = worker_.buffers().take(RESPONSE_BUFFER_BYTES);
    if (in.room() == 0) in.compact();
    if (in.room() == 0) worker_.buffers().makeRoom(in, limit + 1 - in.size());
    const IoCount got = socket.read(in.tail(), in.room());
    if (got.bytes > 0) {
      in.produced(static_cast<size_t>(got.bytes));
      responseBegun_ = true;
      continue;
    }
    if (got.bytes < 0 && got.blocked()) return true;
    return failExchange(endOfEndpoint(got, ""));
  }
}

bool HttpConnection::acceptResponseHead(size_t headBytes) {
  ResponseHead& head = worker_.responseHead();
  const http1::Framing framing = http1::framingOfResponse(head, method_, framing_.upgrade);
  if (framing.violation != http1::Violation::None) {
    return failExchange(
        facts(Reason::MalformedResponse, 0, http1::violationName(framing.violation)));
  }
  const bool interim = head.status < 200 && head.status != 101;
  // RFC 9110 §15.2: a 1xx must not be sent to an HTTP/1.0 client.
  if (interim && minorVersion_ == 0) {
    endpoint_->in.consumed(headBytes);
    return true;
  }
  http1::BodyKind outKind = framing.kind;
  if (framing.kind == http1::BodyKind::UntilClose && minorVersion_ == 1) {
    outKind = http1::BodyKind::Chunked;
  } else if (framing.kind == http1::BodyKind::Chunked && minorVersion_ == 0) {
    outKind = http1::BodyKind::UntilClose;
  }
  if (head.status == 100) awaitsContinue_ = false;
  if (!interim) {
    // A client that was told the outcome instead of to go on need not send its body: where the
    // next request would begin is unknown, and it is told so (RFC 9110 §10.1.1).
    if (awaitsContinue_ && !requestBody_.complete()) clientKeepAlive_ = false;
    clientKeepAlive_ = clientKeepAlive_ && !wantsEnd() && outKind != http1::BodyKind::UntilClose;
    endpointKeepAlive_ = framing.keepAlive;
    route_.inFlight.release();
    noteRemoteError(worker_, destination_->direction, head.fields, endpoint_->address());
    load_.answered(outcomeOf(head, -1), worker_.loop().nowNs());
    if (const std::optional<Refusal> refusal = filterResponse(route_, head.fields)) {
      return failExchange(facts(refusal->reason, 0, refusal->detail));
    }
  }
  const size_t bound = http1::serializedBound(head.fields, head.reason.size() + 32);
  if (!out_) {
    out_ = worker_.buffers().take(bound);
  } else if (out_.room() < bound) {
    // A client that does not read interim responses is not given more of them.
    if (interim) {
      endpoint_->in.consumed(headBytes);
      return true;
    }
    worker_.buffers().makeRoom(out_, bound);
  }
  http1::Output output(out_.tail(), out_.room());
  http1::writeResponseHead(output, head, framing,
                           {.clientMinorVersion = minorVersion_,
                            .keepAlive = clientKeepAlive_,
                            .keepUpgrade = framing.upgrade,
                            .bodyKind = outKind});
  MESH_CHECK(!output.overflowed());
  out_.produced(output.size());
  const uint16_t status = head.status;
  endpoint_->in.consumed(headBytes);
  if (interim) return true;

  clearTimer();
  status_ = status;
  if (framing.upgrade) return becomeOpaque();
  responseBody_.start(framing, outKind);
  responsePhase_ = ResponsePhase::Body;
  return true;
}

bool HttpConnection::firstByteOfBody() {
  if (latencyTaken_) return true;
  latencyTaken_ = true;
  const uint64_t now = worker_.loop().nowNs();
  load_.finish(now);
  endpoint_->counters().latency(status_, (now - startedNs_) / 1'000'000);
  countFirstByte(route_, status_, worker_.loop().nowMs() - arrivedMs_);
  return true;
}

bool HttpConnection::relayResponseBody() {
  SocketEnd& socket = endpoint_->socket();
  Buffer& in = endpoint_->in;
  for (;;) {
    if (!in.empty() || responseBody_.complete()) firstByteOfBody();
    const BodyRelay::Piece piece = responseBody_.prepare(in, out_, worker_.buffers());
    if (piece.violation != http1::Violation::None) {
      return failExchange(
          facts(responseReasonOf(piece.violation), 0, http1::violationName(piece.violation)));
    }
    if (!out_.empty() || !piece.direct.empty()) {
      if (!client_->writable()) return true;
      if (!writeResponse(piece.direct)) return state_ == State::Exchanging;
      continue;
    }
    if (responseBody_.complete()) {
      responsePhase_ = ResponsePhase::Done;
      return true;
    }
    if (!socket.readable()) {
      in.release();
      return true;
    }
    if (!in || in.capacity() < BODY_BUFFER_BYTES) in = worker_.buffers().take(BODY_BUFFER_BYTES);
    const IoCount got = socket.read(in.tail(), in.room());
    if (got.bytes > 0) {
      in.produced(static_cast<size_t>(got.bytes));
      continue;
    }
    if (got.bytes < 0 && got.blocked()) return true;
    // After a failed write the error is out of the socket, which then reads like one closed in order.
    const bool orderly = got.bytes == 0 && socket.error() == 0;
    if (orderly && responseBody_.sourceEnded(out_, worker_.buffers())) continue;
    return failExchange(endOfEndpoint(got, "in the body"));
  }
}

// False when it is time to stop: the client is gone, or others have their turn.
bool HttpConnection::writeResponse(std::string_view direct) {
  std::array<iovec, 3> parts;
  const size_t count = fill(parts, {out_.view(), direct});
  const IoCount wrote = client_->writeVector({parts.data(), count});
  if (wrote.bytes < 0) {
    if (wrote.blocked()) return true;
    abandon(Reason::ClientReset);
    return false;
  }
  size_t left = static_cast<size_t>(wrote.bytes);
  consumeFrom(out_, left);
  if (left > 0) responseBody_.written(endpoint_->in, left);
  return !yieldIfGreedy(static_cast<size_t>(wrote.bytes));
}

// ---------------------------------------------------------------- upgrades

bool HttpConnection::becomeOpaque() {
  firstByteOfBody();
  load_.observe({.status = status_});
  endTry(status_, Reason::None);
  countRouteEnd(status_, Reason::None);
  // What either side has already sent beyond the heads belongs to the new protocol.
  Buffer toClient = std::move(out_);
  Buffer& early = endpoint_->in;
  if (!early.empty()) {
    Buffer both = worker_.buffers().take(toClient.size() + early.size());
    both.append(toClient.view());
    both.append(early.view());
    toClient = std::move(both);
  }
  std::unique_ptr<SocketEnd> socket = EndpointConnection::takeSocket(std::move(endpoint_));
  OpaqueForward::join(worker_, std::move(destination_), original_, std::move(client_),
                      std::move(in_), std::move(socket), std::move(toClient));
  end();
  return false;
}

bool HttpConnection::answerConnect(std::unique_ptr<EndpointConnection> connection) {
  // RFC 9110 §9.3.6: no framing fields in a 2xx to CONNECT.
  constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";
  endpoint_ = std::move(connection);
  status_ = 200;
  out_ = worker_.buffers().take(established.size());
  out_.append(established);
  return becomeOpaque();
}

}  // namespace mesh

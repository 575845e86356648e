// See http1-client-stream.h.
#include "proxy/http1-client-stream.h"

#include <algorithm>

#include "http/reason-phrase.h"
#include "http1/serializer.h"
#include "proxy/answer-rendering.h"
#include "proxy/http1-violations.h"
#include "proxy/worker.h"

namespace mesh {

namespace {
constexpr size_t BODY_BYTES = 65'536;
// What of a request's body may wait in the proxy before more is read, at most one more piece aside.
constexpr size_t HELD_BYTES = 65'536;
constexpr size_t OUT_BYTES = 65'536;
}  // namespace

Http1ClientStream::Http1ClientStream(const Parts& parts, const RequestHead& head,
                                     const http1::Framing& framing, bool keepAlive)
    : parts_(parts),
      method_(head.method),
      minorVersion_(head.minorVersion),
      keepAlive_(keepAlive),
      awaitsContinue_(framing.expectContinue),
      requestBody_(parts.worker.settings().http),
      halfClose_([](void* self) { static_cast<Http1ClientStream*>(self)->onHalfCloseTimeout(); },
                 this),
      exchange_(*this, head,
                framing.kind == http1::BodyKind::None ||
                    (framing.kind == http1::BodyKind::Length && framing.length == 0)) {
  requestBody_.start(framing, http1::BodyKind::UntilClose);
  requestEnded_ = requestBody_.complete();
}

Http1ClientStream::~Http1ClientStream() { parts_.worker.loop().cancel(halfClose_); }

Http1ClientStream::Outcome Http1ClientStream::advance() {
  relayRequest();
  flush();
  if (offersRoom_ && out_.empty() && !gone_) {
    offersRoom_ = false;
    exchange_.onRoom();
    flush();
  }
  if (gone_ || parts_.socket.failed()) {
    exchange_.abandon(Reason::ClientReset);
    return Outcome::Abort;
  }
  if (aborting_) return Outcome::Abort;
  if (released_ && out_.empty()) {
    const bool whole = responseEnded_ && requestEnded_;
    return keepAlive_ && whole ? Outcome::NextRequest : Outcome::Close;
  }
  // A client that has said all may wait for its answer, but not for ever.
  if (parts_.socket.peerClosed() && !halfClose_.armed()) {
    parts_.worker.loop().schedule(halfClose_, parts_.worker.settings().halfCloseTimeoutMs);
  }
  return Outcome::Going;
}

void Http1ClientStream::onHalfCloseTimeout() {
  if (exchange_.over()) {
    parts_.worker.countRequestError(parts_.destination, Reason::HalfCloseTimeout);
  } else {
    exchange_.abandon(Reason::HalfCloseTimeout);
  }
  aborting_ = true;
  advanceLater();
}

void Http1ClientStream::advanceLater() { parts_.worker.loop().atTurnEnd(parts_.turnEnd); }

// ---------------------------------------------------------------- request

void Http1ClientStream::relayRequest() {
  while (!requestEnded_ && !exchange_.over() && held_ < HELD_BYTES) {
    if (!takeBody() && !readMore()) return;
  }
}

// True when something of the body was there.
bool Http1ClientStream::takeBody() {
  const BodyRelay::Piece piece = requestBody_.prepare(parts_.in, decoded_, parts_.worker.buffers());
  if (piece.violation != http1::Violation::None) {
    exchange_.failRequest(requestReasonOf(piece.violation), http1::violationName(piece.violation));
    return true;
  }
  const bool direct = decoded_.empty();
  const std::string_view data = direct ? piece.direct : decoded_.view();
  if (!data.empty()) {
    held_ += data.size();
    exchange_.onData(data);
    if (direct) {
      requestBody_.written(parts_.in, data.size());
    } else {
      decoded_.release();
    }
  }
  if (requestBody_.complete() && !requestEnded_) endRequest();
  return !data.empty() || requestEnded_;
}

void Http1ClientStream::endRequest() {
  requestEnded_ = true;
  if (parts_.in.empty()) parts_.in.release();
  FieldTable& trailers = parts_.worker.requestHead().fields;
  trailers.count = 0;
  std::string text(requestBody_.trailers());
  if (!text.empty()) {
    // As the parser wants it: with the empty line. What the decoder kept is within its limits.
    text.append("\r\n");
    http1::HeadProgress progress;
    (void)http1::parseFields(text, parts_.worker.settings().http, progress, trailers);
  }
  exchange_.onEnd(trailers);
}

// False when nothing came.
bool Http1ClientStream::readMore() {
  if (!parts_.socket.readable()) return false;
  Buffer& in = parts_.in;
  if (!in) in = parts_.worker.buffers().take(BODY_BYTES);
  if (in.room() == 0) in.compact();
  const IoCount got = parts_.socket.read(in.tail(), in.room());
  if (got.bytes > 0) {
    in.produced(static_cast<size_t>(got.bytes));
    return true;
  }
  if (got.bytes < 0 && got.blocked()) return false;
  exchange_.abandon(got.bytes == 0 ? Reason::ClientClosed : Reason::ClientReset);
  aborting_ = true;
  return false;
}

void Http1ClientStream::consumed(size_t bytes) {
  const bool full = held_ >= HELD_BYTES;
  held_ -= bytes;
  if (full && held_ < HELD_BYTES) advanceLater();
}

// ---------------------------------------------------------------- response

// How the body of a final response is written; its length goes into `framing`.
http1::BodyKind Http1ClientStream::kindOf(const ResponseHead& head, bool last,
                                          http1::Framing& framing) const {
  if (method_ == Method::Head || head.status == 204 || head.status == 304) {
    return http1::BodyKind::None;
  }
  const Field* length = head.fields.find(FieldId::ContentLength);
  if (length != nullptr || last) {
    // Neither kind of endpoint lets through a length that is none.
    framing.length = length == nullptr ? 0 : http1::parseContentLength(length->value).value_or(0);
    return http1::BodyKind::Length;
  }
  return minorVersion_ == 1 ? http1::BodyKind::Chunked : http1::BodyKind::UntilClose;
}

void Http1ClientStream::respond(const ResponseHead& head, bool last, Origin origin) {
  const bool interim = head.status < 200;
  // RFC 9110 §15.2: a 1xx must not be sent to an HTTP/1.0 client.
  if (interim && minorVersion_ == 0) return;
  const std::string_view phrase = head.reason.empty() ? reasonPhrase(head.status) : head.reason;
  const size_t bound = http1::serializedBound(head.fields, phrase.size() + 32);
  // A client that does not read interim responses is not given more of them.
  if (interim && out_.size() + bound > OUT_BYTES) return;
  if (head.status == 100) awaitsContinue_ = false;
  http1::Framing framing;
  if (!interim) {
    responseKind_ = kindOf(head, last, framing);
    responseLeft_ = framing.length;
    // A client that was told the outcome instead of to go on need not send its body (RFC 9110
    // §10.1.1).
    if (awaitsContinue_ && !requestEnded_) keepAlive_ = false;
    if (responseKind_ == http1::BodyKind::UntilClose) keepAlive_ = false;
    if (parts_.worker.draining() || parts_.destination.removed) keepAlive_ = false;
    responseEnded_ = last;
  }
  parts_.worker.buffers().makeRoom(out_, bound);
  http1::Output output(out_.tail(), out_.room());
  http1::writeResponseHead(output, head, framing,
                           {.clientMinorVersion = minorVersion_,
                            .keepAlive = keepAlive_,
                            .keepUpgrade = false,
                            .bodyKind = responseKind_,
                            .reason = phrase,
                            .synthesized = origin == Origin::Proxy});
  MESH_CHECK(!output.overflowed());
  out_.produced(output.size());
  advanceLater();
}

size_t Http1ClientStream::sendData(std::string_view data) {
  // An answer to HEAD, 204 or 304 has none, whatever came.
  if (responseKind_ == http1::BodyKind::None) return data.size();
  size_t taken = 0;
  while (taken < data.size() && !gone_) {
    size_t room = BodyRelay::roomToEncode(out_, parts_.worker.buffers());
    if (room == 0) {
      flush();
      room = BodyRelay::roomToEncode(out_, parts_.worker.buffers());
    }
    if (room == 0) break;
    const std::string_view piece = data.substr(taken, room);
    BodyRelay::encode(piece, responseKind_, out_);
    taken += piece.size();
    responseLeft_ -= std::min<uint64_t>(responseLeft_, piece.size());
  }
  offersRoom_ = taken < data.size();
  advanceLater();
  return taken;
}

void Http1ClientStream::sendEnd(const FieldTable& trailers) {
  if (responseKind_ == http1::BodyKind::Length && responseLeft_ > 0) {
    // Nothing that was announced is missing, or the client is told so.
    aborting_ = true;
  }
  responseEnded_ = true;
  if (responseKind_ == http1::BodyKind::Chunked) {
    BodyRelay::encodeLastChunk(fieldLines(trailers), out_, parts_.worker.buffers());
  }
  advanceLater();
}

void Http1ClientStream::answer(const Answer& answer) {
  keepAlive_ = keepAlive_ && !answer.closes && requestEnded_ && !parts_.worker.draining() &&
               !parts_.destination.removed;
  const std::string response = http1Answer(
      answer, {.clientMinorVersion = minorVersion_,
               .keepAlive = keepAlive_,
               .emitHeaders = parts_.worker.emitsErrorHeaders(parts_.destination.direction)});
  parts_.worker.buffers().makeRoom(out_, response.size());
  out_.append(response);
  responseEnded_ = true;
  advanceLater();
}

void Http1ClientStream::reset(uint32_t) {
  aborting_ = true;
  advanceLater();
}

void Http1ClientStream::release() {
  released_ = true;
  advanceLater();
}

void Http1ClientStream::flush() {
  while (!out_.empty() && !gone_ && parts_.socket.writable()) {
    const IoCount wrote = parts_.socket.write(out_.view());
    if (wrote.bytes < 0) {
      gone_ = !wrote.blocked();
      return;
    }
    out_.consumed(static_cast<size_t>(wrote.bytes));
  }
  if (out_.empty()) out_.release();
}

}  // namespace mesh

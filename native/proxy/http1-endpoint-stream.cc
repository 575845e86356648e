// See http1-endpoint-stream.h.
#include "proxy/http1-endpoint-stream.h"

#include <algorithm>
#include <array>

#include "http1/serializer.h"
#include "proxy/http1-violations.h"
#include "proxy/websocket-handshake.h"
#include "proxy/worker.h"

namespace mesh {

namespace {
constexpr size_t READ_BYTES = 16'384;
constexpr size_t BODY_BYTES = 65'536;
}  // namespace

Http1EndpointStream::Http1EndpointStream(Worker& worker, EndpointStreamOwner& owner,
                                         std::unique_ptr<EndpointConnection> connection)
    : worker_(worker),
      owner_(owner),
      connection_(std::move(connection)),
      reused_(connection_->uses > 0),
      requestBody_(worker.settings().http),
      responseBody_(worker.settings().http) {
  connection_->socket().setHandler(*this);
}

Http1EndpointStream::~Http1EndpointStream() { close(); }

void Http1EndpointStream::onIo(uint32_t) { owner_.onEndpointStream(); }

void Http1EndpointStream::start(RequestHead& head, bool last) {
  method_ = head.method;
  if (!head.protocol.empty()) {
    startWebsocket(head);
    return;
  }
  // RFC 9113 §8.1.1: a content-length that is there is right, or the client's half ends the stream.
  const Field* length = head.fields.find(FieldId::ContentLength);
  http1::Framing framing;
  framing.kind = http1::BodyKind::None;
  if (length != nullptr) {
    framing.kind = http1::BodyKind::Length;
    const std::optional<uint64_t> bytes = http1::parseContentLength(length->value);
    framing.length = bytes.value_or(0);
  } else if (!last) {
    framing.kind = http1::BodyKind::Chunked;
  }
  writeHead(head, framing);
  // What the client's half gives has no framing of its own: its end is told.
  http1::Framing incoming = framing;
  if (framing.kind == http1::BodyKind::Chunked) incoming.kind = http1::BodyKind::UntilClose;
  requestBody_.start(incoming, framing.kind);
  endEncoded_ = requestBody_.complete();
}

void Http1EndpointStream::writeHead(const RequestHead& head, const http1::Framing& framing) {
  const size_t startLine = head.methodText.size() + head.target.size() + 16;
  out_ = worker_.buffers().take(http1::serializedBound(head.fields, startLine));
  http1::Output output(out_.tail(), out_.room());
  http1::writeRequestHead(output, head, framing,
                          {.keepAlive = true,
                           .keepUpgrade = tunnel_ == Tunnel::Asked,
                           .fallbackHost = head.authority,
                           .originForm = false});
  MESH_CHECK(!output.overflowed());
  out_.produced(output.size());
}

void Http1EndpointStream::startWebsocket(RequestHead& head) {
  tunnel_ = Tunnel::Asked;
  websocketKey_ = websocketKey(worker_.random());
  if (!askForWebsocket(head, websocketKey_)) {
    broken_ = true;
    fail(Reason::RequestHeadTooLarge, 0, "no room for the WebSocket handshake");
    return;
  }
  method_ = Method::Get;
  writeHead(head, {});
}

bool Http1EndpointStream::requestSent() const { return broken_ || (endEncoded_ && out_.empty()); }

void Http1EndpointStream::send(Buffer& body, bool ended, const FieldTable& trailers) {
  while (!broken_) {
    // Until a tunnel is open only its request goes.
    const bool bodyGoes = tunnel_ != Tunnel::Asked;
    BodyRelay::Piece piece;
    if (bodyGoes) {
      piece = requestBody_.prepare(body, out_, worker_.buffers());
      if (requestBody_.complete()) endEncoded_ = true;
      if (ended && !endEncoded_ && body.empty()) {
        endEncoded_ = true;
        if (!requestBody_.sourceEnded(out_, worker_.buffers(), fieldLines(trailers))) {
          broken_ = true;
        }
      }
    }
    if (out_.empty() && piece.direct.empty()) {
      out_.release();
      if (endEncoded_ && tunnel_ == Tunnel::Open) connection_->socket().finishWriting();
      return;
    }
    if (!connection_->socket().writable()) return;
    if (!write(body, piece.direct)) return;
  }
}

// False when nothing more goes now.
bool Http1EndpointStream::write(Buffer& body, std::string_view direct) {
  std::array<iovec, 2> parts;
  size_t count = 0;
  for (const std::string_view text : {out_.view(), direct}) {
    if (text.empty()) continue;
    parts[count++] = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  }
  const IoCount wrote = connection_->socket().writeVector({parts.data(), count});
  if (wrote.bytes < 0) {
    // It may have answered before it closed: the response side finds out.
    if (!wrote.blocked()) broken_ = true;
    return false;
  }
  const size_t bytes = static_cast<size_t>(wrote.bytes);
  const size_t ofOut = std::min(bytes, out_.size());
  if (ofOut > 0) out_.consumed(ofOut);
  if (bytes > ofOut) requestBody_.written(body, bytes - ofOut);
  return true;
}

// ---------------------------------------------------------------- response

EndpointStream::Next Http1EndpointStream::next() {
  switch (phase_) {
    case Phase::Head:
      return nextHead();
    case Phase::Body:
      return nextBody();
    case Phase::Done:
      return Next::End;
    case Phase::Failed:
      return Next::Failed;
  }
  return Next::Failed;
}

EndpointStream::Next Http1EndpointStream::nextHead() {
  Buffer& in = connection_->in;
  for (;;) {
    if (!in.empty()) {
      ResponseHead& head = worker_.responseHead();
      const http1::ParseOutcome outcome =
          http1::parseResponseHead(in.view(), worker_.settings().http, progress_, head);
      if (outcome.state == http1::ParseState::Invalid) {
        return fail(responseReasonOf(outcome.violation), 0,
                    http1::violationName(outcome.violation));
      }
      if (outcome.state == http1::ParseState::Complete) {
        progress_ = {};
        // The head's views stand in the buffer, which keeps its bytes until more are read.
        in.consumed(outcome.consumed);
        return acceptHead(head);
      }
    }
    const Next read = readMore(READ_BYTES, "");
    if (read != Next::Data) return read;
  }
}

EndpointStream::Next Http1EndpointStream::acceptHead(ResponseHead& head) {
  const bool asked = tunnel_ == Tunnel::Asked;
  const http1::Framing framing = http1::framingOfResponse(head, method_, asked);
  if (framing.violation != http1::Violation::None) {
    return fail(Reason::MalformedResponse, 0, http1::violationName(framing.violation));
  }
  if (head.status == 101) return openTunnel(head);
  if (head.status < 200) return Next::Head;
  // To an extended CONNECT it would mean that the tunnel is open.
  if (asked && head.status < 300) {
    return fail(Reason::MalformedResponse, 0, "no upgrade to WebSocket");
  }
  keepAlive_ = framing.keepAlive;
  responseBody_.start(framing, http1::BodyKind::UntilClose);
  phase_ = Phase::Body;
  return Next::Head;
}

EndpointStream::Next Http1EndpointStream::openTunnel(ResponseHead& head) {
  if (!agreesToWebsocket(head, websocketKey_)) {
    return fail(Reason::MalformedResponse, 0, "wrong answer to the WebSocket handshake");
  }
  acceptWebsocket(head);
  tunnel_ = Tunnel::Open;
  http1::Framing bytes;
  bytes.kind = http1::BodyKind::UntilClose;
  requestBody_.start(bytes, http1::BodyKind::UntilClose);
  responseBody_.start(bytes, http1::BodyKind::UntilClose);
  endEncoded_ = false;
  phase_ = Phase::Body;
  return Next::Head;
}

EndpointStream::Next Http1EndpointStream::nextBody() {
  Buffer& in = connection_->in;
  for (;;) {
    const BodyRelay::Piece piece = responseBody_.prepare(in, decoded_, worker_.buffers());
    if (piece.violation != http1::Violation::None) {
      return fail(responseReasonOf(piece.violation), 0, http1::violationName(piece.violation));
    }
    direct_ = decoded_.empty();
    data_ = direct_ ? piece.direct : decoded_.view();
    if (!data_.empty()) return Next::Data;
    if (responseBody_.complete()) {
      decoded_.release();
      phase_ = Phase::Done;
      // As the parser wants it: with the empty line.
      if (!responseBody_.trailers().empty()) {
        trailerText_.assign(responseBody_.trailers()).append("\r\n");
      }
      return Next::End;
    }
    const Next read = readMore(BODY_BYTES, "in the body");
    if (read == Next::Nothing) in.release();
    if (read == Next::Failed && failure_.reason == Reason::EndpointClosed &&
        connection_->socket().error() == 0 &&
        responseBody_.sourceEnded(decoded_, worker_.buffers())) {
      failure_ = {};
      phase_ = Phase::Body;
      keepAlive_ = false;
      continue;
    }
    if (read != Next::Data) return read;
  }
}

void Http1EndpointStream::consumed(size_t bytes) {
  if (direct_) {
    responseBody_.written(connection_->in, bytes);
  } else {
    decoded_.consumed(bytes);
  }
}

EndpointStream::Next Http1EndpointStream::readMore(size_t size, std::string_view where) {
  SocketEnd& socket = connection_->socket();
  if (!socket.readable()) return Next::Nothing;
  Buffer& in = connection_->in;
  if (in.empty() && in.capacity() < size) in = worker_.buffers().take(size);
  if (in.room() == 0) in.compact();
  // One byte more than a head may have, so that the parser sees one that is too large.
  if (in.room() == 0)
    worker_.buffers().makeRoom(in, worker_.settings().http.maxHeadBytes + 1 - in.size());
  const IoCount got = socket.read(in.tail(), in.room());
  if (got.bytes > 0) {
    in.produced(static_cast<size_t>(got.bytes));
    begun_ = true;
    return Next::Data;
  }
  if (got.bytes < 0 && got.blocked()) return Next::Nothing;
  return fail(got.bytes == 0 ? Reason::EndpointClosed : Reason::EndpointReset,
              got.bytes == 0 ? 0 : got.error, where);
}

const ResponseHead& Http1EndpointStream::head() const { return worker_.responseHead(); }

const FieldTable& Http1EndpointStream::trailers() const {
  FieldTable& table = worker_.responseHead().fields;
  table.count = 0;
  if (!trailerText_.empty()) {
    http1::HeadProgress progress;
    const http1::ParseOutcome outcome =
        http1::parseFields(trailerText_, worker_.settings().http, progress, table);
    MESH_CHECK(outcome.state == http1::ParseState::Complete);
  }
  return table;
}

EndpointStream::Next Http1EndpointStream::fail(Reason reason, int error, std::string_view detail) {
  phase_ = Phase::Failed;
  keepAlive_ = false;
  const bool gone = reason == Reason::EndpointClosed || reason == Reason::EndpointReset;
  const bool repeatable = gone && !begun_ && isIdempotent(method_);
  failure_ = {.reason = reason,
              .error = error,
              .detail = std::string(detail),
              .resetCode = 0,
              // RFC 9112 §9.3.1: a reused connection may have been closed under the request.
              .unprocessed = repeatable && reused_,
              .repeatable = repeatable};
  return Next::Failed;
}

void Http1EndpointStream::close() {
  if (!connection_) return;
  const bool complete = phase_ == Phase::Done && keepAlive_ && !broken_ && requestSent();
  // Bytes without a framing look complete when they just end.
  if (tunnel_ == Tunnel::Open && (phase_ != Phase::Done || !requestSent())) {
    connection_->socket().abort();
  }
  out_.release();
  decoded_.release();
  if (complete) {
    ++connection_->uses;
    EndpointConnection::release(std::move(connection_));
  } else {
    EndpointConnection::end(std::move(connection_));
  }
}

}  // namespace mesh

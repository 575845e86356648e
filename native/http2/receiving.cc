// The peer's frames, as nghttp2 reports them. What is invalid within the protocol nghttp2 has
// answered by then; what is allowed but too much ends the connection here.
#include "base/check.h"
#include "http2/nghttp-session.h"

namespace mesh::http2 {
namespace {

// What nghttp2 says when it gives up altogether, without a GOAWAY of its own.
struct Fatal {
  ErrorCode code;
  std::string_view detail;
};

Fatal fatalOf(ssize_t result) {
  switch (result) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return {ErrorCode::ProtocolError, "bad connection preface"};
    case NGHTTP2_ERR_FLOODED:
      return {ErrorCode::EnhanceYourCalm, "answers to PING or SETTINGS are not read"};
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return {ErrorCode::EnhanceYourCalm, "CONTINUATION flood"};
    default:
      return {ErrorCode::InternalError, nghttp2_strerror(static_cast<int>(result))};
  }
}

bool endsStream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

bool isAck(const nghttp2_frame_hd& header) { return (header.flags & NGHTTP2_FLAG_ACK) != 0; }

const FieldTable NO_FIELDS{};

}  // namespace

bool NghttpSession::receive(std::string_view bytes) {
  MESH_CHECK(!busy_);
  if (failed_) return false;
  limits_.setTime(settings_.nowMs());
  busy_ = true;
  const ssize_t result = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  busy_ = false;
  if (result < 0 && !failed_) {
    const Fatal fatal = fatalOf(result);
    fail(fatal.code, fatal.detail);
  }
  // Also shows whether nghttp2 has a GOAWAY to send: it does not tell in any other way.
  pump();
  if (failed_) collector_.drop();
  return !failed_;
}

int NghttpSession::fail(ErrorCode code, std::string_view detail) {
  failed_ = true;
  goawayOwed_ = true;
  failure_ = code;
  failureDetail_ = detail;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int NghttpSession::onFrameBegin(const nghttp2_frame_hd& header) {
  Abuse abuse;
  switch (header.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_PUSH_PROMISE:
      return 0;
    case NGHTTP2_RST_STREAM:
      // Streams of ours are the peer's to refuse.
      if (role_ == Role::Client) return 0;
      abuse = Abuse::Reset;
      break;
    case NGHTTP2_SETTINGS:
      if (isAck(header)) return 0;
      abuse = Abuse::Settings;
      break;
    case NGHTTP2_PING:
      if (isAck(header) && pingsUnanswered_ > 0) return 0;
      abuse = Abuse::Ping;
      break;
    case NGHTTP2_PRIORITY:
      abuse = Abuse::Priority;
      break;
    case NGHTTP2_WINDOW_UPDATE:
      abuse = Abuse::WindowUpdate;
      break;
    case NGHTTP2_GOAWAY:
      abuse = Abuse::Goaway;
      break;
    default:
      return 0;
  }
  return limits_.allow(abuse) ? 0 : failBy(abuse);
}

int NghttpSession::onFrameReceived(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      return onHeadReceived(frame);
    case NGHTTP2_DATA:
      return onDataReceived(frame);
    case NGHTTP2_RST_STREAM:
      return onResetReceived(frame.hd.stream_id);
    case NGHTTP2_WINDOW_UPDATE:
      roomChanged_ = true;
      return 0;
    case NGHTTP2_SETTINGS:
      if (isAck(frame.hd)) return 0;
      roomChanged_ = true;
      if (role_ == Role::Client) handler_.onPeerSettings();
      return 0;
    case NGHTTP2_PING:
      if (!isAck(frame.hd) || pingsUnanswered_ == 0) return 0;
      --pingsUnanswered_;
      ++pongs_;
      return 0;
    case NGHTTP2_GOAWAY:
      goawayReceived_ = true;
      handler_.onGoaway(static_cast<ErrorCode>(frame.goaway.error_code));
      return 0;
    default:
      return 0;
  }
}

// ---------------------------------------------------------------- heads and trailers

HeaderCollector::Kind NghttpSession::kindOf(const Stream& stream) const {
  if (stream.closed || stream.muted || stream.discarded) return HeaderCollector::Kind::Nothing;
  if (role_ == Role::Server || stream.finalResponse) return HeaderCollector::Kind::Trailers;
  return HeaderCollector::Kind::Response;
}

int NghttpSession::onHeadersBegin(const nghttp2_frame& frame) {
  const StreamId id = frame.hd.stream_id;
  if (frame.hd.type != NGHTTP2_HEADERS) {
    collector_.begin(id, HeaderCollector::Kind::Nothing);
    return 0;
  }
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    streams_.try_emplace(id, id);
    ++open_;
    collector_.begin(id, HeaderCollector::Kind::Request);
    return 0;
  }
  const Stream* stream = find(id);
  collector_.begin(id, stream == nullptr ? HeaderCollector::Kind::Nothing : kindOf(*stream));
  return 0;
}

int NghttpSession::onHeader(const nghttp2_frame& frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                            bool neverIndexed) {
  if (collector_.stream() != frame.hd.stream_id) return 0;
  if (collector_.add(name, value, neverIndexed) == HeaderCollector::Verdict::Fine) return 0;
  return fail(ErrorCode::EnhanceYourCalm, "header bomb");
}

int NghttpSession::onInvalidFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_HEADERS && collector_.stream() == frame.hd.stream_id) {
    collector_.drop();
  }
  return 0;
}

int NghttpSession::onHeadReceived(const nghttp2_frame& frame) {
  Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  limits_.onUsefulFrame();
  if (endsStream(frame)) stream->remoteEnded = true;
  const End end = endsStream(frame) ? End::Last : End::More;
  const HeaderCollector::Kind kind =
      collector_.stream() == stream->id ? collector_.kind() : HeaderCollector::Kind::Nothing;
  int result = 0;
  // A handler may have reset the stream since the block began.
  if (!stream->muted) {
    switch (kind) {
      case HeaderCollector::Kind::Request:
        result = onRequestReceived(*stream, end);
        break;
      case HeaderCollector::Kind::Response:
        result = onResponseReceived(*stream, end);
        break;
      case HeaderCollector::Kind::Trailers:
        result = onTrailersReceived(*stream);
        break;
      case HeaderCollector::Kind::Nothing:
        break;
    }
  }
  collector_.drop();
  return result;
}

int NghttpSession::onRequestReceived(Stream& stream, End end) {
  if (collector_.tooLarge()) {
    if (!limits_.allow(Abuse::LargeHead)) return failBy(Abuse::LargeHead);
    stream.announced = true;
    stream.discarded = true;
    handler_.onRequestTooLarge(stream.id, {.bytes = collector_.bytes(), .grpc = collector_.grpc()});
    return 0;
  }
  const RequestHead* head = collector_.request();
  if (head == nullptr) {
    refuse(stream, ErrorCode::ProtocolError);
    return 0;
  }
  stream.announced = true;
  stream.connect = head->method == Method::Connect;
  handler_.onRequest(stream.id, *head, end);
  return 0;
}

int NghttpSession::onResponseReceived(Stream& stream, End end) {
  if (collector_.tooLarge()) {
    if (!limits_.allow(Abuse::LargeHead)) return failBy(Abuse::LargeHead);
    refuse(stream, ErrorCode::EnhanceYourCalm);
    return 0;
  }
  const ResponseHead* head = collector_.response();
  if (head == nullptr) {
    refuse(stream, ErrorCode::ProtocolError);
    return 0;
  }
  stream.finalResponse = head->status >= 200;
  handler_.onResponse(stream.id, *head, end);
  return 0;
}

int NghttpSession::onTrailersReceived(Stream& stream) {
  if (collector_.tooLarge()) {
    if (!limits_.allow(Abuse::LargeHead)) return failBy(Abuse::LargeHead);
    refuse(stream, ErrorCode::EnhanceYourCalm);
    return 0;
  }
  handler_.onEnd(stream.id, collector_.trailers());
  return 0;
}

// ---------------------------------------------------------------- data

int NghttpSession::onDataChunk(StreamId id, std::string_view data) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->closed || stream->muted || stream->discarded) {
    check(nghttp2_session_consume_connection(session_, data.size()));
    return 0;
  }
  limits_.onUsefulFrame();
  stream->unconsumed += data.size();
  handler_.onData(id, data);
  return 0;
}

int NghttpSession::onDataReceived(const nghttp2_frame& frame) {
  if (frame.hd.length == frame.data.padlen && !endsStream(frame) &&
      !limits_.allow(Abuse::EmptyData)) {
    return failBy(Abuse::EmptyData);
  }
  Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr || !endsStream(frame)) return 0;
  stream->remoteEnded = true;
  if (!stream->muted && !stream->discarded) handler_.onEnd(stream->id, NO_FIELDS);
  return 0;
}

// ---------------------------------------------------------------- ends

int NghttpSession::onResetReceived(StreamId id) {
  Stream* stream = find(id);
  if (stream != nullptr && stream->resetBy == ResetBy::Nobody) stream->resetBy = ResetBy::Peer;
  return 0;
}

int NghttpSession::onStreamClosed(StreamId id, uint32_t code) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->closed) return 0;
  --open_;
  stream->closed = true;
  stream->ListNode<WaitingForRoom>::unlink();
  stream->ListNode<Yielding>::unlink();
  stream->promised = 0;
  dropPending(*stream);
  const bool bothEnded = stream->remoteEnded && stream->resetBy == ResetBy::Nobody;
  const bool complete = stream->endSent && (bothEnded || stream->discarded);
  const bool tell = stream->announced && !stream->muted;
  // A stream of the peer's that nobody has reset is one that our GOAWAY has left out.
  const bool byPeer = stream->resetBy == ResetBy::Peer ||
                      (stream->resetBy == ResetBy::Nobody && role_ == Role::Client);
  if (!complete) giveBack(*stream);
  if (stream->unconsumed == 0) streams_.erase(id);
  if (complete) limits_.onStreamDone();
  if (!tell) return 0;
  if (complete) {
    handler_.onDone(id);
  } else {
    handler_.onReset(id, static_cast<ErrorCode>(code), byPeer);
  }
  return 0;
}

}  // namespace mesh::http2

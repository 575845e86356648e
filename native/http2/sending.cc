// What goes to the peer. nghttp2 makes the frames, in the order it finds right; DATA is copied once,
// from what `sendData` kept into the output. Streams that have data take turns by the frame,
// whatever nghttp2's scheduling says: one that always has more must not keep the others waiting.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "http2/field-translation.h"
#include "http2/nghttp-session.h"

namespace mesh::http2 {
namespace {

constexpr size_t OUTPUT_BYTES = 65'536;
constexpr size_t FRAME_HEADER_BYTES = 9;
// DATA frames are cut to fit the output, but not to less than this.
constexpr size_t MIN_CUT_BYTES = 1'024;
// Owners are asked for more when it is worth the while, or when nothing is left to send.
constexpr size_t MIN_ROOM_BYTES = 4'096;

char* putNumber(char* at, uint32_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0; ++at) *at = static_cast<char>(value >> (8 * i));
  return at;
}

}  // namespace

// ---------------------------------------------------------------- output

std::string_view NghttpSession::output() {
  pump();
  return out_.view();
}

void NghttpSession::wrote(size_t bytes) {
  out_.consumed(bytes);
  if (out_.empty()) out_.release();
}

// Turns what is queued into bytes until there is nothing left or the output is full. Handlers are
// called in between, and give more.
void NghttpSession::pump() {
  if (busy_ || !wantsPump()) return;
  busy_ = true;
  while (!failed_) {
    if (!out_) out_ = pool_.take(OUTPUT_BYTES);
    outFull_ = false;
    const int result = nghttp2_session_send(session_);
    if (result < 0 && !failed_) fail(ErrorCode::InternalError, nghttp2_strerror(result));
    if (outFull_ || failed_) break;
    const bool resumed = resumeYielding();
    const bool offered = offerRoom();
    if (!resumed && !offered) break;
  }
  if (goawayOwed_) appendGoaway();
  if (out_ && out_.empty()) out_.release();
  busy_ = false;
}

bool NghttpSession::wantsPump() const {
  if (failed_) return goawayOwed_;
  return nghttp2_session_want_write(session_) != 0 || !yielding_.empty() ||
         (roomChanged_ && !waiting_.empty());
}

// nghttp2 cannot be asked any more. The output ends between two frames.
void NghttpSession::appendGoaway() {
  constexpr size_t PAYLOAD_BYTES = 8;
  constexpr uint32_t TYPE_GOAWAY = NGHTTP2_GOAWAY;
  char frame[FRAME_HEADER_BYTES + PAYLOAD_BYTES];
  if (!out_) out_ = pool_.take(OUTPUT_BYTES);
  if (!makeRoom(sizeof frame)) return;
  char* at = putNumber(frame, PAYLOAD_BYTES, 3);
  at = putNumber(at, TYPE_GOAWAY, 1);
  at = putNumber(at, 0, 1);
  at = putNumber(at, 0, 4);
  at = putNumber(at, static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_)), 4);
  putNumber(at, static_cast<uint32_t>(failure_), 4);
  out_.append({frame, sizeof frame});
  goawayOwed_ = false;
}

bool NghttpSession::makeRoom(size_t bytes) {
  if (out_.room() < bytes) out_.compact();
  return out_.room() >= bytes;
}

// One frame at a time, whole: the output always ends between two frames.
ssize_t NghttpSession::onSend(std::string_view bytes) {
  if (!makeRoom(bytes.size())) {
    outFull_ = true;
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  out_.append(bytes);
  return static_cast<ssize_t>(bytes.size());
}

// ---------------------------------------------------------------- data

size_t NghttpSession::sendData(StreamId id, std::string_view data) {
  Stream* stream = findLive(id);
  if (stream == nullptr || stream->ended || data.empty()) return 0;
  MESH_CHECK(role_ == Role::Client || stream->responded);
  const size_t taken = std::min(roomFor(*stream), data.size());
  if (taken > 0) {
    keep(*stream, data.substr(0, taken));
    resume(*stream);
  }
  if (taken < data.size() && !stream->ListNode<WaitingForRoom>::linked()) {
    waiting_.pushBack(*stream);
  }
  return taken;
}

// Only what the peer's windows let through: what is kept never waits for the peer to read, but for
// the output alone, so that one stream's data cannot hold up what all of them may keep.
size_t NghttpSession::roomFor(const Stream& stream) const {
  // Negative, when the peer has made the window smaller than what was sent, reads as 0.
  int32_t window = nghttp2_session_get_stream_remote_window_size(session_, stream.id);
  if (window < 0) {
    // Its HEADERS are not sent yet.
    window = static_cast<int32_t>(std::min<uint32_t>(
        nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
        INT32_MAX));
  }
  const int32_t connectionWindow = std::max(nghttp2_session_get_remote_window_size(session_), 0);
  auto left = [](size_t limit, size_t used) { return limit > used ? limit - used : 0; };
  const size_t ofStream =
      left(std::min<size_t>(settings_.sendBufferBytes, static_cast<size_t>(window)),
           stream.pending.size());
  const size_t ofAll = left(
      std::min<size_t>(settings_.connectionSendBufferBytes, static_cast<size_t>(connectionWindow)),
      buffered_);
  return std::min(ofStream, ofAll);
}

void NghttpSession::keep(Stream& stream, std::string_view data) {
  Buffer& pending = stream.pending;
  pool_.makeRoom(pending, data.size());
  pending.append(data);
  buffered_ += data.size();
}

void NghttpSession::dropPending(Stream& stream) {
  // What was promised to nghttp2 may still be asked for.
  if (stream.promised > 0) return;
  buffered_ -= stream.pending.size();
  stream.pending.release();
  roomChanged_ = true;
}

void NghttpSession::resume(Stream& stream) {
  if (!stream.deferred || stream.ListNode<Yielding>::linked()) return;
  stream.deferred = false;
  check(nghttp2_session_resume_data(session_, stream.id));
}

bool NghttpSession::resumeYielding() {
  ++round_;
  if (yielding_.empty()) return false;
  while (Stream* stream = yielding_.popFront()) resume(*stream);
  return true;
}

// Called again once data has gone out or windows have opened, for each that waits.
bool NghttpSession::offerRoom() {
  if (!roomChanged_ || waiting_.empty()) return false;
  roomChanged_ = false;
  IntrusiveList<Stream, WaitingForRoom> asked;
  while (Stream* stream = waiting_.popFront()) asked.pushBack(*stream);
  bool offered = false;
  while (Stream* stream = asked.popFront()) {
    const size_t room = roomFor(*stream);
    if (room >= MIN_ROOM_BYTES || (room > 0 && stream->pending.empty())) {
      offered = true;
      handler_.onRoom(stream->id);
    } else {
      waiting_.pushBack(*stream);
    }
  }
  return offered;
}

ssize_t NghttpSession::onDataWanted(StreamId id, size_t length, uint32_t& flags) {
  Stream* stream = find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (stream->pending.empty()) {
    if (!stream->ended) {
      stream->deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_COPY;
    if (!stream->trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submitTrailers(*stream);
    }
    return 0;
  }
  if (stream->round == round_) {
    stream->deferred = true;
    yielding_.pushBack(*stream);
    return NGHTTP2_ERR_DEFERRED;
  }
  stream->round = round_;
  size_t bytes = std::min(length, stream->pending.size());
  makeRoom(FRAME_HEADER_BYTES + bytes);
  if (out_.room() >= FRAME_HEADER_BYTES + MIN_CUT_BYTES) {
    bytes = std::min(bytes, out_.room() - FRAME_HEADER_BYTES);
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (bytes == stream->pending.size() && stream->ended) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream->trailers.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submitTrailers(*stream);
    }
  }
  stream->promised = bytes;
  return static_cast<ssize_t>(bytes);
}

int NghttpSession::onDataFrame(StreamId id, std::string_view header, size_t length) {
  if (!makeRoom(header.size() + length)) {
    outFull_ = true;
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  Stream* stream = find(id);
  MESH_CHECK(stream != nullptr && stream->pending.size() >= length);
  out_.append(header);
  out_.append(stream->pending.view().substr(0, length));
  stream->pending.consumed(length);
  stream->promised = 0;
  buffered_ -= length;
  if (stream->pending.empty()) stream->pending.release();
  roomChanged_ = true;
  limits_.onDataSent();
  return 0;
}

// ---------------------------------------------------------------- ends

void NghttpSession::sendEnd(StreamId id, const FieldTable* trailers) {
  Stream* stream = findLive(id);
  if (stream == nullptr || stream->ended) return;
  MESH_CHECK(role_ == Role::Client || stream->responded);
  stream->ended = true;
  stream->ListNode<WaitingForRoom>::unlink();
  if (trailers != nullptr && trailers->count > 0) stream->trailers = storeTrailers(*trailers);
  // After the head and all data trailers need no window: nghttp2 would not ask for the end of the
  // data before there is one.
  if (!stream->trailers.empty() && stream->headSent && stream->pending.empty()) {
    submitTrailers(*stream);
    return;
  }
  resume(*stream);
}

void NghttpSession::submitTrailers(Stream& stream) {
  if (stream.trailersSubmitted) return;
  stream.trailersSubmitted = true;
  OutgoingBlock block(pool_);
  block.trailers(stream.trailers);
  check(nghttp2_submit_trailer(session_, stream.id, block.data(), block.size()));
}

int NghttpSession::onFrameSent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: {
      Stream* stream = find(frame.hd.stream_id);
      if (stream == nullptr) return 0;
      stream->headSent = true;
      if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) onEndSent(*stream);
      return 0;
    }
    case NGHTTP2_RST_STREAM:
      return onResetSent(frame.hd.stream_id);
    case NGHTTP2_GOAWAY:
      noteGoawaySent(frame.goaway);
      return 0;
    default:
      return 0;
  }
}

void NghttpSession::onEndSent(Stream& stream) {
  stream.endSent = true;
  if (stream.remoteEnded || !(stream.resetAfterEnd || stream.discarded)) return;
  stream.resetBy = ResetBy::Owner;
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR));
}

// Streams that nghttp2 or we reset for what the peer did cost like those the peer resets itself.
int NghttpSession::onResetSent(StreamId id) {
  Stream* stream = find(id);
  if (stream != nullptr) {
    if (stream->resetBy == ResetBy::Owner || stream->resetBy == ResetBy::Peer) return 0;
    stream->resetBy = ResetBy::Session;
  }
  return limits_.allow(Abuse::Reset) ? 0 : failBy(Abuse::Reset);
}

// A head that cannot be sent leaves a stream that can neither go on nor end.
int NghttpSession::onFrameNotSent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat == NGHTTP2_HCAT_REQUEST) return 0;
  Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr || stream->closed || stream->resetBy != ResetBy::Nobody) return 0;
  refuse(*stream, ErrorCode::InternalError);
  return 0;
}

// nghttp2 ends the connection with a GOAWAY that was not asked for.
void NghttpSession::noteGoawaySent(const nghttp2_goaway& goaway) {
  const auto code = static_cast<ErrorCode>(goaway.error_code);
  if (code == ErrorCode::NoError || (leaving_ == Leaving::Final && code == leavingCode_)) return;
  failed_ = true;
  failure_ = code;
  if (goaway.opaque_data_len > 0) {
    failureDetail_.assign(reinterpret_cast<const char*>(goaway.opaque_data),
                          goaway.opaque_data_len);
  }
}

}  // namespace mesh::http2

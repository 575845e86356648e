// What the owner of a session calls, and how nghttp2 is set up.
#include "http2/session.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "base/clock.h"
#include "http2/field-translation.h"
#include "http2/nghttp-session.h"

namespace mesh::http2 {
namespace {

// Before the peer's SETTINGS say it: RFC 9113 §6.5.2 recommends no less.
constexpr uint32_t STREAMS_BEFORE_SETTINGS = 100;
// PING and SETTINGS whose answers the peer does not read.
constexpr size_t MAX_UNSENT_ACKS = 1'000;
constexpr size_t MAX_SETTINGS_ENTRIES = 32;
// Heads that were accepted on the other side are never too large to go on.
constexpr size_t MAX_SENT_HEAD_BYTES = 1 << 20;
constexpr size_t MAX_HEAD_BYTES = 262'144;
constexpr size_t FRAME_BYTES = 16'384;
// Our own limits are stricter, and have the right code.
constexpr uint64_t NO_LIMIT = uint64_t{1} << 40;

// Frames full of a head of the largest size, twice, and some more that are not full.
size_t maxContinuations(size_t maxHeadBytes) { return 2 * (maxHeadBytes / FRAME_BYTES) + 4; }

Settings withinBounds(Settings settings) {
  settings.maxHeadBytes = std::min(settings.maxHeadBytes, MAX_HEAD_BYTES);
  settings.maxFields = std::min(settings.maxFields, MAX_FIELDS);
  return settings;
}

nghttp2_session* makeSession(Role role, const Settings& settings, NghttpSession* self) {
  nghttp2_option* options = nullptr;
  MESH_CHECK(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_peer_max_concurrent_streams(options, STREAMS_BEFORE_SETTINGS);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, MAX_UNSENT_ACKS);
  nghttp2_option_set_max_settings(options, MAX_SETTINGS_ENTRIES);
  nghttp2_option_set_max_continuations(options, maxContinuations(settings.maxHeadBytes));
  nghttp2_option_set_max_send_header_block_length(options, MAX_SENT_HEAD_BYTES);
  nghttp2_option_set_stream_reset_rate_limit(options, NO_LIMIT, NO_LIMIT);
  nghttp2_session* session = nullptr;
  const int result = role == Role::Server
                         ? nghttp2_session_server_new2(&session, sessionCallbacks(), self, options)
                         : nghttp2_session_client_new2(&session, sessionCallbacks(), self, options);
  nghttp2_option_del(options);
  MESH_CHECK(result == 0);
  return session;
}

void submitSettings(nghttp2_session* session, Role role, const Settings& settings) {
  std::array<nghttp2_settings_entry, 5> entries;
  size_t count = 0;
  auto add = [&](int32_t id, size_t value) {
    entries[count++] = {id, static_cast<uint32_t>(value)};
  };
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.streamWindowBytes);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.maxHeadBytes);
  // RFC 9218 §2.1: the old priorities mean nothing here, and nghttp2 keeps no tree of them.
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  if (role == Role::Client) {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  } else {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams);
    if (settings.extendedConnect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  }
  MESH_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), count) == 0);
  const auto window = static_cast<int32_t>(settings.connectionWindowBytes);
  MESH_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, window) == 0);
}

}  // namespace

uint64_t monotonicMs() { return monotonicNs() / 1'000'000; }

std::string_view errorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::NoError:
      return "NO_ERROR";
    case ErrorCode::ProtocolError:
      return "PROTOCOL_ERROR";
    case ErrorCode::InternalError:
      return "INTERNAL_ERROR";
    case ErrorCode::FlowControlError:
      return "FLOW_CONTROL_ERROR";
    case ErrorCode::SettingsTimeout:
      return "SETTINGS_TIMEOUT";
    case ErrorCode::StreamClosed:
      return "STREAM_CLOSED";
    case ErrorCode::FrameSizeError:
      return "FRAME_SIZE_ERROR";
    case ErrorCode::RefusedStream:
      return "REFUSED_STREAM";
    case ErrorCode::Cancel:
      return "CANCEL";
    case ErrorCode::CompressionError:
      return "COMPRESSION_ERROR";
    case ErrorCode::ConnectError:
      return "CONNECT_ERROR";
    case ErrorCode::EnhanceYourCalm:
      return "ENHANCE_YOUR_CALM";
    case ErrorCode::InadequateSecurity:
      return "INADEQUATE_SECURITY";
    case ErrorCode::Http11Required:
      return "HTTP_1_1_REQUIRED";
  }
  return "UNKNOWN";
}

std::unique_ptr<Session> Session::create(Role role, const Settings& settings, BufferPool& pool,
                                         SessionHandler& handler) {
  return std::make_unique<NghttpSession>(role, withinBounds(settings), pool, handler);
}

NghttpSession::NghttpSession(Role role, const Settings& settings, BufferPool& pool,
                             SessionHandler& handler)
    : role_(role),
      settings_(settings),
      pool_(pool),
      handler_(handler),
      session_(makeSession(role, settings, this)),
      collector_(settings_, pool),
      limits_(settings.maxConcurrentStreams) {
  submitSettings(session_, role, settings_);
}

NghttpSession::~NghttpSession() {
  MESH_CHECK(!busy_);
  collector_.drop();
  nghttp2_session_del(session_);
}

Stream* NghttpSession::find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

Stream* NghttpSession::findLive(StreamId id) {
  if (failed_) return nullptr;
  Stream* stream = find(id);
  return stream == nullptr || stream->closed || stream->muted ? nullptr : stream;
}

void NghttpSession::check(int result) {
  // Memory is the only thing the library can be short of here.
  MESH_CHECK(result != NGHTTP2_ERR_NOMEM);
}

// ---------------------------------------------------------------- streams

StreamId NghttpSession::openStream(const RequestHead& head, std::string_view scheme, End end) {
  MESH_CHECK(role_ == Role::Client);
  if (roomForStreams() == 0) return 0;
  OutgoingBlock block(pool_);
  block.request(head, scheme);
  const nghttp2_data_provider provider = dataProvider();
  const StreamId id = nghttp2_submit_request(session_, nullptr, block.data(), block.size(),
                                             end == End::Last ? nullptr : &provider, nullptr);
  if (id < 0) {
    check(id);
    return 0;
  }
  Stream& stream = streams_.try_emplace(id, id).first->second;
  stream.announced = true;
  stream.connect = head.method == Method::Connect;
  stream.ended = end == End::Last;
  ++open_;
  return id;
}

void NghttpSession::respond(StreamId id, const ResponseHead& head, End end, bool synthesized) {
  MESH_CHECK(role_ == Role::Server);
  Stream* stream = findLive(id);
  if (stream == nullptr || stream->responded) return;
  OutgoingBlock block(pool_);
  block.response(head, stream->connect, synthesized);
  if (head.status < 200) {
    check(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, block.data(),
                                 block.size(), nullptr));
    return;
  }
  stream->responded = true;
  stream->ended = end == End::Last;
  const nghttp2_data_provider provider = dataProvider();
  check(nghttp2_submit_response(session_, id, block.data(), block.size(),
                                stream->ended ? nullptr : &provider));
}

void NghttpSession::reset(StreamId id, ErrorCode code) {
  Stream* stream = find(id);
  if (stream == nullptr || failed_) return;
  giveBack(*stream);
  if (stream->closed) {
    streams_.erase(id);
    return;
  }
  if (stream->muted) return;
  stream->muted = true;
  stream->ListNode<WaitingForRoom>::unlink();
  if (role_ == Role::Server && code == ErrorCode::NoError && stream->ended) {
    if (stream->remoteEnded) return;
    if (!stream->endSent) {
      stream->resetAfterEnd = true;
      return;
    }
  }
  stream->resetBy = ResetBy::Owner;
  dropPending(*stream);
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<uint32_t>(code)));
}

void NghttpSession::refuse(Stream& stream, ErrorCode code) {
  stream.resetBy = ResetBy::Session;
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id,
                                  static_cast<uint32_t>(code)));
}

void NghttpSession::consumed(StreamId id, size_t bytes) {
  Stream* stream = find(id);
  if (stream == nullptr || failed_) return;
  bytes = std::min(bytes, stream->unconsumed);
  if (bytes == 0) return;
  stream->unconsumed -= bytes;
  // A stream that has ended needs no window.
  if (stream->remoteEnded || stream->closed) {
    check(nghttp2_session_consume_connection(session_, bytes));
  } else {
    check(nghttp2_session_consume(session_, id, bytes));
  }
  if (stream->closed && stream->unconsumed == 0) streams_.erase(id);
}

void NghttpSession::giveBack(Stream& stream) {
  if (stream.unconsumed == 0) return;
  check(nghttp2_session_consume_connection(session_, stream.unconsumed));
  stream.unconsumed = 0;
}

size_t NghttpSession::roomForStreams() const {
  if (role_ != Role::Client || failed_ || leaving_ != Leaving::No || goawayReceived_) return 0;
  if (nghttp2_session_check_request_allowed(session_) == 0) return 0;
  const size_t limit =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  // Ids are odd and go up to 2^31 - 1.
  const size_t next = nghttp2_session_get_next_stream_id(session_);
  const size_t ids = (size_t{std::numeric_limits<int32_t>::max()} + 2 - next) / 2;
  return std::min(limit > open_ ? limit - open_ : 0, ids);
}

// ---------------------------------------------------------------- connection

void NghttpSession::goaway(ErrorCode code) {
  if (failed_ || leaving_ == Leaving::Final) return;
  const auto lastStream = nghttp2_session_get_last_proc_stream_id(session_);
  if (role_ == Role::Server && leaving_ == Leaving::No && code == ErrorCode::NoError) {
    leaving_ = Leaving::Announced;
    check(nghttp2_submit_shutdown_notice(session_));
    return;
  }
  leaving_ = Leaving::Final;
  leavingCode_ = code;
  check(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, lastStream, static_cast<uint32_t>(code),
                              nullptr, 0));
}

void NghttpSession::ping() {
  if (failed_) return;
  ++pingsUnanswered_;
  check(nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr));
}

bool NghttpSession::peerAllowsExtendedConnect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

bool NghttpSession::over() const {
  if (!out_.empty()) return false;
  if (failed_) return !goawayOwed_;
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

}  // namespace mesh::http2

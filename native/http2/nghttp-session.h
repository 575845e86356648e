// The session as nghttp2 drives it: session.cc has what the owner calls, receiving.cc and sending.cc
// what nghttp2 calls. nghttp2 is never entered twice: what handlers do meanwhile is only queued in it.
#pragma once

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <string>
#include <unordered_map>

#include "base/intrusive-list.h"
#include "http2/abuse-limits.h"
#include "http2/header-collector.h"
#include "http2/session.h"
#include "http2/stream.h"

namespace mesh::http2 {

class NghttpSession final : public Session {
 public:
  NghttpSession(Role role, const Settings& settings, BufferPool& pool, SessionHandler& handler);
  ~NghttpSession() override;
  NghttpSession(const NghttpSession&) = delete;
  NghttpSession& operator=(const NghttpSession&) = delete;

  bool receive(std::string_view bytes) override;
  bool failed() const override { return failed_; }
  ErrorCode failure() const override { return failure_; }
  std::string_view failureDetail() const override { return failureDetail_; }
  std::string_view output() override;
  void wrote(size_t bytes) override;
  StreamId openStream(const RequestHead& head, std::string_view scheme, End end) override;
  void respond(StreamId stream, const ResponseHead& head, End end, bool synthesized) override;
  size_t sendData(StreamId stream, std::string_view data) override;
  void sendEnd(StreamId stream, const FieldTable* trailers) override;
  void reset(StreamId stream, ErrorCode code) override;
  void consumed(StreamId stream, size_t bytes) override;
  void goaway(ErrorCode code) override;
  void ping() override;
  uint64_t pongs() const override { return pongs_; }
  size_t streams() const override { return open_; }
  size_t roomForStreams() const override;
  bool peerAllowsExtendedConnect() const override;
  bool over() const override;

 private:
  // The functions nghttp2 calls (callbacks.cc); each goes to the method of the same name.
  friend struct Callbacks;

  // ------------------------------------------------ receiving.cc: 0 or an error of nghttp2
  int onFrameBegin(const nghttp2_frame_hd& header);
  int onHeadersBegin(const nghttp2_frame& frame);
  int onHeader(const nghttp2_frame& frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
               bool neverIndexed);
  int onFrameReceived(const nghttp2_frame& frame);
  int onInvalidFrame(const nghttp2_frame& frame);
  int onDataChunk(StreamId id, std::string_view data);
  int onStreamClosed(StreamId id, uint32_t code);
  int onHeadReceived(const nghttp2_frame& frame);
  int onRequestReceived(Stream& stream, End end);
  int onResponseReceived(Stream& stream, End end);
  int onTrailersReceived(Stream& stream);
  int onDataReceived(const nghttp2_frame& frame);
  int onResetReceived(StreamId id);
  HeaderCollector::Kind kindOf(const Stream& stream) const;

  // ------------------------------------------------ sending.cc
  void pump();
  bool wantsPump() const;
  bool resumeYielding();
  bool offerRoom();
  void appendGoaway();
  ssize_t onSend(std::string_view bytes);
  ssize_t onDataWanted(StreamId id, size_t length, uint32_t& flags);
  int onDataFrame(StreamId id, std::string_view header, size_t length);
  int onFrameSent(const nghttp2_frame& frame);
  int onFrameNotSent(const nghttp2_frame& frame);
  bool makeRoom(size_t bytes);
  void onEndSent(Stream& stream);
  int onResetSent(StreamId id);
  void noteGoawaySent(const nghttp2_goaway& goaway);
  size_t roomFor(const Stream& stream) const;
  void keep(Stream& stream, std::string_view data);
  void resume(Stream& stream);
  void submitTrailers(Stream& stream);
  void dropPending(Stream& stream);

  Stream* find(StreamId id);
  // Null when it is over for its owner.
  Stream* findLive(StreamId id);
  // To be reset by us for what the peer did.
  void refuse(Stream& stream, ErrorCode code);
  void giveBack(Stream& stream);
  // Ends the connection. For callbacks: the result makes nghttp2 stop.
  int fail(ErrorCode code, std::string_view detail);
  int failBy(Abuse abuse) { return fail(ErrorCode::EnhanceYourCalm, abuseName(abuse)); }
  // What nghttp2 returned.
  void check(int result);

  const Role role_;
  const Settings settings_;
  BufferPool& pool_;
  SessionHandler& handler_;
  nghttp2_session* session_ = nullptr;
  HeaderCollector collector_;
  AbuseLimits limits_;
  // nghttp2 is being called, or handlers are by `pump`.
  bool busy_ = false;

  std::unordered_map<StreamId, Stream> streams_;
  size_t open_ = 0;  // of those, not closed
  IntrusiveList<Stream, WaitingForRoom> waiting_;
  IntrusiveList<Stream, Yielding> yielding_;
  // Something happened that may have made room for those that wait.
  bool roomChanged_ = false;
  uint64_t round_ = 1;

  Buffer out_;
  bool outFull_ = false;
  size_t buffered_ = 0;  // in all streams' `pending`

  bool failed_ = false;
  bool goawayOwed_ = false;  // by hand, because nghttp2 cannot go on
  ErrorCode failure_ = ErrorCode::NoError;
  std::string failureDetail_;

  enum class Leaving : uint8_t { No, Announced, Final };
  Leaving leaving_ = Leaving::No;
  ErrorCode leavingCode_ = ErrorCode::NoError;
  bool goawayReceived_ = false;
  uint64_t pingsUnanswered_ = 0;
  uint64_t pongs_ = 0;
};

// Shared by all sessions of a role.
const nghttp2_session_callbacks* sessionCallbacks();
nghttp2_data_provider dataProvider();

}  // namespace mesh::http2

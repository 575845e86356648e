// One HTTP/2 connection as a state machine over nghttp2, without I/O: bytes in, bytes out, and
// between them streams with heads, data, trailers and resets. Server or client side, prior
// knowledge. The only folder that includes nghttp2.
//
// Guarantees: heads are complete, valid (RFC 9113 §8.2, §8.3) and within the limits when they are
// handed out; received data counts against the windows until `consumed`, so a stream that is not
// read holds at most its window and the others go on; nothing is sent beyond the peer's windows,
// and streams with data to send take turns. What a peer may cost is bounded (abuse-limits.h): beyond
// it the connection ends with ENHANCE_YOUR_CALM.
//
// Handlers may call any method of the session but `receive`; they must not destroy it. A handler is
// never called from inside a method other than `receive` and `output`. Calls for streams that are
// over, or were never there, have no effect. Ids are never used twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/head.h"
#include "io/buffer-pool.h"

namespace mesh::http2 {

enum class Role : uint8_t { Server, Client };

// RFC 9113 §7.
enum class ErrorCode : uint32_t {
  NoError = 0x0,
  ProtocolError = 0x1,
  InternalError = 0x2,
  FlowControlError = 0x3,
  SettingsTimeout = 0x4,
  StreamClosed = 0x5,
  FrameSizeError = 0x6,
  RefusedStream = 0x7,
  Cancel = 0x8,
  CompressionError = 0x9,
  ConnectError = 0xa,
  EnhanceYourCalm = 0xb,
  InadequateSecurity = 0xc,
  Http11Required = 0xd,
};
// "REFUSED_STREAM"; "UNKNOWN" for codes that are not registered.
std::string_view errorCodeName(ErrorCode code);

using StreamId = int32_t;

// The clock that limits by the second go by.
uint64_t monotonicMs();

struct Settings {
  // Header list as RFC 9113 §10.5.1 counts it, trailers separately; at most 256 KiB.
  size_t maxHeadBytes = 65'536;
  size_t maxFields = MAX_FIELDS;
  uint32_t maxConcurrentStreams = 1'000;  // that the peer may open
  uint32_t streamWindowBytes = 262'144;
  uint32_t connectionWindowBytes = 4'194'304;
  // What `sendData` takes ahead of `output`, at most: of one stream, and of all together. Only what
  // the peer's windows let through is taken, so none of it waits for the peer to open them.
  uint32_t sendBufferBytes = 65'536;
  uint32_t connectionSendBufferBytes = 524'288;
  bool extendedConnect = true;  // RFC 8441, announced by servers
  uint64_t (*nowMs)() = monotonicMs;
};

enum class End : uint8_t { More, Last };

// What becomes of streams. Views are valid during the call only.
// What is known of a request whose head is too large to be looked at.
struct LargeHead {
  size_t bytes;  // names, values and 32 for each (RFC 9113 §6.5.2)
  bool grpc;     // its content-type says so
};

class SessionHandler {
 public:
  // Server: a request. Fields have lower-case names; pseudo-fields are in the head; several cookie
  // fields have become one (RFC 9113 §8.2.3). Refuse it with `reset` or an answer. With End::Last
  // the message is complete: neither onData nor onEnd follow.
  virtual void onRequest(StreamId stream, const RequestHead& head, End end) = 0;
  // Server: the head is too large. The handler answers 431, or in gRPC's terms, with End::Last; what
  // else the client sends on the stream is dropped. Only onDone or onReset follow.
  virtual void onRequestTooLarge(StreamId stream, const LargeHead& head) = 0;
  // Client: interim (1xx) and final responses.
  virtual void onResponse(StreamId stream, const ResponseHead& head, End end) = 0;
  // To be kept by the handler, and given back with `consumed`.
  virtual void onData(StreamId stream, std::string_view data) = 0;
  // The peer's side of the message is complete, which its head did not say yet; `trailers` may be
  // empty. Fields that are not allowed there (RFC 9110 §6.5.1) are left out.
  virtual void onEnd(StreamId stream, const FieldTable& trailers) = 0;
  // The stream is over before both messages were complete: reset by the peer, or by the session
  // for a stream error (`byPeer` false; EnhanceYourCalm when the head of a response or trailers
  // exceed the limits), or cut off by a GOAWAY that did not include it (`byPeer`, RefusedStream:
  // nothing of it was processed). Data not yet consumed no longer counts. A server may end a
  // stream so with NoError after a complete response (RFC 9113 §8.1). No further call for it.
  virtual void onReset(StreamId stream, ErrorCode code, bool byPeer) = 0;
  // After `sendData` took less than everything: there is room again.
  virtual void onRoom(StreamId stream) = 0;
  // Both messages are complete and sent. No further call for this stream; data not yet consumed
  // counts against the connection's window until it is, or until `reset`.
  virtual void onDone(StreamId stream) = 0;
  // The peer goes away: no new stream may be opened (client), none will come (server). Comes again
  // when the peer says so again.
  virtual void onGoaway(ErrorCode code) = 0;
  // Client: the peer's SETTINGS arrived or changed (limit of streams, extended CONNECT).
  virtual void onPeerSettings() = 0;

 protected:
  ~SessionHandler() = default;
};

class Session {
 public:
  // Sends the preface (client) and SETTINGS with the first output.
  static std::unique_ptr<Session> create(Role role, const Settings& settings, BufferPool& pool,
                                         SessionHandler& handler);
  virtual ~Session() = default;

  // Bytes from the peer. False after a connection error: write the remaining output (GOAWAY), then
  // close. `failure()` says which. Streams that were open get no further call. When the output is
  // full because the peer does not read, an error may show in `failed` after a later `output`.
  virtual bool receive(std::string_view bytes) = 0;
  virtual bool failed() const = 0;
  virtual ErrorCode failure() const = 0;
  // Text for logs: what the peer did, such as "reset flood"; empty when nothing.
  virtual std::string_view failureDetail() const = 0;

  // Bytes for the peer: whatever is ready, up to some 64 KiB at once; empty when nothing is.
  // Valid until the next call of any method. `wrote` takes away what was written.
  virtual std::string_view output() = 0;
  virtual void wrote(size_t bytes) = 0;

  // Client. The head is translated: names in lower case, Host becomes :authority, connection-specific
  // fields go (RFC 9113 §8.2.2, those named by Connection too), `te` stays as "trailers" only,
  // `l5d-client-*` goes. `scheme` is "http" or "https". 0 when no stream may be opened now (limit,
  // GOAWAY, ids used up).
  virtual StreamId openStream(const RequestHead& head, std::string_view scheme, End end) = 0;
  // Server. Translated likewise; `l5d-proxy-error` and `l5d-proxy-connection` of an endpoint go
  // unless `synthesized`; content-length goes where RFC 9110 §8.6 forbids it. Interim heads have
  // End::More.
  virtual void respond(StreamId stream, const ResponseHead& head, End end, bool synthesized) = 0;

  // How much of `data` was taken: less than all when there is no room for it; then `onRoom`
  // follows. 0 for streams that are over.
  virtual size_t sendData(StreamId stream, std::string_view data) = 0;
  // After all data. `trailers` may be null or empty.
  virtual void sendEnd(StreamId stream, const FieldTable* trailers) = 0;
  // No further call for this stream; data not yet consumed no longer counts. With NoError, a server
  // whose response is complete sends the rest of it first (RFC 9113 §8.1: the rest of the request
  // is not wanted). Allowed, and without effect on the peer, when the stream is done.
  virtual void reset(StreamId stream, ErrorCode code) = 0;
  // Data given out by `onData` has been passed on: opens the windows.
  virtual void consumed(StreamId stream, size_t bytes) = 0;

  // Server: no further streams; those under way finish (RFC 9113 §6.8: first with the highest id,
  // then for real when called again, or at once with a code). Client: no further streams are
  // opened.
  virtual void goaway(ErrorCode code) = 0;
  virtual void ping() = 0;
  // PING answers received so far.
  virtual uint64_t pongs() const = 0;

  // Not over yet, those included whose reset is still to be sent.
  virtual size_t streams() const = 0;
  // Client: streams that may be opened besides those open; 0 after GOAWAY.
  virtual size_t roomForStreams() const = 0;
  virtual bool peerAllowsExtendedConnect() const = 0;
  // Neither side wants anything any more.
  virtual bool over() const = 0;
};

}  // namespace mesh::http2

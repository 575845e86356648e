// What the session knows of one stream beyond what nghttp2 knows. Plain data; the session sees to
// its consistency.
#pragma once

#include <cstdint>
#include <string>

#include "base/intrusive-list.h"
#include "http2/session.h"
#include "io/buffer-pool.h"

namespace mesh::http2 {

// Lists a stream can be in.
struct WaitingForRoom {};
struct Yielding {};

enum class ResetBy : uint8_t { Nobody, Owner, Session, Peer };

struct Stream final : ListNode<WaitingForRoom>, ListNode<Yielding> {
  explicit Stream(StreamId streamId) : id(streamId) {}

  const StreamId id;

  // ------------------------------------------------ towards the handler
  bool announced = false;      // it knows of the stream
  bool muted = false;          // it has reset it: no further call
  bool discarded = false;      // too large a request: only the answer matters
  bool connect = false;        // the request's method
  bool finalResponse = false;  // client: not only interim ones have come
  bool remoteEnded = false;
  // nghttp2 has forgotten it; it is here until the handler has consumed its data.
  bool closed = false;
  ResetBy resetBy = ResetBy::Nobody;
  size_t unconsumed = 0;

  // ------------------------------------------------ towards the peer
  bool headSent = false;
  bool responded = false;  // server: with a final response
  bool ended = false;      // by the owner
  bool endSent = false;
  bool trailersSubmitted = false;
  // nghttp2 waits for `nghttp2_session_resume_data`.
  bool deferred = false;
  // RFC 9113 §8.1: NO_ERROR after the complete response.
  bool resetAfterEnd = false;
  // Taken by `sendData`. The first `promised` bytes belong to a frame that waits for room in the
  // output.
  Buffer pending;
  size_t promised = 0;
  std::string trailers;  // as storeTrailers makes them
  uint64_t round = 0;    // in which it last had its turn
};

}  // namespace mesh::http2

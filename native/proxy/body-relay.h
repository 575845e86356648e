// The body of one HTTP/1 message on its way through: read by the framing it came with, written
// by the framing it leaves with. Bodies with a length pass in place; chunked ones are decoded and
// encoded anew, so nothing unparsed leaves the proxy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http1/chunked.h"
#include "http1/framing.h"
#include "io/buffer-pool.h"

namespace mesh {

class BodyRelay {
 public:
  explicit BodyRelay(http1::Limits limits) : decoder_(limits) {}

  void start(const http1::Framing& framing, http1::BodyKind outKind);
  // Everything of the body has been taken from the input. What was encoded may still be unwritten.
  bool complete() const { return complete_; }

  struct Piece {
    std::string_view direct;  // to be written after what is in `out`, from the front of `in`
    http1::Violation violation = http1::Violation::None;
  };
  // Makes writable what has arrived in `in`: in place, or encoded into `out` (taken from the pool
  // when there is something to encode). Call `written` for the part of `direct` that was written.
  Piece prepare(Buffer& in, Buffer& out, BufferPool& pool);
  void written(Buffer& in, size_t directBytes);
  // The source has ended. True when that is how this body ends; its end may be in `out` then, with
  // `trailers` (field lines) where the outgoing framing has a place for them.
  bool sourceEnded(Buffer& out, BufferPool& pool, std::string_view trailers = {});
  // Field lines that came after a chunked body; valid once complete.
  std::string_view trailers() const { return decoder_.trailers(); }
  // How much more could come, for sizing a buffer. 0 when unknown.
  uint64_t expected() const { return inKind_ == http1::BodyKind::Length ? left_ : 0; }

  // For those who have decoded data at hand. How much of it `out` has room for, without growing
  // what it holds.
  static size_t roomToEncode(Buffer& out, BufferPool& pool);
  // `data` is no longer than that.
  static void encode(std::string_view data, http1::BodyKind outKind, Buffer& out);
  // `trailers`: field lines.
  static void encodeLastChunk(std::string_view trailers, Buffer& out, BufferPool& pool);

 private:
  bool decodeChunked(Buffer& in, Buffer& out, http1::Violation& violation);

  http1::ChunkedDecoder decoder_;
  http1::BodyKind inKind_ = http1::BodyKind::None;
  http1::BodyKind outKind_ = http1::BodyKind::None;
  uint64_t left_ = 0;
  bool complete_ = true;
};

// Fields as lines of a chunked body's trailer section. They have been checked as fields.
std::string fieldLines(const FieldTable& fields);

}  // namespace mesh

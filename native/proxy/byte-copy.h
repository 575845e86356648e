// One direction of an opaque connection: bytes from one socket to the other, in user space with
// a buffer that grows with the flow, through a pipe with splice(2) once the flow is large. Bounded:
// never holds more than the budget; reads only what it can hold. FIN is passed on after the last byte.
#pragma once

#include <optional>

#include "io/buffer-pool.h"
#include "io/pipe-splice.h"
#include "proxy/socket-end.h"

namespace mesh {

class ByteCopy {
 public:
  struct Limits {
    uint32_t budgetBytes;
    uint32_t spliceThresholdBytes;  // 0: never
  };
  enum class Outcome : uint8_t {
    Waiting,   // for a socket
    Yielded,   // moved its share of this turn: call again in the next
    Finished,  // FIN passed on
    SourceFailed,
    SinkFailed,
  };

  ByteCopy(BufferPool& pool, Limits limits) : pool_(pool), limits_(limits) {}

  // Bytes that come before anything read from the source.
  void prepend(Buffer bytes) { buffer_ = std::move(bytes); }
  Outcome pump(SocketEnd& source, SocketEnd& sink);
  bool finished() const { return finished_; }
  // Bytes moved so far.
  uint64_t moved() const { return moved_; }

 private:
  enum class Step : uint8_t { Continue, Wait, Failed };
  Step flush(SocketEnd& sink);
  Step readCopy(SocketEnd& source);
  Step readSplice(SocketEnd& source);
  bool tookFrom(const SocketEnd& source, size_t bytes);
  bool wantsSplice();

  BufferPool& pool_;
  const Limits limits_;
  Buffer buffer_;
  std::optional<PipeSplice> pipe_;
  uint64_t moved_ = 0;
  uint32_t bufferBytes_ = 16'384;
  uint32_t smallReads_ = 0;
  bool spliceRefused_ = false;
  bool sourceEnded_ = false;
  bool finished_ = false;
};

}  // namespace mesh

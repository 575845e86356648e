// See byte-copy.h.
#include "proxy/byte-copy.h"

#include <algorithm>

namespace mesh {

namespace {
// What one direction may move before other connections get their turn.
constexpr uint64_t TURN_BYTES = 1 << 20;
constexpr uint32_t MAX_BUFFER_BYTES = 262'144;
constexpr size_t PIPE_BYTES = 262'144;
// Reads below this are messages, not a flow: two splices cost more than a read and a write.
constexpr size_t BULK_READ_BYTES = 16'384;
constexpr uint32_t SMALL_READS_TO_COPY = 8;
}  // namespace

ByteCopy::Outcome ByteCopy::pump(SocketEnd& source, SocketEnd& sink) {
  const uint64_t stopAt = moved_ + TURN_BYTES;
  for (;;) {
    switch (flush(sink)) {
      case Step::Wait:
        return Outcome::Waiting;
      case Step::Failed:
        return Outcome::SinkFailed;
      case Step::Continue:
        break;
    }
    if (sourceEnded_) {
      sink.finishWriting();
      finished_ = true;
      buffer_.release();
      pipe_.reset();
      return Outcome::Finished;
    }
    if (moved_ >= stopAt) return Outcome::Yielded;
    if (!source.readable()) {
      buffer_.release();
      return Outcome::Waiting;
    }
    switch (wantsSplice() ? readSplice(source) : readCopy(source)) {
      case Step::Wait:
        buffer_.release();
        return Outcome::Waiting;
      case Step::Failed:
        return Outcome::SourceFailed;
      case Step::Continue:
        break;
    }
  }
}

// Continue when nothing is held any more.
ByteCopy::Step ByteCopy::flush(SocketEnd& sink) {
  while (!buffer_.empty()) {
    if (!sink.writable()) return Step::Wait;
    const IoCount wrote = sink.write(buffer_.view());
    if (wrote.bytes < 0) return wrote.blocked() ? Step::Wait : Step::Failed;
    buffer_.consumed(static_cast<size_t>(wrote.bytes));
  }
  while (pipe_ && pipe_->held() > 0) {
    if (!sink.writable()) return Step::Wait;
    const IoCount wrote = pipe_->drain(sink.fd());
    // A short splice says nothing about the socket: only EAGAIN does.
    sink.afterWrite(wrote, wrote.bytes > 0 ? static_cast<size_t>(wrote.bytes) : 1);
    if (wrote.bytes < 0) return wrote.blocked() ? Step::Wait : Step::Failed;
  }
  return Step::Continue;
}

ByteCopy::Step ByteCopy::readCopy(SocketEnd& source) {
  // Empty here: pump flushed before. A buffer that was filled is replaced by a larger one.
  if (buffer_ && buffer_.capacity() < bufferBytes_) buffer_.release();
  if (!buffer_) buffer_ = pool_.take(bufferBytes_);
  const size_t asked = buffer_.room();
  const IoCount got = source.read(buffer_.tail(), asked);
  if (got.bytes < 0) return got.blocked() ? Step::Wait : Step::Failed;
  const size_t bytes = static_cast<size_t>(got.bytes);
  if (!tookFrom(source, bytes)) return Step::Failed;
  buffer_.produced(bytes);
  if (bytes == asked) {
    bufferBytes_ = std::min({bufferBytes_ * 4, MAX_BUFFER_BYTES, limits_.budgetBytes});
  }
  return Step::Continue;
}

ByteCopy::Step ByteCopy::readSplice(SocketEnd& source) {
  const IoCount got = pipe_->fill(source.fd());
  source.afterRead(got, got.bytes > 0 ? static_cast<size_t>(got.bytes) : 1);
  if (got.bytes < 0) return got.blocked() ? Step::Wait : Step::Failed;
  const size_t bytes = static_cast<size_t>(got.bytes);
  return tookFrom(source, bytes) ? Step::Continue : Step::Failed;
}

// False when the end of the source is no end: a write to it has already met its reset, and with that
// taken the error out of the socket, which from then on reads like one that was closed in order.
bool ByteCopy::tookFrom(const SocketEnd& source, size_t bytes) {
  if (bytes == 0 && source.error() != 0) return false;
  sourceEnded_ = bytes == 0;
  moved_ += bytes;
  smallReads_ = bytes < BULK_READ_BYTES ? smallReads_ + 1 : 0;
  return true;
}

bool ByteCopy::wantsSplice() {
  if (limits_.spliceThresholdBytes == 0 || spliceRefused_) return false;
  if (moved_ < limits_.spliceThresholdBytes) return false;
  if (pipe_) {
    if (smallReads_ < SMALL_READS_TO_COPY) return true;
    // The flow has become a dialogue. Nothing is held here: pump flushed before.
    pipe_.reset();
    return false;
  }
  if (smallReads_ > 0) return false;
  Result<PipeSplice> opened = PipeSplice::open(std::min<size_t>(PIPE_BYTES, limits_.budgetBytes));
  if (!opened) {
    spliceRefused_ = true;
    return false;
  }
  pipe_ = std::move(opened).value();
  buffer_.release();
  return true;
}

}  // namespace mesh

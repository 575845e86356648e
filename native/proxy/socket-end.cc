// See socket-end.h.
#include "proxy/socket-end.h"

namespace mesh {

SocketEnd::SocketEnd(EventLoop& loop, UniqueFd fd, const SocketAddress& peer)
    : loop_(loop), fd_(std::move(fd)), peer_(peer), openedMs_(loop.nowMs()) {
  watch_.fd = fd_.get();
}

SocketEnd::~SocketEnd() {
  if (watch_.added()) loop_.remove(watch_);
  // Before the descriptor closes: afterwards the port may be somebody else's.
  if (capture_) capture_->forgetSource(source_);
  if (counters_) counters_->closed(error_, loop_.nowMs() - openedMs_);
}

Status<> SocketEnd::watch(IoHandler& handler) {
  watch_.handler = &handler;
  return loop_.add(watch_);
}

void SocketEnd::count(std::shared_ptr<const TransportCounters> counters) {
  counters_ = std::move(counters);
  counters_->opened();
}

void SocketEnd::exempt(const std::shared_ptr<const Capture>& capture, bool bySource) {
  // A socket that cannot be marked would be captured at worst, and then refused as a loop.
  (void)capture->exempt(fd_.get());
  if (!bySource) return;
  source_ = localAddress(fd_.get());
  if (capture->exemptSource(source_)) capture_ = capture;
}

void SocketEnd::afterRead(const IoCount& result, size_t asked) {
  if (result.bytes > 0) {
    if (counters_) counters_->read(static_cast<uint64_t>(result.bytes));
    // A short read has emptied the socket; FIN or an error behind it shows only to a further read.
    if (static_cast<size_t>(result.bytes) < asked && !peerClosed())
      loop_.consume(watch_, kReadable);
  } else if (result.bytes < 0) {
    if (result.blocked()) {
      loop_.consume(watch_, kReadable);
    } else {
      noteError(result.error);
    }
  }
}

void SocketEnd::afterWrite(const IoCount& result, size_t asked) {
  if (result.bytes >= 0) {
    if (counters_) counters_->written(static_cast<uint64_t>(result.bytes));
    if (static_cast<size_t>(result.bytes) < asked) loop_.consume(watch_, kWritable);
  } else if (result.blocked()) {
    loop_.consume(watch_, kWritable);
  } else {
    noteError(result.error);
  }
}

IoCount SocketEnd::read(char* into, size_t size) {
  const IoCount result = readSome(fd_.get(), into, size);
  afterRead(result, size);
  return result;
}

IoCount SocketEnd::write(std::string_view bytes) {
  const IoCount result = writeSome(fd_.get(), bytes);
  afterWrite(result, bytes.size());
  return result;
}

IoCount SocketEnd::writeVector(std::span<const iovec> parts) {
  size_t asked = 0;
  for (const iovec& part : parts) asked += part.iov_len;
  const IoCount result = mesh::writeVector(fd_.get(), parts);
  afterWrite(result, asked);
  return result;
}

void SocketEnd::finishWriting() {
  if (finished_) return;
  finished_ = true;
  shutdownWrite(fd_.get());
}

}  // namespace mesh

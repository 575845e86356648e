// See body-relay.h.
#include "proxy/body-relay.h"

#include <algorithm>
#include <charconv>

namespace mesh {

namespace {
constexpr size_t OUT_BYTES = 65'536;
// Size in hexadecimal, CRLF before and after the data (RFC 9112 §7.1).
constexpr size_t CHUNK_OVERHEAD = 16 + 4;

}  // namespace

size_t BodyRelay::roomToEncode(Buffer& out, BufferPool& pool) {
  if (out.empty() && out.capacity() < OUT_BYTES) out = pool.take(OUT_BYTES);
  if (out.room() <= CHUNK_OVERHEAD) out.compact();
  return out.room() > CHUNK_OVERHEAD ? out.room() - CHUNK_OVERHEAD : 0;
}

void BodyRelay::start(const http1::Framing& framing, http1::BodyKind outKind) {
  inKind_ = framing.kind;
  outKind_ = outKind;
  left_ = framing.length;
  complete_ =
      inKind_ == http1::BodyKind::None || (inKind_ == http1::BodyKind::Length && left_ == 0);
  if (inKind_ == http1::BodyKind::Chunked) decoder_.reset();
}

BodyRelay::Piece BodyRelay::prepare(Buffer& in, Buffer& out, BufferPool& pool) {
  Piece piece;
  if (complete_ || in.empty()) return piece;
  if (inKind_ == http1::BodyKind::Length) {
    piece.direct = in.view().substr(0, std::min<uint64_t>(left_, in.size()));
    return piece;
  }
  if (inKind_ == http1::BodyKind::UntilClose) {
    if (outKind_ == http1::BodyKind::UntilClose) {
      piece.direct = in.view();
      return piece;
    }
    if (roomToEncode(out, pool) == 0) return piece;
    const std::string_view data = in.view().substr(0, out.room() - CHUNK_OVERHEAD);
    encode(data, outKind_, out);
    in.consumed(data.size());
    return piece;
  }
  // What does not fit waits for the next call.
  if (roomToEncode(out, pool) == 0) return piece;
  while (decodeChunked(in, out, piece.violation)) {
  }
  if (complete_ && outKind_ == http1::BodyKind::Chunked) {
    encodeLastChunk(decoder_.trailers(), out, pool);
  }
  return piece;
}

// One step of the decoder. False when it is time to stop.
bool BodyRelay::decodeChunked(Buffer& in, Buffer& out, http1::Violation& violation) {
  if (complete_ || in.empty() || out.room() <= CHUNK_OVERHEAD) return false;
  const std::string_view input = in.view().substr(0, out.room() - CHUNK_OVERHEAD);
  const http1::ChunkedDecoder::Step step = decoder_.next(input);
  if (step.state == http1::ParseState::Invalid) {
    violation = step.violation;
    return false;
  }
  if (!step.data.empty()) encode(step.data, outKind_, out);
  in.consumed(step.consumed);
  complete_ = step.state == http1::ParseState::Complete;
  return step.consumed > 0;
}

void BodyRelay::encode(std::string_view data, http1::BodyKind outKind, Buffer& out) {
  if (outKind != http1::BodyKind::Chunked) {
    out.append(data);
    return;
  }
  char size[16];
  const auto end = std::to_chars(size, size + sizeof size, data.size(), 16);
  out.append({size, static_cast<size_t>(end.ptr - size)});
  out.append("\r\n");
  out.append(data);
  out.append("\r\n");
}

void BodyRelay::written(Buffer& in, size_t directBytes) {
  in.consumed(directBytes);
  if (inKind_ != http1::BodyKind::Length) return;
  left_ -= directBytes;
  complete_ = left_ == 0;
}

void BodyRelay::encodeLastChunk(std::string_view trailers, Buffer& out, BufferPool& pool) {
  pool.makeRoom(out, out ? trailers.size() + 5 : std::max(trailers.size() + 5, OUT_BYTES));
  out.append("0\r\n");
  out.append(trailers);
  out.append("\r\n");
}

bool BodyRelay::sourceEnded(Buffer& out, BufferPool& pool, std::string_view trailers) {
  if (inKind_ != http1::BodyKind::UntilClose) return false;
  complete_ = true;
  if (outKind_ == http1::BodyKind::Chunked) encodeLastChunk(trailers, out, pool);
  return true;
}

std::string fieldLines(const FieldTable& fields) {
  std::string lines;
  for (const Field& field : fields) {
    lines.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return lines;
}

}  // namespace mesh

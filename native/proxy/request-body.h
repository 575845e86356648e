// The body of a request on its way to endpoints: what has come and not gone on yet, and a copy of
// all of it for as long as the request may have to be sent again. What goes over the limit of that
// copy cannot be sent again, and is not kept. Bounded by the limit and by what the client's half lets in.
#pragma once

#include <cstddef>
#include <string_view>

#include "io/buffer-pool.h"
#include "proxy/endpoint-stream.h"

namespace mesh {

class RequestBody {
 public:
  // What one pooled buffer holds.
  static constexpr size_t MOST_KEPT_BYTES = 262'144;

  explicit RequestBody(BufferPool& buffers) : buffers_(buffers) {}

  // Before the first byte. No more than MOST_KEPT_BYTES are kept in any case.
  void keep(size_t limitBytes);
  // The body will not be wanted again: its response has begun.
  void forget();
  void append(std::string_view data);

  // Sends as much as goes; with `ended`, and once all has gone, the end. How much of it went for
  // the first time: the client may send as much again.
  size_t send(EndpointStream& stream, bool ended, const FieldTable& trailers);
  // Nothing is left to be sent to the present endpoint.
  bool empty() const { return replay_.empty() && pending_.empty(); }
  // Bytes that have come and have not gone on for the first time.
  size_t held() const { return pending_.size(); }
  // All that has come.
  uint64_t received() const { return received_; }

  // All of it, from the first byte, can be sent again.
  bool repeatable() const { return keeps_; }
  // Starts over, with another endpoint. Only where it is repeatable.
  void rewind();
  void release();

 private:
  BufferPool& buffers_;
  size_t limitBytes_ = 0;
  bool keeps_ = true;
  uint64_t received_ = 0;
  size_t gone_ = 0;  // bytes that have gone on at least once
  Buffer kept_;      // everything from the first byte on
  Buffer replay_;    // goes again, before `pending_`
  Buffer pending_;
};

}  // namespace mesh

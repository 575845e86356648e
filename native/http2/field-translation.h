// Makes the header block of an HTTP/2 message from a head of either version, for one call of
// nghttp2's submit functions, which copy it. Names become lower-case; what belongs to the
// connection or may not come from this side is left out (RFC 9113 §8.2.2, RFC 9110 §7.6.1); the
// order of fields stays. Lives on the stack: some 11 KiB.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <string>
#include <string_view>

#include "http/head.h"
#include "io/buffer-pool.h"

namespace mesh::http2 {

class OutgoingBlock {
 public:
  explicit OutgoingBlock(BufferPool& pool) : pool_(pool) {}
  OutgoingBlock(const OutgoingBlock&) = delete;
  OutgoingBlock& operator=(const OutgoingBlock&) = delete;

  // One of these, once. The heads and `scheme` stay where they are until the block was submitted.
  void request(const RequestHead& head, std::string_view scheme);
  // `toConnect`: the response is to a CONNECT request.
  void response(const ResponseHead& head, bool toConnect, bool synthesized);
  // From `storeTrailers`.
  void trailers(std::string_view stored);

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return count_; }

 private:
  void add(std::string_view name, std::string_view value, bool neverIndexed = false);
  // A copy with `prefix` before it, in lower case when `lower`.
  std::string_view copy(std::string_view prefix, std::string_view text, bool lower);

  static constexpr size_t MAX_PSEUDO = 5;
  BufferPool& pool_;
  std::array<nghttp2_nv, MAX_FIELDS + MAX_PSEUDO> fields_;
  size_t count_ = 0;
  // What may have to be copied, at most; of that the buffer is made when the first copy is.
  size_t copyBound_ = 0;
  Buffer copies_;
  std::array<char, 3> status_;
};

// Trailers that must wait until the data before them is sent; empty when there is nothing to send.
std::string storeTrailers(const FieldTable& fields);

}  // namespace mesh::http2

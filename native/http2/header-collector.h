// Collects one header block as nghttp2 decodes it and makes a head or trailers of it. Names and
// values stay where nghttp2 has them (reference counted); views are valid until `drop`. Memory is
// held only while a block is being received, and for no more than the limits allow.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string_view>

#include "http/head.h"
#include "http2/session.h"
#include "io/buffer-pool.h"

namespace mesh::http2 {

// Fields that are acted on before the content (RFC 9110 §6.5.1), by id or by name: framing,
// routing, authentication, the connection, and what the mesh says.
bool isAllowedInTrailers(const Field& field);

class HeaderCollector {
 public:
  enum class Kind : uint8_t { Nothing, Request, Response, Trailers };
  enum class Verdict : uint8_t { Fine, Bomb };

  HeaderCollector(const Settings& settings, BufferPool& pool);
  ~HeaderCollector() { drop(); }
  HeaderCollector(const HeaderCollector&) = delete;
  HeaderCollector& operator=(const HeaderCollector&) = delete;

  // A new block begins; whatever was there is gone.
  void begin(StreamId stream, Kind kind);
  // Bomb when the block is beyond any use: decoding it to its end is not worth the connection.
  Verdict add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, bool neverIndexed);
  void drop();

  StreamId stream() const { return stream_; }
  Kind kind() const { return kind_; }
  bool tooLarge() const { return tooLarge_; }
  size_t bytes() const { return bytes_; }
  // The content-type is gRPC's; known of heads that are too large as well.
  bool grpc() const { return grpc_; }

  // Once, after the whole block, when it is not too large. Null when it is not a valid message.
  const RequestHead* request();
  const ResponseHead* response();
  const FieldTable& trailers();

 private:
  struct Storage;
  Storage& storage();
  FieldTable& fields();
  void addPseudo(std::string_view name, std::string_view value);
  void joinCookies(FieldTable& fields);

  const size_t maxBytes_;
  const size_t maxFields_;
  BufferPool& pool_;
  Buffer memory_;  // holds a Storage between `begin` and `drop`
  Buffer cookies_;
  StreamId stream_ = 0;
  Kind kind_ = Kind::Nothing;
  bool tooLarge_ = false;
  bool grpc_ = false;
  uint16_t cookieCount_ = 0;
  size_t bytes_ = 0;
  size_t held_ = 0;
};

}  // namespace mesh::http2

// Writes heads from what was parsed, never from raw input. Hop-by-hop fields (RFC 9110 §7.6.1:
// Connection, everything it lists, Keep-Alive, Proxy-Connection, TE, Upgrade, HTTP2-Settings,
// Transfer-Encoding) are left out and the proxy's own framing is written instead. Connection cannot
// take away what the proxy or the mesh decides by: every field with an id, and l5d-*. Names keep
// the case the peer used, fields their order.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"
#include "http1/framing.h"

namespace mesh::http1 {

// A bounded output. Once something did not fit, `overflowed` stays true and no more is written.
class Output {
 public:
  Output(char* data, size_t capacity) : data_(data), capacity_(capacity) {}
  void put(std::string_view text);
  void putNumber(uint64_t value);
  void putHex(uint64_t value);
  // A field line: name, ": ", value, CR LF.
  void putField(std::string_view name, std::string_view value);
  size_t size() const { return size_; }
  bool overflowed() const { return overflowed_; }
  std::string_view view() const { return {data_, size_}; }

 private:
  // Room for so many bytes, counted as written; null when they do not fit.
  char* take(size_t bytes);

  char* data_;
  size_t capacity_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

struct RequestOptions {
  bool keepAlive = true;     // towards the endpoint
  bool keepUpgrade = false;  // relay Upgrade and write Connection: upgrade
  // The authority is written as Host when the request had none (HTTP/1.0); empty: leave it out.
  std::string_view fallbackHost;
  // An absolute-form target is written in origin-form, its authority as Host, and credentials for
  // the proxy are dropped (forward proxy: RFC 9112 §3.2.2, RFC 9110 §11.7.2).
  bool originForm = false;
};

// Always writes HTTP/1.1 with the given framing. `te: trailers` survives when the client sent it.
// Every l5d-client-* is dropped, l5d-orig-proto too; so is Expect of HTTP/1.0, which the endpoint would take for one
// of HTTP/1.1.
void writeRequestHead(Output& out, const RequestHead& head, const Framing& framing,
                      const RequestOptions& options);

struct ResponseOptions {
  uint8_t clientMinorVersion = 1;
  bool keepAlive = true;     // towards the client
  bool keepUpgrade = false;  // 101: relay Upgrade and write Connection: upgrade
  // The body is written as this kind: to an HTTP/1.0 client a chunked body is delimited by close.
  BodyKind bodyKind = BodyKind::None;
  // In place of the head's; for responses that came without one.
  std::string_view reason;
  // Made by the proxy: l5d-proxy-error and l5d-proxy-connection stay.
  bool synthesized = false;
};

// The status line says HTTP/1.1 whatever the client's version (RFC 9110 §6.2). Content-Length is
// relayed also where there is no body (HEAD, 304), but not with 1xx, 204 and 2xx to CONNECT (RFC
// 9110 §8.6). l5d-proxy-error, l5d-proxy-connection and l5d-orig-proto are dropped. Interim (1xx) responses are
// written with the same function; of them only 101 gets a Connection field. A body that is
// delimited by close always gets Connection: close.
void writeResponseHead(Output& out, const ResponseHead& head, const Framing& framing,
                       const ResponseOptions& options);

// A bound for the size of the output of either function, for sizing a buffer. Holds for a
// `fallbackHost` of up to 320 bytes.
size_t serializedBound(const FieldTable& fields, size_t startLineBytes);

}  // namespace mesh::http1

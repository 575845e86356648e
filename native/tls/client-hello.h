// Tells a TLS connection by its first bytes and reads the name of the server the client wants
// (RFC 6066 §3), without touching them: they go on as they came. For bytes of strangers: every
// length is checked, nothing is allocated but the name, and the work for each call is that of the
// bytes that are new. A ClientHello may come in any number of TCP segments and, unlike in
// linkerd2-proxy (reference §3.3), of TLS records (RFC 8446 §5.1), up to 16 KiB all in all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mesh::tls {

// A ClientHello with the headers of its records; a longer one is not looked into.
constexpr size_t MAX_CLIENT_HELLO_BYTES = 16'384;

class ClientHelloReader {
 public:
  enum class State : uint8_t { NeedMore, NotTls, Hello };

  // `bytes`: all that has come so far, from the first byte of the connection on, so each call is
  // given what the last one was and more. NotTls and Hello are final.
  State read(std::string_view bytes);

  // After Hello. In lower case, without a final dot; empty when the client sent none, or one that
  // is no DNS name.
  const std::string& serverName() const { return serverName_; }

 private:
  // Type, length and version of a handshake message that is a ClientHello.
  static constexpr size_t START_BYTES = 6;

  State scanRecords(std::string_view bytes);
  void takeStart(std::string_view fragment);
  bool startIsPlausible() const;
  bool readBody(std::string_view bytes);
  size_t messageBytes() const;

  State state_ = State::NeedMore;
  size_t record_ = 0;     // where the header of the first record that is not whole begins
  size_t inRecords_ = 0;  // bytes of the message in the records before it
  std::array<uint8_t, START_BYTES> start_{};
  size_t started_ = 0;
  std::string serverName_;
};

}  // namespace mesh::tls

// For tests and fuzz seeds: HTTP/2 frames by hand (RFC 9113 §4.1, RFC 7541 without indexing), right
// or wrong as the test wants them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh::http2::frames {

constexpr std::string_view PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : uint8_t {
  DATA = 0,
  HEADERS = 1,
  PRIORITY = 2,
  RST_STREAM = 3,
  SETTINGS = 4,
  PUSH_PROMISE = 5,
  PING = 6,
  GOAWAY = 7,
  WINDOW_UPDATE = 8,
  CONTINUATION = 9,
};
constexpr uint8_t NONE = 0x0;
constexpr uint8_t END_STREAM = 0x1;
constexpr uint8_t ACK = 0x1;
constexpr uint8_t END_HEADERS = 0x4;
constexpr uint8_t PADDED = 0x8;

inline std::string number(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = bytes; i-- > 0;) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4) +
         std::string(payload);
}

inline std::string settings(std::initializer_list<std::pair<uint16_t, uint32_t>> entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += number(id, 2) + number(value, 4);
  return frame(SETTINGS, NONE, 0, payload);
}
inline std::string settingsAck() { return frame(SETTINGS, ACK, 0, ""); }
inline std::string ping(uint8_t flags = NONE) { return frame(PING, flags, 0, "12345678"); }
inline std::string reset(uint32_t stream, uint32_t code) {
  return frame(RST_STREAM, NONE, stream, number(code, 4));
}
inline std::string windowUpdate(uint32_t stream, uint32_t bytes) {
  return frame(WINDOW_UPDATE, NONE, stream, number(bytes, 4));
}
inline std::string goaway(uint32_t lastStream, uint32_t code) {
  return frame(GOAWAY, NONE, 0, number(lastStream, 4) + number(code, 4));
}
inline std::string data(uint32_t stream, std::string_view bytes, uint8_t flags = NONE) {
  return frame(DATA, flags, stream, bytes);
}

// RFC 7541 §5.1.
inline std::string prefixed(uint8_t first, unsigned prefixBits, uint64_t value) {
  const uint64_t most = (1U << prefixBits) - 1;
  if (value < most) return number(first | value, 1);
  std::string text = number(first | most, 1);
  for (value -= most; value >= 128; value >>= 7) text += number(0x80 | (value & 0x7f), 1);
  return text + number(value, 1);
}
// RFC 7541 §6.2.2, and §6.2.1 when it is to be remembered.
inline std::string literal(std::string_view name, std::string_view value, bool remembered = false) {
  return number(remembered ? 0x40 : 0x00, 1) + prefixed(0, 7, name.size()) + std::string(name) +
         prefixed(0, 7, value.size()) + std::string(value);
}
// RFC 7541 §6.1. 62 is what was remembered last.
inline std::string indexed(uint64_t index) { return prefixed(0x80, 7, index); }

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

inline std::string block(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += literal(name, value);
  return text;
}
inline std::string headers(uint32_t stream, std::string_view block, uint8_t flags) {
  return frame(HEADERS, static_cast<uint8_t>(flags | END_HEADERS), stream, block);
}
inline Fields request(std::string_view method = "GET", std::string_view path = "/") {
  return {{":method", method}, {":scheme", "http"}, {":authority", "a.example"}, {":path", path}};
}
inline std::string get(uint32_t stream) { return headers(stream, block(request()), END_STREAM); }
inline std::string post(uint32_t stream) { return headers(stream, block(request("POST")), NONE); }

// Taken apart again.
struct Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
  std::string payload;

  uint32_t numberAt(size_t offset) const {
    uint32_t value = 0;
    for (size_t i = 0; i < 4 && offset + i < payload.size(); ++i) {
      value = value << 8 | static_cast<unsigned char>(payload[offset + i]);
    }
    return value;
  }
  // Of RST_STREAM and GOAWAY.
  uint32_t code() const { return numberAt(type == GOAWAY ? 4 : 0); }
};

// All whole frames at the beginning of `bytes`, which loses them.
inline std::vector<Frame> takeFrames(std::string& bytes) {
  std::vector<Frame> found;
  size_t at = 0;
  auto byte = [&](size_t offset) { return static_cast<unsigned char>(bytes[at + offset]); };
  while (bytes.size() - at >= 9) {
    const size_t size = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
    if (bytes.size() - at < 9 + size) break;
    const uint32_t stream = (uint32_t{byte(5)} << 24 | uint32_t{byte(6)} << 16 |
                             uint32_t{byte(7)} << 8 | uint32_t{byte(8)}) &
                            0x7fffffff;
    found.push_back({byte(3), byte(4), stream, bytes.substr(at + 9, size)});
    at += 9 + size;
  }
  bytes.erase(0, at);
  return found;
}

}  // namespace mesh::http2::frames

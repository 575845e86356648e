// See client-hello.h.
#include "tls/client-hello.h"

#include <algorithm>

#include "tls/server-name.h"

namespace mesh::tls {

namespace {
constexpr size_t RECORD_HEADER = 5;
constexpr size_t MAX_FRAGMENT = 1 << 14;  // RFC 8446 §5.1
constexpr size_t MESSAGE_HEADER = 4;
constexpr uint8_t HANDSHAKE_RECORD = 22;
constexpr uint8_t CLIENT_HELLO = 1;
constexpr uint8_t VERSION_MAJOR = 3;
constexpr size_t RANDOM_BYTES = 32;
constexpr size_t MAX_SESSION_ID = 32;
constexpr size_t SERVER_NAME_EXTENSION = 0;
constexpr size_t HOST_NAME = 0;
// Version, random, and the shortest session id, cipher suites and compression methods.
constexpr size_t MIN_BODY = 2 + RANDOM_BYTES + 1 + 2 + 2 + 1 + 1;

uint8_t byteAt(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

size_t lengthOfRecord(std::string_view header) {
  return size_t{byteAt(header, 3)} << 8 | byteAt(header, 4);
}

// Whether a record of a handshake can begin so. RFC 8446 §5.1: no fragment is empty. The minor
// version says nothing (RFC 5246 appendix E.1: any must be accepted).
bool canBeginRecord(std::string_view bytes) {
  if (!bytes.empty() && byteAt(bytes, 0) != HANDSHAKE_RECORD) return false;
  if (bytes.size() > 1 && byteAt(bytes, 1) != VERSION_MAJOR) return false;
  if (bytes.size() < RECORD_HEADER) return true;
  const size_t length = lengthOfRecord(bytes);
  return length > 0 && length <= MAX_FRAGMENT;
}

// Walks the message over the records it lies in, all of which are there. Every step fails rather
// than leave the message.
class Message {
 public:
  Message(std::string_view bytes, size_t size) : bytes_(bytes), left_(size) {}

  size_t left() const { return left_; }

  bool skip(size_t count) {
    if (count > left_) return false;
    left_ -= count;
    while (count > 0) count -= step(count).size();
    return true;
  }
  // Big-endian, of 1 to 3 bytes.
  bool number(size_t width, size_t& out) {
    if (width > left_) return false;
    left_ -= width;
    out = 0;
    for (; width > 0; --width) out = out << 8 | byteAt(step(1), 0);
    return true;
  }
  bool text(size_t count, std::string& out) {
    if (count > left_) return false;
    left_ -= count;
    while (count > 0) {
      const std::string_view part = step(count);
      out.append(part);
      count -= part.size();
    }
    return true;
  }

 private:
  // The next bytes that lie together: at least one, at most `limit`.
  std::string_view step(size_t limit) {
    if (inRecord_ == 0) {
      inRecord_ = lengthOfRecord(bytes_.substr(at_));
      at_ += RECORD_HEADER;
    }
    const std::string_view part = bytes_.substr(at_, std::min(limit, inRecord_));
    at_ += part.size();
    inRecord_ -= part.size();
    return part;
  }

  std::string_view bytes_;
  size_t left_;  // of the message
  size_t at_ = 0;
  size_t inRecord_ = 0;
};

// ServerNameList (RFC 6066 §3): one name, of the one type there is.
bool readServerName(Message& message, size_t size, std::string& name) {
  const size_t behind = message.left() - size;
  size_t list = 0, type = 0, length = 0;
  if (!message.number(2, list) || message.left() < behind || list != message.left() - behind) {
    return false;
  }
  if (!message.number(1, type) || type != HOST_NAME || !message.number(2, length)) return false;
  if (message.left() < behind || length == 0 || length != message.left() - behind) return false;
  if (length <= MAX_SERVER_NAME_BYTES) return message.text(length, name);
  return message.skip(length);
}
}  // namespace

ClientHelloReader::State ClientHelloReader::read(std::string_view bytes) {
  if (state_ == State::NeedMore) state_ = scanRecords(bytes.substr(0, MAX_CLIENT_HELLO_BYTES));
  return state_;
}

ClientHelloReader::State ClientHelloReader::scanRecords(std::string_view bytes) {
  for (;;) {
    const std::string_view rest = bytes.substr(record_);
    if (!canBeginRecord(rest)) return State::NotTls;
    if (rest.size() <= RECORD_HEADER) break;
    const size_t length = lengthOfRecord(rest);
    const std::string_view fragment = rest.substr(RECORD_HEADER, length);
    takeStart(fragment);
    if (!startIsPlausible()) return State::NotTls;
    if (started_ == START_BYTES && inRecords_ + fragment.size() >= messageBytes()) {
      if (readBody(bytes)) return State::Hello;
      serverName_.clear();
      return State::NotTls;
    }
    if (fragment.size() < length) break;
    record_ += RECORD_HEADER + length;
    inRecords_ += length;
  }
  return bytes.size() < MAX_CLIENT_HELLO_BYTES ? State::NeedMore : State::NotTls;
}

// What of a fragment belongs to the first bytes of the message and was not there the last time.
void ClientHelloReader::takeStart(std::string_view fragment) {
  while (started_ < START_BYTES && started_ - inRecords_ < fragment.size()) {
    start_[started_] = byteAt(fragment, started_ - inRecords_);
    ++started_;
  }
}

bool ClientHelloReader::startIsPlausible() const {
  if (started_ > 0 && start_[0] != CLIENT_HELLO) return false;
  if (started_ > 4 && start_[4] != VERSION_MAJOR) return false;
  if (started_ < MESSAGE_HEADER) return true;
  const size_t size = messageBytes();
  return size >= MESSAGE_HEADER + MIN_BODY && size <= MAX_CLIENT_HELLO_BYTES - RECORD_HEADER;
}

size_t ClientHelloReader::messageBytes() const {
  return MESSAGE_HEADER + (size_t{start_[1]} << 16 | size_t{start_[2]} << 8 | start_[3]);
}

// RFC 8446 §4.1.2. A message that contradicts itself is not TLS: no server would take it either.
bool ClientHelloReader::readBody(std::string_view bytes) {
  Message message(bytes, messageBytes());
  size_t session = 0, ciphers = 0, compressions = 0;
  if (!message.skip(START_BYTES + RANDOM_BYTES)) return false;
  if (!message.number(1, session) || session > MAX_SESSION_ID || !message.skip(session)) {
    return false;
  }
  if (!message.number(2, ciphers) || ciphers < 2 || ciphers % 2 != 0 || !message.skip(ciphers)) {
    return false;
  }
  if (!message.number(1, compressions) || compressions < 1 || !message.skip(compressions)) {
    return false;
  }
  // Before TLS 1.3 extensions need not be there at all.
  if (message.left() == 0) return true;
  size_t extensions = 0;
  if (!message.number(2, extensions) || extensions != message.left()) return false;
  bool named = false;
  while (message.left() > 0) {
    size_t type = 0, size = 0;
    if (!message.number(2, type) || !message.number(2, size) || size > message.left()) return false;
    if (type != SERVER_NAME_EXTENSION) {
      if (!message.skip(size)) return false;
      continue;
    }
    // Two names would let the client choose which of them others see.
    if (named || !readServerName(message, size, serverName_)) return false;
    named = true;
  }
  canonicalServerName(serverName_);
  return true;
}

}  // namespace mesh::tls

// See websocket-handshake.h.
#include "proxy/websocket-handshake.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/sha1.h"

namespace mesh {

namespace {
constexpr std::string_view KEY = "sec-websocket-key";
constexpr std::string_view ACCEPT = "sec-websocket-accept";

std::string base64(const uint8_t* bytes, size_t size) {
  constexpr std::string_view DIGITS =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < size; at += 3) {
    const size_t have = size - at < 3 ? size - at : 3;
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < have ? bytes[at + i] : 0);
    for (size_t i = 0; i < 4; ++i) {
      text.push_back(i <= have ? DIGITS[group >> (18 - 6 * i) & 63] : '=');
    }
  }
  return text;
}

void removeNamed(FieldTable& fields, std::string_view name) {
  size_t kept = 0;
  for (size_t i = 0; i < fields.count; ++i) {
    if (!equalsIgnoreCase(fields.items[i].name, name)) fields.items[kept++] = fields.items[i];
  }
  fields.count = kept;
}

const Field* findNamed(const FieldTable& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (equalsIgnoreCase(field.name, name)) return &field;
  }
  return nullptr;
}
}  // namespace

std::string websocketKey(Random& random) {
  std::array<uint64_t, 2> nonce = {random.next(), random.next()};
  std::array<uint8_t, sizeof nonce> bytes;
  std::memcpy(bytes.data(), nonce.data(), bytes.size());
  return base64(bytes.data(), bytes.size());
}

std::string websocketAccept(std::string_view key) {
  std::string text(key);
  text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  const std::array<uint8_t, 20> digest = sha1(text);
  return base64(digest.data(), digest.size());
}

bool askForWebsocket(RequestHead& head, std::string_view key) {
  head.method = Method::Get;
  head.methodText = "GET";
  head.form = TargetForm::Origin;
  head.target = head.path;
  // Neither means anything here; what an upgrade is framed by is the upgrade.
  head.fields.remove(FieldId::ContentLength);
  removeNamed(head.fields, KEY);
  return head.fields.add("upgrade", "websocket", FieldId::Upgrade) && head.fields.add(KEY, key);
}

bool agreesToWebsocket(const ResponseHead& head, std::string_view key) {
  const Field* upgrade = head.fields.find(FieldId::Upgrade);
  const Field* accept = findNamed(head.fields, ACCEPT);
  return upgrade != nullptr && equalsIgnoreCase(upgrade->value, "websocket") && accept != nullptr &&
         accept->value == websocketAccept(key);
}

void acceptWebsocket(ResponseHead& head) {
  head.status = 200;
  head.reason = {};
  head.fields.remove(FieldId::Upgrade);
  removeNamed(head.fields, ACCEPT);
}

}  // namespace mesh

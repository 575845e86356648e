// See target-syntax.h.
#include "http2/target-syntax.h"

#include <algorithm>
#include <array>

#include "http/authority.h"

namespace mesh::http2 {
namespace {

constexpr uint8_t REG_NAME = 1;  // RFC 3986 §3.2.2 but for '%'
constexpr uint8_t PATH = 2;
constexpr uint8_t QUERY = 4;

constexpr std::array<uint8_t, 256> makeTable() {
  std::array<uint8_t, 256> table{};
  auto add = [&table](std::string_view characters, uint8_t classes) {
    for (const char c : characters) table[static_cast<unsigned char>(c)] |= classes;
  };
  add("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", REG_NAME | PATH | QUERY);
  add("-._~!$&'()*+,;=", REG_NAME | PATH | QUERY);
  add(":@/%", PATH | QUERY);
  // Not in RFC 3986, yet sent unescaped by browsers and tools, and read as themselves. '\\' only in
  // the query: in a path some servers take it for '/'.
  add("|{}\"^`[]", PATH | QUERY);
  add("?\\", QUERY);
  return table;
}
constexpr std::array<uint8_t, 256> TABLE = makeTable();

bool isIn(char c, uint8_t classes) { return (TABLE[static_cast<unsigned char>(c)] & classes) != 0; }

bool isHex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

bool isRegName(std::string_view host) {
  for (size_t i = 0; i < host.size(); ++i) {
    if (isIn(host[i], REG_NAME)) continue;
    if (host[i] != '%' || host.size() - i < 3 || !isHex(host[i + 1]) || !isHex(host[i + 2])) {
      return false;
    }
    i += 2;
  }
  return !host.empty();
}

// The end of the host, where ":" and a port may follow; npos when it is no host.
size_t hostEnd(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || !isIpv6(text.substr(1, bracket - 1))) {
      return std::string_view::npos;
    }
    return bracket + 1;
  }
  const size_t end = std::min(text.find(':'), text.size());
  return isRegName(text.substr(0, end)) ? end : std::string_view::npos;
}

}  // namespace

Method methodOf(std::string_view text) {
  struct Known {
    std::string_view text;
    Method method;
  };
  // The most frequent first.
  constexpr Known KNOWN[] = {
      {"GET", Method::Get},         {"POST", Method::Post},     {"HEAD", Method::Head},
      {"PUT", Method::Put},         {"DELETE", Method::Delete}, {"PATCH", Method::Patch},
      {"OPTIONS", Method::Options}, {"TRACE", Method::Trace},   {"CONNECT", Method::Connect},
  };
  for (const Known& known : KNOWN) {
    if (known.text == text) return known.method;
  }
  return Method::Other;
}

bool isAuthority(std::string_view text) {
  const size_t end = hostEnd(text);
  if (end == std::string_view::npos) return false;
  return end == text.size() || (text[end] == ':' && isPort(text.substr(end + 1)));
}

bool isConnectAuthority(std::string_view text) {
  if (!isAuthority(text)) return false;
  const size_t end = hostEnd(text);
  return end < text.size() && text.substr(end + 1).find_first_not_of('0') != std::string_view::npos;
}

bool isOriginPath(std::string_view text) {
  if (text.empty() || text.front() != '/') return false;
  uint8_t allowed = PATH;
  for (const char c : text) {
    if (c == '?') allowed = QUERY;
    if (!isIn(c, allowed)) return false;
  }
  return true;
}

}  // namespace mesh::http2

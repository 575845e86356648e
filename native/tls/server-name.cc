// See server-name.h.
#include "tls/server-name.h"

#include <string_view>

namespace mesh::tls {

namespace {
constexpr size_t MAX_LABEL = 63;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isLabel(std::string_view label) {
  if (label.empty() || label.size() > MAX_LABEL || label.front() == '-' || label.back() == '-') {
    return false;
  }
  for (const char c : label) {
    if (!(c >= 'a' && c <= 'z') && !isDigit(c) && c != '-' && c != '_') return false;
  }
  return true;
}

bool isNumber(std::string_view label) {
  for (const char c : label) {
    if (!isDigit(c)) return false;
  }
  return true;
}

// In lower case, without a final dot.
bool isDnsName(std::string_view name) {
  if (name.size() >= MAX_SERVER_NAME_BYTES) return false;
  for (;;) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!isLabel(label)) return false;
    // RFC 3696 §2: the last label of a name is never a number, that of an IPv4 address is.
    if (dot == std::string_view::npos) return !isNumber(label);
    name.remove_prefix(dot + 1);
  }
}
}  // namespace

void canonicalServerName(std::string& name) {
  if (name.ends_with('.')) name.pop_back();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!isDnsName(name)) name.clear();
}

}  // namespace mesh::tls

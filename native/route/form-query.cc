// See form-query.h.
#include "route/form-query.h"

namespace mesh::route {
namespace {

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Takes the next byte off the front of `encoded`, which is not empty.
char takeByte(std::string_view& encoded) {
  const char first = encoded.front();
  if (first == '%' && encoded.size() >= 3) {
    const int high = hexDigit(encoded[1]);
    const int low = hexDigit(encoded[2]);
    if (high >= 0 && low >= 0) {
      encoded.remove_prefix(3);
      return static_cast<char>(high * 16 + low);
    }
  }
  encoded.remove_prefix(1);
  return first == '+' ? ' ' : first;
}

}  // namespace

bool FormPairs::next(std::string_view& name, std::string_view& value) {
  while (!rest_.empty()) {
    const size_t end = rest_.find('&');
    const std::string_view pair = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    name = pair.substr(0, equals);
    value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    return true;
  }
  return false;
}

bool decodesTo(std::string_view encoded, std::string_view text) {
  while (!encoded.empty()) {
    if (text.empty() || takeByte(encoded) != text.front()) return false;
    text.remove_prefix(1);
  }
  return text.empty();
}

std::string decodeForm(std::string_view encoded) {
  std::string text;
  text.reserve(encoded.size());
  while (!encoded.empty()) text.push_back(takeByte(encoded));
  return text;
}

}  // namespace mesh::route

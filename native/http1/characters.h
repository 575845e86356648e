// The character classes of RFC 3986, 9110 and 9112 as bits of one table, and the loops that skip
// over runs of them. A byte is looked at once, whichever classes it may belong to.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mesh::http1 {

using CharacterClass = uint8_t;
constexpr CharacterClass TOKEN = 1;      // RFC 9110 §5.6.2 tchar
constexpr CharacterClass PATH = 2;       // of a request target, up to a query
constexpr CharacterClass QUERY = 4;      // of a request target, after its first '?'
constexpr CharacterClass VALUE = 8;      // RFC 9110 §5.5: visible, obs-text, SP, HTAB
constexpr CharacterClass REG_NAME = 16;  // RFC 3986 §3.2.2 but for '%'
constexpr CharacterClass DIGIT = 32;
constexpr CharacterClass HEX = 64;
constexpr CharacterClass QUOTED = 128;  // RFC 9110 §5.6.4 qdtext

namespace detail {

constexpr std::array<CharacterClass, 256> makeCharacterTable() {
  std::array<CharacterClass, 256> table{};
  auto add = [&table](std::string_view characters, CharacterClass classes) {
    for (const char c : characters) table[static_cast<unsigned char>(c)] |= classes;
  };
  const std::string_view digits = "0123456789";
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(digits, TOKEN | PATH | QUERY | REG_NAME | DIGIT | HEX);
  add(letters, TOKEN | PATH | QUERY | REG_NAME);
  add("abcdefABCDEF", HEX);
  add("!#$%&'*+-.^_`|~", TOKEN);
  const std::string_view unreserved = "-._~";
  const std::string_view subDelims = "!$&'()*+,;=";
  add(unreserved, PATH | QUERY | REG_NAME);
  add(subDelims, PATH | QUERY | REG_NAME);
  // RFC 3986 §3.3 pchar, and the '/' between segments.
  add(":@/%", PATH | QUERY);
  add("?", QUERY);
  // Not in RFC 3986, yet what browsers and command lines send unescaped, and no server reads them
  // as anything but themselves. '\\' only in the query, where browsers send it: in a path
  // some servers take it for '/'. '#', '<', '>', space, controls and bytes above 0x7f stay refused.
  add("|{}\"^`[]", PATH | QUERY);
  add("\\", QUERY);
  for (unsigned c = 0x20; c < 256; ++c) {
    if (c == 0x7f) continue;
    table[c] |= VALUE;
    if (c != '"' && c != '\\') table[c] |= QUOTED;
  }
  table['\t'] |= VALUE | QUOTED;
  return table;
}

inline constexpr std::array<CharacterClass, 256> CHARACTERS = makeCharacterTable();

}  // namespace detail

inline bool isIn(char c, CharacterClass classes) {
  return (detail::CHARACTERS[static_cast<unsigned char>(c)] & classes) != 0;
}

// The first byte in [at, end) outside the classes, or `end`.
inline const char* skipRun(const char* at, const char* end, CharacterClass classes) {
  while (at != end && isIn(*at, classes)) ++at;
  return at;
}

// The same as skipRun with VALUE, eight bytes at a time while none of them is a control byte.
inline const char* skipValue(const char* at, const char* end) {
  constexpr uint64_t ONES = 0x0101010101010101ULL;
  constexpr uint64_t HIGHS = 0x8080808080808080ULL;
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    const uint64_t belowSpace = (word - ONES * 0x20) & ~word & HIGHS;
    const uint64_t xorDelete = word ^ (ONES * 0x7f);
    const uint64_t isDelete = (xorDelete - ONES) & ~xorDelete & HIGHS;
    if ((belowSpace | isDelete) != 0) {
      const char* wordEnd = at + 8;
      at = skipRun(at, wordEnd, VALUE);
      if (at != wordEnd) return at;
      continue;
    }
    at += 8;
  }
  return skipRun(at, end, VALUE);
}

}  // namespace mesh::http1

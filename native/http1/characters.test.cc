// Every byte in every class, and the word-wise scan against the byte-wise one.
#include "http1/characters.h"

#include <doctest/doctest.h>

#include <string>

using namespace mesh::http1;

TEST_CASE("the word-wise value scan stops where the byte-wise one does") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t length = 0; length < 20; ++length) {
      for (size_t place = 0; place < length; ++place) {
        for (const char around : {'x', '\t', '\x80', ' ', '\xff'}) {
          std::string text(length, around);
          text[place] = static_cast<char>(byte);
          const char* end = text.data() + text.size();
          CHECK_EQ(skipValue(text.data(), end), skipRun(text.data(), end, VALUE));
        }
      }
    }
  }
}

TEST_CASE("a field value may have visible characters, blanks and bytes above ASCII, nothing else") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    CAPTURE(byte);
    CHECK(isIn(static_cast<char>(byte), VALUE) == allowed);
  }
}

TEST_CASE("tokens are what RFC 9110 lists") {
  std::string found;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (isIn(static_cast<char>(byte), TOKEN)) found += static_cast<char>(byte);
  }
  CHECK(found == "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
}

TEST_CASE("targets have neither space, fragment, angle bracket, control nor byte above ASCII") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool refused = byte <= 0x20 || byte >= 0x7f || c == '#' || c == '<' || c == '>';
    CAPTURE(byte);
    CHECK(isIn(c, QUERY) == !refused);
    CHECK(isIn(c, PATH) == (!refused && c != '?' && c != '\\'));
  }
}

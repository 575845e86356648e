// The examples of FIPS 180-4.
#include "base/sha1.h"

#include <doctest/doctest.h>

#include <string>

using namespace mesh;

namespace {
std::string hex(std::string_view text) {
  std::string out;
  for (const uint8_t byte : sha1(text)) {
    out.push_back("0123456789abcdef"[byte >> 4]);
    out.push_back("0123456789abcdef"[byte & 15]);
  }
  return out;
}
}  // namespace

TEST_CASE("the digests are those of the standard") {
  CHECK(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

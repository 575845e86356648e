// Bytes for tests: they look random, and are the same in every run. Not part of the product.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"

namespace mesh::testing {

inline std::string randomBytes(size_t size, uint64_t seed) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

}  // namespace mesh::testing

// The places at which a fuzzer cuts its input into pieces: taken from the input itself, so that a
// finding replays, and few, so that long inputs stay fast.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace mesh::fuzz {

inline std::vector<size_t> splitsOf(std::string_view input) {
  constexpr size_t MAX_SPLITS = 24;
  constexpr size_t SHORT = 48;
  std::vector<size_t> ends;
  if (input.size() <= SHORT) {
    for (size_t i = 1; i < input.size(); ++i) ends.push_back(i);
    return ends;
  }
  // FNV-1a.
  uint64_t seed = 0xcbf29ce484222325ULL;
  for (const char c : input) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  Random random(seed);
  for (size_t i = 0; i < MAX_SPLITS; ++i) {
    ends.push_back(1 + random.below(static_cast<uint32_t>(input.size() - 1)));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace mesh::fuzz

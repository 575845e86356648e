// What tests of counters look at: the values of a series. Not part of the product.
#pragma once

#include <vector>

#include "metrics/recorder.h"

namespace mesh::testing {

// Of the series of these labels, among those that were announced; empty: there is none.
inline std::vector<uint64_t> valuesOf(Recorder& recorder,
                                      const std::vector<SeriesDefinition>& announced, Family family,
                                      const LabelSet& labels) {
  std::vector<uint64_t> all;
  recorder.snapshot(all);
  for (const SeriesDefinition& one : announced) {
    if (one.family != family || !(one.labels == labels)) continue;
    const auto begin = all.begin() + one.offset;
    return {begin, begin + one.width};
  }
  return {};
}

}  // namespace mesh::testing

// Which HTTP statuses something applies to. A value without memory of its own, so that requests can
// bring their own.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "route/spec.h"

namespace mesh::route {

class StatusSet {
 public:
  StatusSet() = default;
  explicit StatusSet(const std::vector<StatusRange>& ranges) {
    for (const StatusRange& range : ranges) add(range.first, range.last);
  }

  // Both ends included; what is beyond 599 is left out.
  void add(uint16_t first, uint16_t last) {
    for (uint32_t status = first; status <= last && status < STATUSES; ++status) set_.set(status);
  }
  bool contains(uint16_t status) const { return status < STATUSES && set_.test(status); }
  bool empty() const { return set_.none(); }
  bool operator==(const StatusSet&) const = default;

 private:
  static constexpr uint32_t STATUSES = 600;
  std::bitset<STATUSES> set_;
};

}  // namespace mesh::route

// See host-index.h.
#include "route/host-index.h"

#include <utility>

#include "base/check.h"

namespace mesh::route {
namespace {

constexpr uint64_t START = 0xcbf29ce484222325ULL;
constexpr size_t FEWEST_SLOTS = 8;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// FNV-1a leaves the low bits weak where names differ at their beginning alone.
size_t spread(uint64_t hash, bool suffix) {
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15ULL;
  return static_cast<size_t>((hash >> 17) ^ (suffix ? 1 : 0));
}

}  // namespace

uint64_t HostIndex::extend(uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
}

bool HostIndex::hashEnds(std::string_view host, Ends& out) {
  if (host.size() > MAX_HOST) return false;
  out.size = host.size();
  uint64_t hash = START;
  for (size_t i = host.size(); i-- > 0;) {
    const char c = lower(host[i]);
    out.text[i] = c;
    if (c == '.') out.labels[out.count++] = {hash, static_cast<uint8_t>(i + 1)};
    hash = extend(hash, c);
  }
  out.whole = hash;
  return true;
}

uint32_t HostIndex::look(uint64_t hash, bool suffix, std::string_view host) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = spread(hash, suffix) & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.number == NONE) return NONE;
    if (slot.hash == hash && slot.suffix == suffix && slot.host == host) return slot.number;
  }
}

void HostIndex::add(std::string_view host, bool suffix, uint32_t number) {
  MESH_CHECK(!host.empty() && host.size() <= MAX_HOST && number != NONE);
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> before = std::move(slots_);
    slots_ = std::vector<Slot>(before.empty() ? FEWEST_SLOTS : before.size() * 2);
    for (Slot& slot : before) {
      if (slot.number != NONE) place(std::move(slot));
    }
  }
  uint64_t hash = START;
  for (size_t i = host.size(); i-- > 0;) hash = extend(hash, host[i]);
  place({.hash = hash, .number = number, .suffix = suffix, .host = std::string(host)});
  ++used_;
  hasSuffixes_ = hasSuffixes_ || suffix;
  hasDotted_ = hasDotted_ || host.back() == '.';
}

void HostIndex::place(Slot slot) {
  const size_t mask = slots_.size() - 1;
  size_t at = spread(slot.hash, slot.suffix) & mask;
  while (slots_[at].number != NONE) at = (at + 1) & mask;
  slots_[at] = std::move(slot);
}

}  // namespace mesh::route

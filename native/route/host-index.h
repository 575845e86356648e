// Host names to numbers, by hash: what a lookup costs depends on the length of the name looked up
// and not on how many there are. Names are compared without regard to case and are not copied while
// looking.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::route {

class HostIndex {
 public:
  // `host` is lower case, at most MAX_HOST bytes; each (host, suffix) once. A suffix stands for
  // names with further labels before it.
  void add(std::string_view host, bool suffix, uint32_t number);

  // Calls `visit(number)` for what matches `host` (no port), from the most specific on, until it
  // returns true: the name itself, then suffixes from the longest on. A dot at the end is heeded
  // by names that have one, too, and ignored by the others. Does not allocate.
  template <typename Visit>
  bool find(std::string_view host, Visit visit) const;

  // The longest name a request can be looked up by; DNS has 253 (RFC 1035 §3.1).
  static constexpr size_t MAX_HOST = 255;

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t number = NONE;
    bool suffix = false;
    std::string host;
  };
  static constexpr uint32_t NONE = UINT32_MAX;

  // Hashes of a name's ends, from the back, so that one walk gives them all.
  struct Ends {
    char text[MAX_HOST];
    size_t size = 0;
    uint64_t whole = 0;
    struct Label {
      uint64_t hash;
      uint8_t begin;
    };
    std::array<Label, MAX_HOST> labels;  // behind a dot, the shortest first
    size_t count = 0;
  };
  static bool hashEnds(std::string_view host, Ends& out);
  static uint64_t extend(uint64_t hash, char c);
  uint32_t look(uint64_t hash, bool suffix, std::string_view host) const;
  void place(Slot slot);

  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  size_t used_ = 0;
  bool hasSuffixes_ = false;
  bool hasDotted_ = false;
};

template <typename Visit>
bool HostIndex::find(std::string_view host, Visit visit) const {
  if (used_ == 0 || host.empty()) return false;
  const bool dotted = host.back() == '.';
  Ends plain;
  if (!hashEnds(dotted ? host.substr(0, host.size() - 1) : host, plain)) return false;
  // Names that end with a dot are hashed apart, and only where there are any.
  Ends withDot;
  const bool both = dotted && hasDotted_ && hashEnds(host, withDot);
  const auto tell = [&](uint64_t hash, bool suffix, const Ends& ends, size_t begin) {
    const uint32_t number = look(hash, suffix, {ends.text + begin, ends.size - begin});
    return number != NONE && visit(number);
  };
  if (both && tell(withDot.whole, false, withDot, 0)) return true;
  if (tell(plain.whole, false, plain, 0)) return true;
  if (!hasSuffixes_) return false;
  for (size_t i = plain.count; i-- > 0;) {
    const Ends::Label& label = plain.labels[i];
    if (both) {
      // The same labels, and behind the last dot one more, empty, end.
      const Ends::Label& same = withDot.labels[i + 1];
      if (tell(same.hash, true, withDot, same.begin)) return true;
    }
    if (tell(label.hash, true, plain, label.begin)) return true;
  }
  return false;
}

}  // namespace mesh::route

// Checking of decoded messages: the first problem found is kept, with the path of its field, such
// as "update_endpoints.add[3].address.port". Paths are built on the stack and become text only
// when something is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "contract/enums.h"

namespace mesh::contract {

// A field of a message; `parent` outlives it.
class Path {
 public:
  explicit Path(std::string_view name) : name_(name) {}
  Path operator/(std::string_view name) const { return Path(this, name, -1); }
  // The element `index` of the repeated field `name`.
  Path at(std::string_view name, int index) const { return Path(this, name, index); }
  std::string toString() const;

 private:
  Path(const Path* parent, std::string_view name, int index)
      : parent_(parent), name_(name), index_(index) {}
  const Path* parent_ = nullptr;
  std::string_view name_;
  int index_ = -1;
};

// Whether port 0 may be sent, and means something.
enum class PortZero : uint8_t { Refused, Allowed };

// Bounds of every time-out: fits a signed 32-bit number of milliseconds (24 days).
constexpr uint32_t MAX_MS = 2'147'483'647;

class Problems {
 public:
  bool any() const { return first_.has_value(); }
  const CommandError& first() const { return *first_; }

  void report(const Path& path, std::string message);
  void inRange(const Path& path, uint64_t value, uint64_t min, uint64_t max);
  // Refuses NaN, too.
  void between(const Path& path, double value, double min, double max);
  // For fields that every message must have.
  void required(const Path& path, bool present);
  void notZero(const Path& path, uint64_t value);
  void onlyZero(const Path& path, uint64_t value, std::string_view why);
  uint16_t port(const Path& path, uint32_t value, PortZero zero = PortZero::Refused);
  // An address whose message is present; invalid when something is wrong with it.
  SocketAddress address(const Path& path, const pb::SocketAddress& message,
                        PortZero zero = PortZero::Refused);
  // 4 or 16 bytes, not IPv4-mapped.
  SocketAddress ip(const Path& path, const std::string& bytes);
  // An IP address as above, and a prefix it can have.
  authz::Network network(const Path& path, const pb::Network& message);
  // host[:port] as HTTP's Host field carries it, in lower case.
  void authority(const Path& path, const std::string& text);
  // The enumerator, or `fallback` after reporting.
  template <typename T>
  T known(const Path& path, std::optional<T> value, int number, T fallback) {
    if (value) return *value;
    report(path, number == 0 ? "is required"
                             : "is not a value of its enumeration: " + std::to_string(number));
    return fallback;
  }

 private:
  std::optional<CommandError> first_;
};

// PINGs, here and towards endpoints; none when the message is absent.
Http2KeepAlive readKeepAlive(const Path& path, bool present, const pb::Http2KeepAlive& message,
                             Problems& problems);

}  // namespace mesh::contract

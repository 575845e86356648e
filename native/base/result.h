// A value or the reason why there is none, for everything a peer or the kernel can cause.
// What only a bug can cause is a MESH_CHECK (check.h), never a Result.
#pragma once

#include <utility>
#include <variant>

#include "base/check.h"

namespace mesh {

// An errno, as an error value. Zero is not an error.
struct SysError {
  int code;
};

template <typename T, typename E = SysError>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    MESH_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    MESH_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const E& error() const {
    MESH_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

struct Unit {};
template <typename E = SysError>
using Status = Result<Unit, E>;

}  // namespace mesh

// Tests of UniqueFd.
#include "base/unique-fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace mesh {
namespace {

bool isOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0 || errno != EBADF; }

UniqueFd openSomething() { return UniqueFd(::open("/", O_RDONLY | O_CLOEXEC)); }

TEST_CASE("a descriptor is closed when its owner ends") {
  int number = -1;
  {
    UniqueFd fd = openSomething();
    REQUIRE(fd.valid());
    number = fd.get();
    CHECK(isOpen(number));
  }
  CHECK_FALSE(isOpen(number));
}

TEST_CASE("moving a descriptor leaves nothing behind to close") {
  UniqueFd first = openSomething();
  int number = first.get();
  UniqueFd second(std::move(first));
  CHECK_FALSE(first.valid());  // NOLINT: the state after moving is the subject
  CHECK(second.get() == number);
  CHECK(isOpen(number));
}

TEST_CASE("assigning a descriptor closes the one that was held") {
  UniqueFd held = openSomething();
  UniqueFd next = openSomething();
  int closed = held.get();
  int kept = next.get();
  held = std::move(next);
  CHECK_FALSE(isOpen(closed));
  CHECK(isOpen(kept));
  CHECK(held.get() == kept);
}

TEST_CASE("assigning a descriptor to itself keeps it open") {
  UniqueFd fd = openSomething();
  UniqueFd& same = fd;
  fd = std::move(same);
  CHECK(isOpen(fd.get()));
}

TEST_CASE("a released descriptor is left open") {
  UniqueFd fd = openSomething();
  int number = fd.release();
  fd.reset();
  CHECK(isOpen(number));
  UniqueFd closes(number);
}

}  // namespace
}  // namespace mesh

// Tests of splicing over real connections: every byte once, in order, and results that mean one
// thing each.
#include "io/pipe-splice.h"

#include <poll.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/test-bytes.h"
#include "io/test-sockets.h"

#include <doctest/doctest.h>

namespace mesh {
namespace {

using namespace test;
using mesh::testing::randomBytes;

#ifdef __linux__

bool waitFor(int fd, short events) {
  pollfd asked{fd, events, 0};
  return ::poll(&asked, 1, PATIENCE_MS) == 1;
}

PipeSplice makeSplice(size_t capacity = 65'536) {
  return std::move(PipeSplice::open(capacity)).value();
}

// A connection into the proxy and one out of it.
struct Path {
  Pair in;
  Pair out;
  int source() const { return in.far.get(); }
  int sink() const { return out.near.get(); }
};

TEST_CASE("bytes go from one socket to the other") {
  Path path;
  PipeSplice splice = makeSplice();
  writeSome(path.in.near.get(), "through the pipe");
  REQUIRE(waitFor(path.source(), POLLIN));
  CHECK(splice.fill(path.source()).bytes == 16);
  CHECK(splice.held() == 16);
  CHECK(splice.drain(path.sink()).bytes == 16);
  CHECK(splice.held() == 0);
  REQUIRE(waitFor(path.out.far.get(), POLLIN));
  CHECK(readAll(path.out.far.get()) == "through the pipe");
}

TEST_CASE("an empty socket would block, with an empty pipe and with one that holds something") {
  Path path;
  PipeSplice splice = makeSplice();
  CHECK(splice.fill(path.source()).blocked());
  writeSome(path.in.near.get(), "x");
  REQUIRE(waitFor(path.source(), POLLIN));
  CHECK(splice.fill(path.source()).bytes == 1);
  CHECK(splice.fill(path.source()).blocked());
  CHECK_FALSE(splice.full());
  CHECK(splice.held() == 1);
}

TEST_CASE("a FIN is zero bytes, after everything before it") {
  Path path;
  PipeSplice splice = makeSplice();
  writeSome(path.in.near.get(), "end");
  shutdownWrite(path.in.near.get());
  REQUIRE(waitFor(path.source(), POLLRDHUP));
  CHECK(splice.fill(path.source()).bytes == 3);
  IoCount fin = splice.fill(path.source());
  CHECK(fin.bytes == 0);
  CHECK(splice.held() == 3);
}

TEST_CASE("a pipe full of small segments says so, and not that the socket is empty") {
  Path path;
  PipeSplice splice = makeSplice(16'384);
  // Each segment takes a page of the pipe, however small it is.
  IoCount last{0, 0};
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(writeSome(path.in.near.get(), "s").bytes == 1);
    REQUIRE(waitFor(path.source(), POLLIN));
    last = splice.fill(path.source());
    if (last.bytes < 0) break;
  }
  CHECK(last.error == ENOBUFS);
  CHECK_FALSE(last.blocked());
  CHECK(splice.full());
  CHECK(splice.held() > 0);
  CHECK(splice.held() < 16'384);
  // With the pipe drained, the byte that did not fit comes through.
  size_t before = splice.held();
  CHECK(splice.drain(path.sink()).bytes == static_cast<ssize_t>(before));
  CHECK_FALSE(splice.full());
  CHECK(splice.fill(path.source()).bytes == 1);
  CHECK(splice.fill(path.source()).blocked());
}

TEST_CASE("a full pipe reports neither FIN nor blocking") {
  Path path;
  PipeSplice splice = makeSplice(4'096);
  CHECK(fillUp(path.in.near.get()) > 0);
  while (splice.fill(path.source()).bytes > 0) {
  }
  IoCount again = splice.fill(path.source());
  CHECK(again.bytes == -1);
  CHECK(again.error == ENOBUFS);
  CHECK(splice.full());
}

TEST_CASE("a full receiver would block, and nothing is lost") {
  Path path;
  PipeSplice splice = makeSplice();
  size_t already = fillUp(path.sink());
  std::string bytes = randomBytes(5'000, 1);
  REQUIRE(writeSome(path.in.near.get(), bytes).bytes == 5'000);
  REQUIRE(waitFor(path.source(), POLLIN));
  CHECK(splice.fill(path.source()).bytes == 5'000);
  CHECK(splice.drain(path.sink()).blocked());
  CHECK(splice.held() == 5'000);
  std::string received;
  while (received.size() < already + 5'000) {
    received += readAll(path.out.far.get());
    if (splice.held() > 0) (void)splice.drain(path.sink());
  }
  CHECK(received.substr(already) == bytes);
}

TEST_CASE("a receiver that is gone is an error, not a signal") {
  Path path;
  PipeSplice splice = makeSplice();
  resetOnClose(path.out.far.get());
  path.out.far.reset();
  REQUIRE(waitFor(path.sink(), POLLIN));
  writeSome(path.in.near.get(), "too late");
  REQUIRE(waitFor(path.source(), POLLIN));
  REQUIRE(splice.fill(path.source()).bytes == 8);
  CHECK(splice.drain(path.sink()).error == ECONNRESET);
  IoCount after = splice.drain(path.sink());
  CHECK(after.error == EPIPE);
  CHECK_FALSE(after.blocked());
  CHECK(splice.held() == 8);
}

TEST_CASE("a reset sender is an error") {
  Path path;
  PipeSplice splice = makeSplice();
  resetOnClose(path.in.near.get());
  path.in.near.reset();
  REQUIRE(waitFor(path.source(), POLLIN));
  CHECK(splice.fill(path.source()).error == ECONNRESET);
}

TEST_CASE("a wish for an absurd pipe still gives a pipe") {
  PipeSplice splice = makeSplice(1ULL << 40);
  CHECK_FALSE(splice.full());
  CHECK(splice.held() == 0);
}

TEST_CASE("a moved splice keeps what it holds") {
  Path path;
  PipeSplice first = makeSplice();
  writeSome(path.in.near.get(), "kept");
  REQUIRE(waitFor(path.source(), POLLIN));
  REQUIRE(first.fill(path.source()).bytes == 4);
  PipeSplice second(std::move(first));
  CHECK(second.held() == 4);
  CHECK(second.drain(path.sink()).bytes == 4);
  REQUIRE(waitFor(path.out.far.get(), POLLIN));
  CHECK(readAll(path.out.far.get()) == "kept");
}

TEST_CASE("megabytes in writes of every size arrive whole, in order, and end with the FIN") {
  Path path;
  PipeSplice splice = makeSplice();
  std::string bytes = randomBytes(6 << 20, 2);
  std::thread sender([&] {
    Random random(3);
    size_t sent = 0;
    while (sent < bytes.size()) {
      size_t size = std::min<size_t>(1 + random.below(1U << random.below(17)), bytes.size() - sent);
      IoCount count = writeSome(path.in.near.get(), std::string_view(bytes).substr(sent, size));
      if (count.bytes > 0) sent += static_cast<size_t>(count.bytes);
      if (count.blocked()) waitFor(path.in.near.get(), POLLOUT);
    }
    shutdownWrite(path.in.near.get());
  });
  std::string received;
  std::thread receiver([&] {
    while (waitFor(path.out.far.get(), POLLIN)) {
      char chunk[8'192];
      IoCount count = readSome(path.out.far.get(), chunk, sizeof chunk);
      if (count.bytes == 0) return;
      if (count.bytes > 0) received.append(chunk, static_cast<size_t>(count.bytes));
    }
  });
  bool finished = false;
  while (!finished || splice.held() > 0) {
    bool waitsForSource = false;
    if (!finished) {
      IoCount filled = splice.fill(path.source());
      finished = filled.bytes == 0;
      waitsForSource = filled.blocked();
    }
    if (splice.held() > 0) {
      IoCount drained = splice.drain(path.sink());
      if (drained.blocked()) waitFor(path.sink(), POLLOUT);
    } else if (waitsForSource) {
      waitFor(path.source(), POLLIN);
    }
  }
  shutdownWrite(path.sink());
  sender.join();
  receiver.join();
  CHECK(received.size() == bytes.size());
  CHECK((received == bytes));
}

#else

TEST_CASE("there is no splicing where the system has none") {
  Result<PipeSplice> splice = PipeSplice::open(65'536);
  REQUIRE_FALSE(splice.ok());
  CHECK(splice.error().code == ENOSYS);
}

#endif

}  // namespace
}  // namespace mesh

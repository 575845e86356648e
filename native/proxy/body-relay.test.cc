// Bodies in every framing, in pieces of random size.
#include "proxy/body-relay.h"

#include <doctest/doctest.h>

#include "base/random.h"

using namespace mesh;
using http1::BodyKind;

namespace {

// Sends `wire` through a relay in pieces of random size, writing random amounts, and gives what
// came out.
struct Passage {
  std::string out;
  bool complete = false;
  size_t unused = 0;
  http1::Violation violation = http1::Violation::None;
};

Passage pass(std::string_view wire, const http1::Framing& framing, BodyKind outKind, bool fin,
             uint64_t seed) {
  BufferBudget budget;
  budget.limitBytes = 1 << 30;
  BufferPool pool(budget);
  Random random(seed);
  BodyRelay relay({});
  relay.start(framing, outKind);
  Buffer in = pool.take(4096);
  Buffer out;
  Passage passage;
  for (int turn = 0; turn < 1'000'000; ++turn) {
    const BodyRelay::Piece piece = relay.prepare(in, out, pool);
    passage.violation = piece.violation;
    if (piece.violation != http1::Violation::None) break;
    if (!out.empty()) {
      const size_t some = 1 + random.below(static_cast<uint32_t>(out.size()));
      passage.out += out.view().substr(0, some);
      out.consumed(some);
      // What is in place may only follow what was encoded before it.
      if (!out.empty()) continue;
    } else if (!piece.direct.empty()) {
      const size_t some = 1 + random.below(static_cast<uint32_t>(piece.direct.size()));
      passage.out += piece.direct.substr(0, some);
      relay.written(in, some);
      continue;
    } else if (relay.complete()) {
      break;
    } else if (!wire.empty()) {
      in.compact();
      const size_t some = std::min<size_t>(wire.size(), 1 + random.below(97));
      in.append(wire.substr(0, some));
      wire.remove_prefix(some);
    } else if (!fin || !relay.sourceEnded(out, pool)) {
      break;
    }
  }
  passage.complete = relay.complete();
  passage.unused = wire.size() + in.size();
  return passage;
}

}  // namespace

TEST_CASE("a body with a length passes unchanged and ends where it ends") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Passage passage = pass("0123456789NEXT", {.kind = BodyKind::Length, .length = 10},
                                 BodyKind::Length, false, seed);
    CHECK(passage.out == "0123456789");
    CHECK(passage.complete);
    CHECK(passage.unused == 4);
  }
}

TEST_CASE("a chunked body is decoded and encoded anew, without extensions, with trailers") {
  const std::string_view wire =
      "5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 9\r\n\r\nNEXT";
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Passage passage = pass(wire, {.kind = BodyKind::Chunked}, BodyKind::Chunked, false, seed);
    REQUIRE(passage.complete);
    CHECK(passage.unused == 4);
    CHECK(passage.out.find(";a=b") == std::string::npos);
    CHECK(passage.out.ends_with("0\r\nX-Sum: 9\r\n\r\n"));
    const Passage decoded =
        pass(passage.out, {.kind = BodyKind::Chunked}, BodyKind::UntilClose, false, seed + 1);
    CHECK(decoded.out == "hello world");
  }
}

TEST_CASE("a body that ends with its connection becomes chunked") {
  const Passage passage =
      pass("some bytes", {.kind = BodyKind::UntilClose}, BodyKind::Chunked, true, 3);
  REQUIRE(passage.complete);
  const Passage decoded =
      pass(passage.out, {.kind = BodyKind::Chunked}, BodyKind::UntilClose, false, 4);
  CHECK(decoded.out == "some bytes");
  CHECK(decoded.complete);
}

TEST_CASE("the end of the source does not complete a body that says otherwise") {
  CHECK_FALSE(
      pass("01234", {.kind = BodyKind::Length, .length = 10}, BodyKind::Length, true, 1).complete);
  CHECK_FALSE(pass("5\r\nhel", {.kind = BodyKind::Chunked}, BodyKind::Chunked, true, 1).complete);
}

TEST_CASE("a malformed chunk is reported and nothing after it passes") {
  const Passage passage =
      pass("3\r\nabcXX", {.kind = BodyKind::Chunked}, BodyKind::Chunked, false, 1);
  CHECK(passage.violation == http1::Violation::BadChunkEnd);
  CHECK(passage.out.find("XX") == std::string::npos);
}

TEST_CASE("what the sink does not take is not added to") {
  BufferBudget budget;
  budget.limitBytes = 1 << 30;
  BufferPool pool(budget);
  for (const BodyKind kind : {BodyKind::Chunked, BodyKind::UntilClose}) {
    BodyRelay relay({});
    relay.start({.kind = kind}, BodyKind::Chunked);
    Buffer in = pool.take(65'536);
    Buffer out;
    if (kind == BodyKind::Chunked) in.append("FFFFFF\r\n");
    for (int round = 0; round < 100; ++round) {
      in.append(std::string(in.room(), 'x'));
      CHECK(relay.prepare(in, out, pool).violation == http1::Violation::None);
    }
    CHECK(out.capacity() == 65'536);
    CHECK(in.size() > 0);
  }
}

TEST_CASE("large chunked bodies pass within bounded memory") {
  std::string wire;
  const std::string data(100'000, 'd');
  wire += "186A0\r\n" + data + "\r\n0\r\n\r\n";
  const Passage passage = pass(wire, {.kind = BodyKind::Chunked}, BodyKind::UntilClose, false, 9);
  CHECK(passage.complete);
  CHECK(passage.out == data);
}

// What is kept of a body, what goes again, and what of it counts as gone for the first time.
#include "proxy/request-body.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace mesh {
namespace {

// Takes so many bytes and no more.
class NarrowStream final : public EndpointStream {
 public:
  explicit NarrowStream(size_t takes = SIZE_MAX) : takes(takes) {}

  size_t takes;
  std::string got;
  bool ended = false;

  void send(Buffer& body, bool last, const FieldTable&) override {
    const size_t size = std::min(takes, body.size());
    got.append(body.view().substr(0, size));
    if (size > 0) body.consumed(size);
    takes -= size;
    CHECK_FALSE(ended);
    ended = last && body.empty();
  }
  bool requestSent() const override { return ended; }

  void start(RequestHead&, bool) override {}
  Next next() override { return Next::Nothing; }
  const ResponseHead& head() const override { std::abort(); }
  bool headIsAll() const override { return false; }
  std::string_view data() const override { return {}; }
  void consumed(size_t) override {}
  const FieldTable& trailers() const override { return none_; }
  StreamFailure failure() const override { return {}; }
  bool reused() const override { return false; }
  const SocketAddress& endpoint() const override { return address_; }
  EndpointCounters& counters() override { std::abort(); }
  void close() override {}

 private:
  FieldTable none_;
  SocketAddress address_;
};

struct Fixture {
  BufferBudget budget;
  BufferPool buffers{budget};
  RequestBody body{buffers};
  FieldTable trailers;

  Fixture() { budget.limitBytes = 1ULL << 30; }
  size_t send(NarrowStream& stream, bool ended = false) {
    return body.send(stream, ended, trailers);
  }
};

TEST_CASE_FIXTURE(Fixture,
                  "a body goes on in the pieces that are taken, and its end once all has gone") {
  body.keep(100);
  body.append("hello ");
  body.append("world");
  NarrowStream stream(4);
  CHECK(send(stream, true) == 4);
  CHECK(body.held() == 7);
  CHECK_FALSE(stream.ended);
  stream.takes = 3;
  CHECK(send(stream, true) == 3);
  stream.takes = 100;
  CHECK(send(stream, true) == 4);
  CHECK(stream.got == "hello world");
  CHECK(stream.ended);
  CHECK(body.empty());
  CHECK(body.received() == 11);
}

TEST_CASE_FIXTURE(Fixture, "all that has gone goes again from the first byte, and then the rest") {
  body.keep(100);
  body.append("abcdefgh");
  NarrowStream first(5);
  CHECK(send(first) == 5);
  body.rewind();
  CHECK(body.repeatable());
  CHECK_FALSE(body.empty());
  CHECK(body.held() == 3);
  body.append("ij");
  NarrowStream second;
  // What goes a second time the client may not send again for.
  CHECK(send(second, true) == 5);
  CHECK(second.got == "abcdefghij");
  CHECK(second.ended);
}

TEST_CASE_FIXTURE(Fixture,
                  "a body that starts over in the middle of starting over is still whole") {
  body.keep(100);
  body.append("abcdefgh");
  NarrowStream first(6);
  CHECK(send(first) == 6);
  body.rewind();
  NarrowStream second(2);
  CHECK(send(second) == 0);
  CHECK(second.got == "ab");
  body.rewind();
  NarrowStream third(7);
  CHECK(send(third) == 1);
  body.rewind();
  NarrowStream fourth;
  CHECK(send(fourth, true) == 1);
  CHECK(first.got == "abcdef");
  CHECK(third.got == "abcdefg");
  CHECK(fourth.got == "abcdefgh");
}

TEST_CASE_FIXTURE(Fixture, "the end waits until what goes again has gone") {
  body.keep(100);
  body.append("abc");
  NarrowStream first;
  CHECK(send(first, true) == 3);
  CHECK(first.ended);
  body.rewind();
  NarrowStream second(1);
  CHECK(send(second, true) == 0);
  CHECK_FALSE(second.ended);
  second.takes = 10;
  CHECK(send(second, true) == 0);
  CHECK(second.got == "abc");
  CHECK(second.ended);
}

TEST_CASE_FIXTURE(Fixture, "nothing has to go again where nothing went") {
  body.keep(0);
  CHECK(body.repeatable());
  body.rewind();
  CHECK(body.empty());
  NarrowStream stream;
  CHECK(send(stream, true) == 0);
  CHECK(stream.ended);
}

TEST_CASE_FIXTURE(Fixture, "what outgrows the limit cannot go again, but goes on whole") {
  struct Row {
    size_t limit;
    bool repeatable;
  };
  for (const Row& row : {Row{9, false}, Row{10, true}, Row{11, true}, Row{0, false}}) {
    CAPTURE(row.limit);
    RequestBody one(buffers);
    one.keep(row.limit);
    one.append("01234");
    one.append("56789");
    CHECK(one.repeatable() == row.repeatable);
    NarrowStream stream;
    CHECK(one.send(stream, true, trailers) == 10);
    CHECK(stream.got == "0123456789");
  }
}

TEST_CASE_FIXTURE(Fixture, "no limit is above what one buffer holds") {
  body.keep(SIZE_MAX);
  body.append(std::string(RequestBody::MOST_KEPT_BYTES, 'x'));
  CHECK(body.repeatable());
  NarrowStream stream;
  CHECK(send(stream) == RequestBody::MOST_KEPT_BYTES);
  body.append("y");
  CHECK_FALSE(body.repeatable());
}

TEST_CASE_FIXTURE(Fixture, "the largest body that is kept goes again byte for byte") {
  std::string bytes(RequestBody::MOST_KEPT_BYTES, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  body.keep(RequestBody::MOST_KEPT_BYTES);
  for (size_t at = 0; at < bytes.size(); at += 10'000) body.append(bytes.substr(at, 10'000));
  NarrowStream first;
  CHECK(send(first, true) == bytes.size());
  body.rewind();
  NarrowStream second;
  CHECK(send(second, true) == 0);
  CHECK(second.got == bytes);
}

TEST_CASE_FIXTURE(Fixture, "no memory is held for what is not wanted again") {
  body.keep(100'000);
  body.append(std::string(50'000, 'x'));
  NarrowStream stream;
  CHECK(send(stream) == 50'000);
  CHECK(buffers.inUseBytes() > 0);
  body.forget();
  CHECK_FALSE(body.repeatable());
  CHECK(buffers.inUseBytes() == 0);
  body.append("more");
  body.release();
  CHECK(body.held() == 0);
  CHECK(buffers.inUseBytes() == 0);
}

}  // namespace
}  // namespace mesh

// Tests of buffers, their pool and the budget that pools share.
#include "io/buffer-pool.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace mesh {
namespace {

struct Fixture {
  BufferBudget budget{1 << 20};
  BufferPool pool{budget};
};

TEST_CASE("a buffer of the next class is handed out") {
  Fixture f;
  struct Row {
    size_t asked;
    size_t given;
  };
  for (Row row : {Row{0, 4'096}, Row{1, 4'096}, Row{4'096, 4'096}, Row{4'097, 16'384},
                  Row{16'385, 65'536}, Row{65'537, 262'144}, Row{262'144, 262'144}}) {
    CAPTURE(row.asked);
    Buffer buffer = f.pool.take(row.asked);
    CHECK(static_cast<bool>(buffer));
    CHECK(buffer.capacity() == row.given);
    CHECK(buffer.room() == row.given);
    CHECK(buffer.empty());
  }
}

TEST_CASE("what is produced at the tail is read at the beginning") {
  Fixture f;
  Buffer buffer = f.pool.take(100);
  CHECK(buffer.append("hello ") == 6);
  CHECK(buffer.append("world") == 5);
  CHECK(buffer.view() == "hello world");
  buffer.consumed(6);
  CHECK(buffer.view() == "world");
  CHECK(buffer.size() == 5);
  CHECK(buffer.room() == 4'096 - 11);
  *buffer.tail() = '!';
  buffer.produced(1);
  CHECK(buffer.view() == "world!");
}

TEST_CASE("a buffer with everything consumed has all its room again") {
  Fixture f;
  Buffer buffer = f.pool.take(100);
  buffer.append("abc");
  buffer.consumed(1);
  buffer.consumed(2);
  CHECK(buffer.empty());
  CHECK(buffer.room() == buffer.capacity());
}

TEST_CASE("compacting moves what is unread to the front") {
  Fixture f;
  Buffer buffer = f.pool.take(100);
  std::string bytes(4'096, 'a');
  bytes.replace(4'000, 96, std::string(96, 'b'));
  CHECK(buffer.append(bytes) == 4'096);
  CHECK(buffer.room() == 0);
  buffer.consumed(4'000);
  buffer.compact();
  CHECK(buffer.view() == std::string(96, 'b'));
  CHECK(buffer.room() == 4'000);
  buffer.compact();
  CHECK(buffer.view() == std::string(96, 'b'));
}

TEST_CASE("only what fits is appended") {
  Fixture f;
  Buffer buffer = f.pool.take(100);
  CHECK(buffer.append(std::string(4'000, 'x')) == 4'000);
  CHECK(buffer.append(std::string(4'000, 'y')) == 96);
  CHECK(buffer.append("z") == 0);
  CHECK(buffer.view().substr(4'000) == std::string(96, 'y'));
}

TEST_CASE("a moved buffer leaves nothing behind") {
  Fixture f;
  Buffer first = f.pool.take(100);
  first.append("abc");
  Buffer second(std::move(first));
  CHECK_FALSE(static_cast<bool>(first));  // NOLINT: the state after moving is the subject
  CHECK(first.size() == 0);               // NOLINT
  CHECK(second.view() == "abc");
  Buffer third = f.pool.take(100);
  third = std::move(second);
  CHECK(third.view() == "abc");
  CHECK(f.pool.inUseBytes() == 4'096);
  Buffer& same = third;
  third = std::move(same);
  CHECK(third.view() == "abc");
}

TEST_CASE("a buffer without memory is empty and can be released") {
  Buffer buffer;
  CHECK_FALSE(static_cast<bool>(buffer));
  CHECK(buffer.empty());
  CHECK(buffer.room() == 0);
  CHECK(buffer.append("x") == 0);
  buffer.release();
  CHECK(buffer.view().empty());
}

TEST_CASE("the buffer given back last is handed out first, and comes empty") {
  Fixture f;
  Buffer first = f.pool.take(100);
  Buffer second = f.pool.take(100);
  char* cold = first.begin();
  char* warm = second.begin();
  second.append("left over");
  first.release();
  second.release();
  Buffer again = f.pool.take(100);
  CHECK(again.begin() == warm);
  CHECK(again.empty());
  CHECK(f.pool.take(100).begin() == cold);
}

TEST_CASE("buffers of one class do not serve another") {
  Fixture f;
  char* small = f.pool.take(100).begin();
  Buffer large = f.pool.take(10'000);
  CHECK(large.begin() != small);
  CHECK(large.append(std::string(16'384, 'x')) == 16'384);
}

TEST_CASE("the budget counts what is handed out by all pools") {
  BufferBudget budget{20'000};
  BufferPool one(budget);
  BufferPool other(budget);
  Buffer a = one.take(4'096);
  Buffer b = other.take(10'000);
  CHECK(budget.usedBytes.load() == 4'096 + 16'384);
  CHECK(one.inUseBytes() == 4'096);
  CHECK(other.inUseBytes() == 16'384);
  CHECK(one.exhausted());
  CHECK(other.exhausted());
  b.release();
  CHECK(budget.usedBytes.load() == 4'096);
  CHECK(other.inUseBytes() == 0);
  CHECK_FALSE(one.exhausted());
}

TEST_CASE("room is made by moving bytes to the front, or into a larger buffer") {
  Fixture f;
  Buffer buffer;
  f.pool.makeRoom(buffer, 10);
  CHECK(buffer.room() >= 10);
  buffer.append(std::string(4'000, 'a'));
  buffer.append("rest");
  buffer.consumed(4'000);
  f.pool.makeRoom(buffer, 4'000);
  CHECK(buffer.capacity() == 4'096);
  CHECK(buffer.view() == "rest");
  f.pool.makeRoom(buffer, 4'096);
  CHECK(buffer.room() >= 4'096);
  CHECK(buffer.view() == "rest");
}

TEST_CASE("an exhausted budget does not keep a buffer from being taken") {
  BufferBudget budget{0};
  BufferPool pool(budget);
  CHECK(pool.exhausted());
  CHECK(static_cast<bool>(pool.take(1)));
}

TEST_CASE("a burst larger than what is kept comes and goes without a trace in the figures") {
  Fixture f;
  std::vector<Buffer> burst;
  for (int i = 0; i < 40; ++i) {
    burst.push_back(f.pool.take(262'144));
    burst.back().append(std::string(262'144, 'x'));
  }
  CHECK(f.budget.usedBytes.load() == 40 * 262'144);
  burst.clear();
  CHECK(f.budget.usedBytes.load() == 0);
  CHECK(f.pool.inUseBytes() == 0);
  CHECK(f.pool.take(262'144).room() == 262'144);
}

}  // namespace
}  // namespace mesh

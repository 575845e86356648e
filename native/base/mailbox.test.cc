// Tests of Mailbox, with real threads.
#include "base/mailbox.h"

#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

namespace mesh {
namespace {

struct Letter : Mail {
  Letter(int s, int n, int* destroyed = nullptr) : sender(s), number(n), count(destroyed) {}
  ~Letter() override {
    if (count != nullptr) ++*count;
  }
  int sender;
  int number;
  int* count;
};

TEST_CASE("letters are taken in the order in which they were pushed") {
  Mailbox<Letter> mailbox;
  for (int i = 0; i < 4; ++i) mailbox.push(std::make_unique<Letter>(0, i));
  std::vector<int> taken;
  mailbox.takeAll([&](std::unique_ptr<Letter> letter) { taken.push_back(letter->number); });
  CHECK(taken == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("only the push into an empty mailbox asks for a wake-up") {
  Mailbox<Letter> mailbox;
  CHECK(mailbox.push(std::make_unique<Letter>(0, 0)));
  CHECK_FALSE(mailbox.push(std::make_unique<Letter>(0, 1)));
  mailbox.takeAll([](std::unique_ptr<Letter>) {});
  CHECK(mailbox.push(std::make_unique<Letter>(0, 2)));
}

TEST_CASE("a letter pushed while letters are being taken waits for the next time") {
  Mailbox<Letter> mailbox;
  mailbox.push(std::make_unique<Letter>(0, 0));
  int taken = 0;
  auto take = [&](std::unique_ptr<Letter>) {
    ++taken;
    if (taken == 1) CHECK(mailbox.push(std::make_unique<Letter>(0, 1)));
  };
  mailbox.takeAll(take);
  CHECK(taken == 1);
  mailbox.takeAll(take);
  CHECK(taken == 2);
}

TEST_CASE("letters that nobody took are destroyed with the mailbox") {
  int destroyed = 0;
  {
    Mailbox<Letter> mailbox;
    for (int i = 0; i < 3; ++i) mailbox.push(std::make_unique<Letter>(0, i, &destroyed));
  }
  CHECK(destroyed == 3);
}

TEST_CASE("no letter of many threads is lost, doubled or overtaken by a later one of its sender") {
  constexpr int SENDERS = 4;
  constexpr int LETTERS = 5'000;
  Mailbox<Letter> mailbox;
  std::vector<std::thread> senders;
  for (int sender = 0; sender < SENDERS; ++sender) {
    senders.emplace_back([&mailbox, sender] {
      for (int i = 0; i < LETTERS; ++i) mailbox.push(std::make_unique<Letter>(sender, i));
    });
  }
  std::array<int, SENDERS> expected{};
  int outOfOrder = 0;
  for (int taken = 0; taken < SENDERS * LETTERS;) {
    mailbox.takeAll([&](std::unique_ptr<Letter> letter) {
      if (letter->number != expected[letter->sender]++) ++outOfOrder;
      ++taken;
    });
    std::this_thread::yield();
  }
  for (std::thread& sender : senders) sender.join();
  CHECK(outOfOrder == 0);
  for (int count : expected) CHECK(count == LETTERS);
}

}  // namespace
}  // namespace mesh

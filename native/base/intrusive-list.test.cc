// Tests of IntrusiveList.
#include "base/intrusive-list.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace mesh {
namespace {

struct Other;

struct Item : ListNode<Item>, ListNode<Other> {
  explicit Item(int v) : value(v) {}
  int value;
};

template <typename Tag>
std::vector<int> valuesOf(IntrusiveList<Item, Tag>& list) {
  std::vector<int> values;
  for (Item* item = list.front(); item != nullptr; item = list.next(*item)) {
    values.push_back(item->value);
  }
  return values;
}

TEST_CASE("elements come in the order in which they were put at either end") {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  list.pushBack(two);
  list.pushBack(three);
  list.pushFront(one);
  CHECK(valuesOf(list) == std::vector<int>{1, 2, 3});
  CHECK(list.front()->value == 1);
  CHECK(list.back()->value == 3);
}

TEST_CASE("an empty list has neither front nor back and nothing to take") {
  IntrusiveList<Item> list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  CHECK(list.popFront() == nullptr);
  CHECK(list.popBack() == nullptr);
}

TEST_CASE("an element leaves from the middle without the list being searched") {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  for (Item* item : {&one, &two, &three}) list.pushBack(*item);
  two.ListNode<Item>::unlink();
  CHECK_FALSE(two.ListNode<Item>::linked());
  CHECK(valuesOf(list) == std::vector<int>{1, 3});
  two.ListNode<Item>::unlink();
  CHECK(valuesOf(list) == std::vector<int>{1, 3});
}

TEST_CASE("taking from the ends unlinks") {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  for (Item* item : {&one, &two, &three}) list.pushBack(*item);
  CHECK(list.popFront() == &one);
  CHECK(list.popBack() == &three);
  CHECK_FALSE(one.ListNode<Item>::linked());
  CHECK_FALSE(three.ListNode<Item>::linked());
  CHECK(valuesOf(list) == std::vector<int>{2});
}

TEST_CASE("a destroyed element is no longer in the list") {
  Item one(1);
  auto two = std::make_unique<Item>(2);
  IntrusiveList<Item> list;
  list.pushBack(one);
  list.pushBack(*two);
  two.reset();
  CHECK(valuesOf(list) == std::vector<int>{1});
}

TEST_CASE("elements survive their list unlinked") {
  Item one(1), two(2);
  {
    IntrusiveList<Item> list;
    list.pushBack(one);
    list.pushBack(two);
  }
  CHECK_FALSE(one.ListNode<Item>::linked());
  CHECK_FALSE(two.ListNode<Item>::linked());
}

TEST_CASE("an element can be in one list per tag") {
  Item one(1), two(2);
  IntrusiveList<Item> list;
  IntrusiveList<Item, Other> other;
  for (Item* item : {&one, &two}) {
    list.pushBack(*item);
    other.pushFront(*item);
  }
  one.ListNode<Item>::unlink();
  CHECK(valuesOf(list) == std::vector<int>{2});
  CHECK(valuesOf(other) == std::vector<int>{2, 1});
}

}  // namespace
}  // namespace mesh

// A doubly linked list whose links live in its elements: no allocation, removal without search.
// An element is in at most one list per base `ListNode<Tag>`; destroying it unlinks it. The list
// owns nothing. Not thread-safe.
#pragma once

#include <cstddef>

#include "base/check.h"

namespace mesh {

template <typename Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T, typename U>
  friend class IntrusiveList;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <typename T, typename Tag = T>
class IntrusiveList {
  using Node = ListNode<Tag>;

 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  ~IntrusiveList() {
    while (!empty()) head_.next_->unlink();
    head_.next_ = head_.previous_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  void pushBack(T& element) { insertBefore(head_, element); }
  void pushFront(T& element) { insertBefore(*head_.next_, element); }
  // Null when empty.
  T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() { return empty() ? nullptr : static_cast<T*>(head_.previous_); }
  T* popFront() {
    T* element = front();
    if (element != nullptr) static_cast<Node*>(element)->unlink();
    return element;
  }
  T* popBack() {
    T* element = back();
    if (element != nullptr) static_cast<Node*>(element)->unlink();
    return element;
  }
  // Null after the last. To remove while walking, take the next element first.
  T* next(T& element) {
    Node* following = static_cast<Node&>(element).next_;
    return following == &head_ ? nullptr : static_cast<T*>(following);
  }

 private:
  void insertBefore(Node& place, T& element) {
    Node& node = element;
    MESH_CHECK(!node.linked());
    node.previous_ = place.previous_;
    node.next_ = &place;
    place.previous_->next_ = &node;
    place.previous_ = &node;
  }
  Node head_;
};

}  // namespace mesh

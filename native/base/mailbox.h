// Many producers, one consumer, no lock: producers push, the consumer takes everything at once in
// the order it was pushed. Used between the threads of the process, JavaScript's included, so
// that no thread ever waits for another.
#pragma once

#include <atomic>
#include <memory>

namespace mesh {

// Items derive from Mail. The mailbox owns what is in it.
struct Mail {
  virtual ~Mail() = default;
  Mail* next = nullptr;
};

template <typename T>
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    takeAll([](std::unique_ptr<T>) {});
  }

  // Any thread. True when the mailbox was empty: the consumer must then be woken.
  bool push(std::unique_ptr<T> item) {
    Mail* raw = item.release();
    Mail* top = top_.load(std::memory_order_relaxed);
    do {
      raw->next = top;
    } while (!top_.compare_exchange_weak(top, raw, std::memory_order_release,
                                         std::memory_order_relaxed));
    return top == nullptr;
  }

  // Consumer only. Calls `visit(std::unique_ptr<T>)` for each item, oldest first.
  template <typename Visit>
  void takeAll(Visit&& visit) {
    Mail* newest = top_.exchange(nullptr, std::memory_order_acquire);
    Mail* oldest = nullptr;
    while (newest != nullptr) {
      Mail* following = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = following;
    }
    while (oldest != nullptr) {
      Mail* following = oldest->next;
      visit(std::unique_ptr<T>(static_cast<T*>(oldest)));
      oldest = following;
    }
  }

 private:
  std::atomic<Mail*> top_{nullptr};
};

}  // namespace mesh

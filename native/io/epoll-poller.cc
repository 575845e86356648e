// Each descriptor is registered once, for everything, edge-triggered: the kernel reports changes,
// the watch's bits hold the state, and nothing is ever re-armed.
#include "io/epoll-poller.h"

#include <cerrno>

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>

#include "base/unique-fd.h"

namespace mesh {
namespace {

constexpr int EVENTS_PER_WAIT = 256;
constexpr uint32_t EVERYTHING = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

uint32_t readyFrom(uint32_t events) {
  uint32_t ready = 0;
  if (events & EPOLLIN) ready |= kReadable;
  if (events & EPOLLOUT) ready |= kWritable;
  if (events & EPOLLRDHUP) ready |= kReadable | kPeerClosed;
  // The call that says which it is does not block.
  if (events & (EPOLLERR | EPOLLHUP)) ready |= kReadable | kWritable | kFailed;
  return ready;
}

class EpollPoller final : public Poller {
 public:
  EpollPoller(UniqueFd epoll, UniqueFd wakeUp)
      : epoll_(std::move(epoll)), wakeUp_(std::move(wakeUp)) {}

  // The wake-up descriptor is told from watches by a pointer that no watch can have.
  Status<> start() { return control(EPOLL_CTL_ADD, wakeUp_.get(), EPOLLIN | EPOLLET, this); }

  Status<> add(Watch& watch) override {
    MESH_CHECK(!watch.added());
    watch.ready = 0;
    Status<> added = control(EPOLL_CTL_ADD, watch.fd, EVERYTHING, &watch);
    if (added) watch.poll = this;
    return added;
  }

  void remove(Watch& watch) override {
    MESH_CHECK(watch.poll == this);
    watch.poll = nullptr;
    watch.ready = 0;
    // Not left to close(2): while a child between fork and exec holds a copy of the descriptor,
    // the kernel would go on reporting events for a watch that is gone.
    (void)control(EPOLL_CTL_DEL, watch.fd, 0, nullptr);
    for (int i = current_ + 1; i < fetched_; ++i) {
      if (events_[i].data.ptr == &watch) events_[i].data.ptr = nullptr;
    }
  }

  void consume(Watch& watch, uint32_t bits) override {
    MESH_CHECK(watch.poll == this);
    watch.ready &= ~bits;
  }

  void wait(int timeoutMs, void (*beforeHandlers)(void*), void* context) override {
    // A signal ends the wait like a time-out does.
    int count = ::epoll_wait(epoll_.get(), events_.data(), EVENTS_PER_WAIT, timeoutMs);
    MESH_CHECK(count >= 0 || errno == EINTR);
    beforeHandlers(context);
    fetched_ = count < 0 ? 0 : count;
    for (current_ = 0; current_ < fetched_; ++current_) deliver(events_[current_]);
    current_ = fetched_ = 0;
  }

  void wake() override {
    if (wakeSent_.exchange(true, std::memory_order_acq_rel)) return;
    // Cannot fail: the counter goes up by one per wake-up and holds 2^64.
    (void)::eventfd_write(wakeUp_.get(), 1);
  }

 private:
  Status<> control(int operation, int fd, uint32_t events, void* pointer) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = pointer;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) < 0) return SysError{errno};
    return Unit{};
  }

  void deliver(const epoll_event& event) {
    if (event.data.ptr == this) {
      // Edge-triggered, the counter need not be read. Acquire: what was pushed before a wake-up
      // that was skipped is visible to the consumer that runs after this.
      wakeSent_.exchange(false, std::memory_order_acq_rel);
      return;
    }
    auto* watch = static_cast<Watch*>(event.data.ptr);
    if (watch == nullptr) return;
    uint32_t fresh = readyFrom(event.events) & ~watch->ready;
    if (fresh == 0) return;
    watch->ready |= fresh;
    watch->handler->onIo(fresh);
  }

  UniqueFd epoll_;
  UniqueFd wakeUp_;
  std::atomic<bool> wakeSent_{false};
  std::array<epoll_event, EVENTS_PER_WAIT> events_;
  // What of `events_` is being delivered; both 0 outside of `wait`.
  int fetched_ = 0;
  int current_ = 0;
};

}  // namespace

Result<std::unique_ptr<Poller>> createEpollPoller() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return SysError{errno};
  UniqueFd wakeUp(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wakeUp.valid()) return SysError{errno};
  auto poller = std::make_unique<EpollPoller>(std::move(epoll), std::move(wakeUp));
  if (Status<> started = poller->start(); !started) return started.error();
  return std::unique_ptr<Poller>(std::move(poller));
}

}  // namespace mesh

#else

namespace mesh {

Result<std::unique_ptr<Poller>> createEpollPoller() { return SysError{ENOSYS}; }

}  // namespace mesh

#endif

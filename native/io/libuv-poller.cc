// libuv's uv_poll is level-triggered: asked about a bit that is known already, it would report it
// for ever. So each descriptor is polled only for the bits that are not set, brought up to date
// once per turn and only when they differ. Events are collected while libuv runs and delivered
// afterwards, which gives removal inside a handler the same meaning as with epoll.
//
// Where there is no POLLRDHUP (macOS), a peer's FIN or RST is noticed only while input is awaited,
// and kFailed may be missing: the read that follows reports the error all the same.
#include "io/libuv-poller.h"

#include <poll.h>
#include <uv.h>

#include <atomic>

#include "base/intrusive-list.h"

namespace mesh {
namespace {

struct Dirty;
struct Fetched;

// One watched descriptor. libuv needs the handle until it has called back after uv_close, which is
// later than the watch may live.
struct Record final : ListNode<Dirty>, ListNode<Fetched> {
  uv_poll_t handle;
  // Null once removed.
  Watch* watch = nullptr;
  // What the handle polls for.
  int interest = 0;
  // What was reported in this turn.
  uint32_t reported = 0;
  // The peer sent urgent data, which is level-triggered and which nobody here reads.
  bool urgent = false;
};

// A failed connection stays failed, and a FIN stays received: neither is asked about again.
int interestFor(uint32_t ready, [[maybe_unused]] bool urgent) {
  if (ready & kFailed) return 0;
  int interest = 0;
  if ((ready & kReadable) == 0) interest |= UV_READABLE;
  if ((ready & kWritable) == 0) interest |= UV_WRITABLE;
  if ((ready & kPeerClosed) == 0) interest |= UV_DISCONNECT;
#ifdef __linux__
  // Errors and hang-ups are reported whatever one polls for, but one has to poll for something.
  if (interest == 0 && !urgent) interest = UV_PRIORITIZED;
#endif
  return interest;
}

#ifdef POLLRDHUP
// libuv folds errors and hang-ups into other events; the kernel is asked what it really was.
uint32_t readyNow(int fd) {
  pollfd asked{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  if (::poll(&asked, 1, 0) <= 0) return 0;
  uint32_t ready = 0;
  if (asked.revents & POLLIN) ready |= kReadable;
  if (asked.revents & POLLOUT) ready |= kWritable;
  if (asked.revents & POLLRDHUP) ready |= kReadable | kPeerClosed;
  if (asked.revents & (POLLERR | POLLHUP)) ready |= kReadable | kWritable | kFailed;
  return ready;
}
#endif

uint32_t readyFrom(const Watch& watch, int status, int events) {
#ifdef POLLRDHUP
  bool ordinary = status == 0 && (events & ~(UV_READABLE | UV_WRITABLE)) == 0;
  if (!ordinary || (watch.ready & kPeerClosed) != 0) return readyNow(watch.fd);
#else
  (void)watch;
#endif
  if (status != 0) return kReadable | kWritable | kFailed;
  uint32_t ready = 0;
  if (events & UV_READABLE) ready |= kReadable;
  if (events & UV_WRITABLE) ready |= kWritable;
  if (events & UV_DISCONNECT) ready |= kReadable | kPeerClosed;
  return ready;
}

class LibuvPoller final : public Poller {
 public:
  ~LibuvPoller() override {
    if (!started_) return;
    uv_walk(
        &loop_, [](uv_handle_t* handle, void*) { close(handle); }, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    MESH_CHECK(uv_loop_close(&loop_) == 0);
  }

  Status<> start() {
    if (int error = uv_loop_init(&loop_); error != 0) return SysError{-error};
    started_ = true;
    loop_.data = this;
    if (int error = uv_timer_init(&loop_, &timer_); error != 0) return SysError{-error};
    // Keeps the loop alive, so that uv_run waits even when nothing is watched.
    if (int error = uv_async_init(&loop_, &wakeUp_, onWake); error != 0) return SysError{-error};
    wakeUp_.data = this;
    return Unit{};
  }

  Status<> add(Watch& watch) override {
    MESH_CHECK(!watch.added());
    auto record = std::make_unique<Record>();
    if (int error = uv_poll_init(&loop_, &record->handle, watch.fd); error != 0) {
      return SysError{-error};
    }
    record->handle.data = record.get();
    record->watch = &watch;
    watch.ready = 0;
    dirty_.pushBack(*record);
    // From here on libuv holds the record; `onClosed` takes it back.
    watch.poll = record.release();
    return Unit{};
  }

  void remove(Watch& watch) override {
    Record& record = recordOf(watch);
    record.watch = nullptr;
    record.ListNode<Dirty>::unlink();
    record.ListNode<Fetched>::unlink();
    watch.poll = nullptr;
    watch.ready = 0;
    close(reinterpret_cast<uv_handle_t*>(&record.handle));
  }

  void consume(Watch& watch, uint32_t bits) override {
    Record& record = recordOf(watch);
    watch.ready &= ~bits;
    markDirty(record);
  }

  void wait(int timeoutMs, void (*beforeHandlers)(void*), void* context) override {
    while (Record* record = dirty_.popFront()) updateInterest(*record);
    if (timeoutMs > 0) {
      // libuv's clock stands still between runs; a time-out counts from now.
      uv_update_time(&loop_);
      uv_timer_start(
          &timer_, [](uv_timer_t*) {}, static_cast<uint64_t>(timeoutMs), 0);
    }
    uv_run(&loop_, timeoutMs == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    uv_timer_stop(&timer_);
    beforeHandlers(context);
    while (Record* record = fetched_.popFront()) deliver(*record);
  }

  void wake() override {
    if (wakeSent_.exchange(true, std::memory_order_acq_rel)) return;
    uv_async_send(&wakeUp_);
  }

 private:
  static Record& recordOf(const Watch& watch) {
    MESH_CHECK(watch.added());
    return *static_cast<Record*>(watch.poll);
  }

  static void close(uv_handle_t* handle) {
    if (uv_is_closing(handle)) return;
    uv_close(handle, handle->type == UV_POLL ? onClosed : nullptr);
  }

  static void onClosed(uv_handle_t* handle) {
    std::unique_ptr<Record> reclaimed(static_cast<Record*>(handle->data));
  }

  static void onWake(uv_async_t* handle) {
    // Acquire: what was pushed before a wake-up that was skipped is visible from here on.
    static_cast<LibuvPoller*>(handle->data)->wakeSent_.exchange(false, std::memory_order_acq_rel);
  }

  static void onPoll(uv_poll_t* handle, int status, int events) {
    auto& record = *static_cast<Record*>(handle->data);
    // libuv has stopped polling a handle that it reports an error for.
    if (status != 0) record.interest = 0;
    if (events & UV_PRIORITIZED) record.urgent = true;
    record.reported |= readyFrom(*record.watch, status, events);
    auto& poller = *static_cast<LibuvPoller*>(handle->loop->data);
    if (!record.ListNode<Fetched>::linked()) poller.fetched_.pushBack(record);
  }

  void markDirty(Record& record) {
    if (!record.ListNode<Dirty>::linked()) dirty_.pushBack(record);
  }

  void updateInterest(Record& record) {
    int interest = interestFor(record.watch->ready, record.urgent);
    if (interest == record.interest) return;
    record.interest = interest;
    int error = interest == 0 ? uv_poll_stop(&record.handle)
                              : uv_poll_start(&record.handle, interest, onPoll);
    MESH_CHECK(error == 0);
  }

  void deliver(Record& record) {
    Watch& watch = *record.watch;
    uint32_t fresh = record.reported & ~watch.ready;
    record.reported = 0;
    watch.ready |= fresh;
    markDirty(record);
    // Last: the handler may remove the watch.
    if (fresh != 0) watch.handler->onIo(fresh);
  }

  uv_loop_t loop_;
  uv_timer_t timer_;
  uv_async_t wakeUp_;
  bool started_ = false;
  std::atomic<bool> wakeSent_{false};
  // Whose bits have changed since their interest was last told to libuv.
  IntrusiveList<Record, Dirty> dirty_;
  IntrusiveList<Record, Fetched> fetched_;
};

}  // namespace

Result<std::unique_ptr<Poller>> createLibuvPoller() {
  auto poller = std::make_unique<LibuvPoller>();
  if (Status<> started = poller->start(); !started) return started.error();
  return std::unique_ptr<Poller>(std::move(poller));
}

}  // namespace mesh

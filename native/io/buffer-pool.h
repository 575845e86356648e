// Byte buffers, pooled per worker, last in first out (the warmest memory first). Every buffer in
// use counts against a budget shared by all workers; over the watermark `exhausted()` is true and
// the owner of the pool sheds load. Not thread-safe but for the shared figure.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mesh {

class BufferPool;

// A piece of memory with readable bytes in [begin, end) and room in [end, capacity). Goes back to
// its pool when destroyed. A default-constructed buffer has no memory.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(); }

  explicit operator bool() const { return data_ != nullptr; }
  size_t capacity() const { return capacity_; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t room() const { return capacity_ - end_; }
  char* begin() { return data_ + begin_; }
  char* tail() { return data_ + end_; }
  std::string_view view() const { return {data_ + begin_, size()}; }
  // `n` bytes were written at tail(); n ≤ room().
  void produced(size_t n);
  // `n` bytes at begin() are done with; n ≤ size(). When nothing is left, both ends go to 0.
  void consumed(size_t n);
  // Copies as much of `bytes` as fits; returns how much.
  size_t append(std::string_view bytes);
  // Moves the readable bytes to the front, so that all room is at the tail.
  void compact();
  // Gives the memory back to the pool.
  void release();

 private:
  friend class BufferPool;
  char* data_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
  BufferPool* pool_ = nullptr;
};

// Shared by the pools of all workers.
struct BufferBudget {
  uint64_t limitBytes = 0;
  std::atomic<uint64_t> usedBytes{0};
};

class BufferPool {
 public:
  // Sizes handed out. Requests are rounded up to the next class.
  static constexpr size_t CLASSES[] = {4096, 16384, 65536, 262144};

  explicit BufferPool(BufferBudget& budget);
  // All its buffers are back by then.
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Never fails for want of budget: the owner asks `exhausted()` before taking on new work.
  // `size` ≤ the largest class.
  Buffer take(size_t size);
  // Makes sure of `room` bytes at the tail of `buffer`, whose bytes stay: by moving them to the
  // front, or into a larger buffer.
  void makeRoom(Buffer& buffer, size_t room);
  bool exhausted() const {
    return budget_.usedBytes.load(std::memory_order_relaxed) >= budget_.limitBytes;
  }
  // Bytes in buffers handed out by this pool.
  size_t inUseBytes() const { return inUseBytes_; }

 private:
  friend class Buffer;
  void giveBack(char* data, size_t capacity);

  BufferBudget& budget_;
  size_t inUseBytes_ = 0;
  std::vector<char*> free_[4];
};

}  // namespace mesh

// Free buffers are kept up to KEPT_BYTES per class and given back to the allocator beyond that, so
// that a burst of connections does not stay resident for ever. Under AddressSanitizer free buffers
// are poisoned: using one after it went back is found like any other use after free.
#include "io/buffer-pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MESH_POISON_BUFFERS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MESH_POISON_BUFFERS
#endif
#ifdef MESH_POISON_BUFFERS
#include <sanitizer/asan_interface.h>
#endif

namespace mesh {
namespace {

constexpr size_t KEPT_BYTES = 4 << 20;

void poison([[maybe_unused]] char* data, [[maybe_unused]] size_t size) {
#ifdef MESH_POISON_BUFFERS
  ASAN_POISON_MEMORY_REGION(data, size);
#endif
}

void unpoison([[maybe_unused]] char* data, [[maybe_unused]] size_t size) {
#ifdef MESH_POISON_BUFFERS
  ASAN_UNPOISON_MEMORY_REGION(data, size);
#endif
}

// The smallest class that holds `size`.
size_t classFor(size_t size) {
  size_t index = 0;
  while (index < std::size(BufferPool::CLASSES) && BufferPool::CLASSES[index] < size) ++index;
  MESH_CHECK(index < std::size(BufferPool::CLASSES));
  return index;
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      pool_(std::exchange(other.pool_, nullptr)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  capacity_ = std::exchange(other.capacity_, 0);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  pool_ = std::exchange(other.pool_, nullptr);
  return *this;
}

void Buffer::produced(size_t n) {
  MESH_CHECK(n <= room());
  end_ += static_cast<uint32_t>(n);
}

void Buffer::consumed(size_t n) {
  MESH_CHECK(n <= size());
  begin_ += static_cast<uint32_t>(n);
  if (begin_ == end_) begin_ = end_ = 0;
}

size_t Buffer::append(std::string_view bytes) {
  size_t n = std::min(bytes.size(), room());
  if (n == 0) return 0;
  std::memcpy(tail(), bytes.data(), n);
  produced(n);
  return n;
}

void Buffer::compact() {
  if (begin_ == 0) return;
  std::memmove(data_, data_ + begin_, size());
  end_ -= begin_;
  begin_ = 0;
}

void Buffer::release() {
  if (data_ == nullptr) return;
  pool_->giveBack(data_, capacity_);
  data_ = nullptr;
  pool_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

BufferPool::BufferPool(BufferBudget& budget) : budget_(budget) {
  // Room for everything that is ever kept: giving back does not allocate.
  for (size_t i = 0; i < std::size(CLASSES); ++i) free_[i].reserve(KEPT_BYTES / CLASSES[i]);
}

BufferPool::~BufferPool() {
  MESH_CHECK(inUseBytes_ == 0);
  for (size_t i = 0; i < std::size(CLASSES); ++i) {
    for (char* data : free_[i]) {
      unpoison(data, CLASSES[i]);
      std::free(data);
    }
  }
}

Buffer BufferPool::take(size_t size) {
  size_t index = classFor(size);
  size_t capacity = CLASSES[index];
  char* data = nullptr;
  if (free_[index].empty()) {
    data = static_cast<char*>(std::malloc(capacity));
    MESH_CHECK(data != nullptr);
  } else {
    data = free_[index].back();
    free_[index].pop_back();
    unpoison(data, capacity);
  }
  inUseBytes_ += capacity;
  budget_.usedBytes.fetch_add(capacity, std::memory_order_relaxed);
  Buffer buffer;
  buffer.data_ = data;
  buffer.capacity_ = static_cast<uint32_t>(capacity);
  buffer.pool_ = this;
  return buffer;
}

void BufferPool::makeRoom(Buffer& buffer, size_t room) {
  if (buffer.room() >= room) return;
  buffer.compact();
  if (buffer.room() >= room) return;
  Buffer larger = take(buffer.size() + room);
  larger.append(buffer.view());
  buffer = std::move(larger);
}

void BufferPool::giveBack(char* data, size_t capacity) {
  inUseBytes_ -= capacity;
  budget_.usedBytes.fetch_sub(capacity, std::memory_order_relaxed);
  std::vector<char*>& kept = free_[classFor(capacity)];
  if (kept.size() * capacity >= KEPT_BYTES) {
    std::free(data);
    return;
  }
  poison(data, capacity);
  kept.push_back(data);
}

}  // namespace mesh

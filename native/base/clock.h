// Monotonic time. Loops read it once a turn (EventLoop::nowMs); these are for the few other places.
#pragma once

#include <cstdint>
#include <ctime>

namespace mesh {

inline uint64_t monotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<uint64_t>(now.tv_nsec);
}

inline uint64_t unixMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000ULL +
         static_cast<uint64_t>(now.tv_nsec) / 1'000'000ULL;
}

}  // namespace mesh

// MESH_CHECK stops the process when something that only a bug can cause has happened. It stays in
// release builds: a proxy that runs on after a broken invariant loses other people's bytes.
#pragma once

namespace mesh {
[[noreturn]] void checkFailed(const char* expression, const char* file, int line);
}

#define MESH_CHECK(condition)                                                                   \
  do {                                                                                          \
    if (__builtin_expect(!(condition), 0)) ::mesh::checkFailed(#condition, __FILE__, __LINE__); \
  } while (0)

// The last words of a process with a broken invariant: what, where, and a core for the rest.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace mesh {

void checkFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "sluice: broken invariant: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace mesh

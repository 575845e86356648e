// See errno-name.h. Only glibc can name every errno; elsewhere a table knows those that sockets give.
#include "contract/errno-name.h"

#include <cerrno>
#include <cstring>

namespace mesh::contract {
namespace {

#ifdef __GLIBC__
const char* knownName(int error) { return strerrorname_np(error); }
#else
const char* knownName(int error) {
  struct Name {
    int error;
    const char* text;
  };
#define NAME(error) \
  { error, #error }
  static constexpr Name NAMES[] = {
      NAME(EACCES),      NAME(EADDRINUSE), NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),
      NAME(EAGAIN),      NAME(EBADF),      NAME(ECONNABORTED),  NAME(ECONNREFUSED),
      NAME(ECONNRESET),  NAME(EHOSTDOWN),  NAME(EHOSTUNREACH),  NAME(EINVAL),
      NAME(EIO),         NAME(EMFILE),     NAME(ENETDOWN),      NAME(ENETRESET),
      NAME(ENETUNREACH), NAME(ENFILE),     NAME(ENOBUFS),       NAME(ENOMEM),
      NAME(ENOPROTOOPT), NAME(ENOSYS),     NAME(ENOTCONN),      NAME(EPERM),
      NAME(EPIPE),       NAME(EPROTO),     NAME(ETIMEDOUT),
  };
#undef NAME
  for (const Name& name : NAMES) {
    if (name.error == error) return name.text;
  }
  return nullptr;
}
#endif

}  // namespace

std::string errnoName(int error) {
  if (const char* name = knownName(error)) return name;
  return "errno " + std::to_string(error);
}

}  // namespace mesh::contract

// What a proxy of the mesh at the other end says in place of a response: it never goes on to the
// application, so it is said here (reference §4.14).
#pragma once

#include "proxy/worker.h"

namespace mesh {

inline void noteRemoteError(Worker& worker, Direction direction, const FieldTable& fields,
                            const SocketAddress& endpoint) {
  // From an application these fields are nobody's word.
  if (direction != Direction::Outbound) return;
  const Field* error = fields.find(FieldId::L5dProxyError);
  if (error == nullptr) return;
  worker.sink().log(contract::LogLevel::Info, worker.index(), "Remote proxy error",
                    {{"endpoint", endpoint.toString()}, {"error", std::string(error->value)}});
}

}  // namespace mesh

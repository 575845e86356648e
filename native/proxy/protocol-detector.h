// What a connection speaks, by its first bytes. Decides as soon as they tell, and does not care how
// they were cut into segments: linkerd2-proxy looks at the first read only, and takes less than 14
// bytes for "not HTTP" (reference §3.5).
#pragma once

#include <string>
#include <string_view>

#include "tls/client-hello.h"

namespace mesh {

class ProtocolDetector {
 public:
  enum class Finding : uint8_t {
    Unsure,
    PartOfHello,  // a TLS ClientHello so far, not complete
    Http1,
    Http2,
    Tls,
    Opaque,
  };

  // `bytes`: all that has come so far, more each time. Final but for the first two.
  Finding look(std::string_view bytes);
  // After Tls; empty when the client named no server.
  const std::string& serverName() const { return hello_.serverName(); }

 private:
  tls::ClientHelloReader hello_;
};

}  // namespace mesh

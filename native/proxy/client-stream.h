// The client's half of an exchange, whatever the client speaks: where the response goes, and what is
// known of who asked. The other half is an EndpointStream. None of these calls comes back to
// the exchange before it returns; what a call brings about is told later.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"
#include "proxy/destination.h"
#include "proxy/error-response.h"

namespace mesh {

class Worker;

// Who made a response: what an endpoint may not say (l5d-proxy-error) the proxy may.
enum class Origin : uint8_t { Endpoint, Proxy };

class ClientStream {
 public:
  virtual Worker& worker() = 0;
  virtual Destination& destination() = 0;
  virtual const SocketAddress& client() const = 0;
  virtual const SocketAddress& original() const = 0;
  // A reset of the endpoint's can be passed on with its code; otherwise a request that was reset
  // before its response began is answered.
  virtual bool speaksHttp2() const = 0;

  // Interim heads and one final one; `last`: no body follows.
  virtual void respond(const ResponseHead& head, bool last, Origin origin) = 0;
  // How much was taken; when not all, the exchange is told of room.
  virtual size_t sendData(std::string_view data) = 0;
  virtual void sendEnd(const FieldTable& trailers) = 0;
  // In place of an endpoint's response.
  virtual void answer(const Answer& answer) = 0;
  // In place of the end of a response whose head has gone: where there is a way to say why. False:
  // it has to be reset.
  virtual bool endFailed(const Answer& answer) = 0;
  // The response stays incomplete, in a way the client can tell from a complete one.
  virtual void reset(uint32_t code) = 0;
  // Request data given to the exchange has gone on: more may come.
  virtual void consumed(size_t bytes) = 0;
  // The response is complete and the rest of the request is not wanted (RFC 9113 §8.1).
  virtual void refuseRest() = 0;
  // The exchange is over: no further call in either direction.
  virtual void release() = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace mesh

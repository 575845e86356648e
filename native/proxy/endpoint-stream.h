// One request on its way to an endpoint and its response on the way back, whatever is spoken
// there: the endpoint's half of an Exchange, which is told when to look again and then asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"
#include "io/buffer-pool.h"
#include "io/event-loop.h"
#include "proxy/target.h"

namespace mesh {

class EndpointStreamOwner {
 public:
  // Something has changed: the request may go on, or there is more of the response.
  virtual void onEndpointStream() = 0;

 protected:
  ~EndpointStreamOwner() = default;
};

// How an endpoint ended a request otherwise than by a complete response.
struct StreamFailure {
  Reason reason = Reason::None;
  int error = 0;
  std::string detail;
  // RST_STREAM code to relay to an HTTP/2 client; NoError when there was none.
  uint32_t resetCode = 0;
  // Nothing of the request was processed: it may be sent again whatever its method.
  bool unprocessed = false;
  // It is idempotent and was not answered: it may be sent again to another endpoint.
  bool repeatable = false;
};

// Destroyed at the end of a turn: its owner may let go of it while it is telling.
class EndpointStream : public Disposable {
 public:
  enum class Next : uint8_t { Nothing, Head, Data, End, Failed };

  // Sends the head, which it may change; `last`: no body follows.
  virtual void start(RequestHead& head, bool last) = 0;
  // Sends as much of `body` as can go; with `ended`, and once `body` is empty, the end with
  // `trailers`. Call again after each change until `requestSent`.
  virtual void send(Buffer& body, bool ended, const FieldTable& trailers) = 0;
  virtual bool requestSent() const = 0;

  // What of the response is there. The accessors below belong to the answer given last.
  virtual Next next() = 0;
  virtual const ResponseHead& head() const = 0;  // interim or final, valid until the next call
  // Whether a final head ends the response: no body, no trailers.
  virtual bool headIsAll() const = 0;
  virtual std::string_view data() const = 0;
  virtual void consumed(size_t bytes) = 0;
  virtual const FieldTable& trailers() const = 0;
  virtual StreamFailure failure() const = 0;

  // The connection had carried a request before.
  virtual bool reused() const = 0;
  virtual const SocketAddress& endpoint() const = 0;
  virtual EndpointCounters& counters() = 0;
  // Ends the stream where it stands; with a complete exchange its connection goes on.
  virtual void close() = 0;
};

}  // namespace mesh

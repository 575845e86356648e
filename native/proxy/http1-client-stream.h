// One exchange of a client that speaks HTTP/1 with whatever the endpoint speaks: the body of the
// request is decoded and let in up to a budget, the response is written with a framing the client
// understands. For requests that cannot take the way in place (http-exchange.cc); lives inside an
// HttpConnection, which hands it the socket's events and asks what is to follow.
#pragma once

#include <memory>

#include "http1/framing.h"
#include "proxy/body-relay.h"
#include "proxy/exchange.h"
#include "proxy/socket-end.h"

namespace mesh {

class Http1ClientStream final : public Disposable, public ClientStream {
 public:
  // Of the connection; outlives the stream.
  struct Parts {
    Worker& worker;
    TurnEnd& turnEnd;  // whose end of turn calls `advance`
    Destination& destination;
    const SocketAddress& original;
    SocketEnd& socket;
    Buffer& in;  // from the first byte of the body on
  };
  enum class Outcome : uint8_t {
    Going,
    NextRequest,
    Close,  // in order, after what was written
    Abort,  // so that the client sees that something is missing
  };

  // The head is copied. `keepAlive`: another request may follow.
  Http1ClientStream(const Parts& parts, const RequestHead& head, const http1::Framing& framing,
                    bool keepAlive);
  ~Http1ClientStream();
  void begin(RequestRoute route, route::RequestPolicy policy) {
    exchange_.begin(std::move(route), std::move(policy));
  }

  // After events of the socket, and at the end of a turn.
  Outcome advance();
  // No request after this one.
  void endAfter() { keepAlive_ = false; }
  void abandon(Reason reason) { exchange_.abandon(reason); }

  Worker& worker() override { return parts_.worker; }
  Destination& destination() override { return parts_.destination; }
  const SocketAddress& client() const override { return parts_.socket.peer(); }
  const SocketAddress& original() const override { return parts_.original; }
  bool speaksHttp2() const override { return false; }
  void respond(const ResponseHead& head, bool last, Origin origin) override;
  size_t sendData(std::string_view data) override;
  void sendEnd(const FieldTable& trailers) override;
  void answer(const Answer& answer) override;
  bool endFailed(const Answer&) override { return false; }
  void reset(uint32_t code) override;
  void consumed(size_t bytes) override;
  void refuseRest() override { keepAlive_ = false; }
  void release() override;

 private:
  void relayRequest();
  bool takeBody();
  bool readMore();
  void endRequest();
  void flush();
  void advanceLater();
  void onHalfCloseTimeout();
  http1::BodyKind kindOf(const ResponseHead& head, bool last, http1::Framing& framing) const;
  bool bodyTaken() const { return requestBody_.complete() && decoded_.empty(); }

  const Parts parts_;
  const Method method_;
  const uint8_t minorVersion_;
  bool keepAlive_;
  bool awaitsContinue_;  // Expect: 100-continue, and no 100 relayed yet
  BodyRelay requestBody_;
  Buffer decoded_;
  size_t held_ = 0;  // of the body, let in and not yet gone on
  bool requestEnded_ = false;
  Buffer out_;
  http1::BodyKind responseKind_ = http1::BodyKind::None;
  uint64_t responseLeft_ = 0;  // with a length
  bool responseEnded_ = false;
  bool offersRoom_ = false;  // the exchange waits for room in `out_`
  bool gone_ = false;        // the client takes nothing any more
  bool aborting_ = false;
  bool released_ = false;
  Timer halfClose_;
  Exchange exchange_;
};

}  // namespace mesh

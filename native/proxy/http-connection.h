// The HTTP/1 side of a client connection: one exchange after another, each parsed, routed, sent to
// an endpoint and answered. Pipelined requests wait in the buffer or the kernel. Guarantees: every
// request gets its endpoint's response or a synthesized one with a reason, never an empty close;
// nothing leaves that was not parsed; both directions are bounded by one buffer each.
//
//   ReadingHead --head--> Routing --target--> Connecting --connection--> Exchanging --done--> ReadingHead
//                            \ parked until discovered     \ failed: error response  \ upgrade: OpaqueForward
//                             \ answered by a filter: Answering --> ReadingHead
//
// Requests that are not HTTP/1.1 at the endpoint go another way: Translating, with an Exchange.
//
// http-connection.cc has the life of the connection, http-forwarding.cc the request's way to its
// endpoint, http-exchange.cc the relaying of both messages, http-failures.cc how it fails.
#pragma once

#include <memory>
#include <string>

#include "http1/parser.h"
#include "proxy/body-relay.h"
#include "proxy/connection.h"
#include "proxy/connector.h"
#include "proxy/destination.h"
#include "proxy/error-response.h"
#include "proxy/http1-client-stream.h"
#include "proxy/request-route.h"
#include "proxy/worker.h"

namespace mesh {

// Transparent: the connection was captured, the original destination decides unless an authority
// is known. ForwardProxy: the request alone decides, CONNECT is answered here.
enum class HttpMode : uint8_t { Transparent, ForwardProxy };

class HttpConnection final : public Connection,
                             public IoHandler,
                             public ConnectorOwner,
                             public DiscoveryWaiter,
                             public TurnEnd {
 public:
  static void start(Worker& worker, HttpMode mode, DestinationHold destination,
                    const SocketAddress& original, std::unique_ptr<SocketEnd> client, Buffer in);

  void onIo(uint32_t fresh) override;
  void onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) override;
  void onConnectFailed(const ConnectFailure& failure) override;
  void onDiscovered() override;
  void onDiscoveryFailed(const std::string& detail) override;
  std::string_view awaitedAuthority() const override { return authority_; }
  void onTurnEnd() override;
  void onDrain() override;
  void onDestinationRemoved(const Destination& destination) override;
  void cut(Reason reason) override;

 private:
  enum class State : uint8_t {
    ReadingHead,
    Routing,
    Connecting,
    Exchanging,
    Translating,
    Answering,
    Ended
  };
  enum class TimerRole : uint8_t { None, Idle, Head, Discovery, Response };
  enum class ResponsePhase : uint8_t { Head, Body, Done };

  HttpConnection(Worker& worker, HttpMode mode, DestinationHold destination,
                 const SocketAddress& original, std::unique_ptr<SocketEnd> client, Buffer in);

  // http-connection.cc
  void advance();
  bool step();
  bool readHead();
  bool readMoreOfHead();
  bool acceptHead(size_t headBytes);
  bool finishExchange();
  bool wantsEnd() const;
  void setTimer(TimerRole role, uint64_t delayMs);
  void clearTimer();
  void onTimeout();
  void onHalfCloseTimeout();
  void dropEndpoint();
  void closeClient();
  void closeAfter(Buffer rest);
  void end();

  // http-forwarding.cc
  bool route();
  RouteChoice routeByAuthority(const RequestHead& head);
  bool routeTunnel(const RouteChoice& choice);
  bool sendTo(std::shared_ptr<Target> target);
  bool translates(const Target& target) const;
  bool translate(route::RequestPolicy policy);
  bool continueTranslated();
  void overrideAuthority(std::string_view authority);

  // http-exchange.cc
  bool exchange();
  bool relayRequest();
  bool readRequestBody();
  bool writeRequest(std::string_view head, std::string_view direct);
  bool relayResponse();
  bool readResponseHead();
  bool acceptResponseHead(size_t headBytes);
  bool relayResponseBody();
  bool writeResponse(std::string_view direct);
  bool firstByteOfBody();
  bool becomeOpaque();
  bool answerConnect(std::unique_ptr<EndpointConnection> connection);
  bool requestSentWhole() const;
  bool yieldIfGreedy(size_t bytes);

  // http-failures.cc
  bool canReplay() const;
  FailureFacts facts(Reason reason, int error, std::string_view detail) const;
  // After a read that brought the end.
  FailureFacts endOfEndpoint(const IoCount& got, std::string_view where) const;
  // Before the response has begun: replays or answers. After: cuts the client off.
  bool failExchange(FailureFacts facts);
  bool failRequest(Reason reason, std::string detail);
  bool abandon(Reason reason);
  void respond(const FailureFacts& facts);
  bool refuse(const Refusal& refusal);
  void answer(const Answer& answer);
  bool flushAnswer();
  void endTry(uint16_t status, Reason reason);
  void countRouteEnd(uint16_t status, Reason reason);
  RouteOutcome outcome(uint16_t status, Reason reason) const;
  void report(const FailureFacts& facts, uint16_t status);

  Worker& worker_;
  const HttpMode mode_;
  DestinationHold destination_;
  const SocketAddress original_;
  std::unique_ptr<SocketEnd> client_;
  Buffer in_;   // from the client: heads and body
  Buffer out_;  // to the client: heads and encoded body
  State state_ = State::ReadingHead;
  bool advancing_ = false;
  bool closing_ = false;  // no further exchange on this connection
  http1::HeadProgress progress_;
  Timer timer_;
  TimerRole timerRole_ = TimerRole::None;
  Timer halfClose_;
  size_t movedThisTurn_ = 0;

  // Routing: the last authority and what it meant, good for one version of the destination.
  std::string authority_;
  std::string lastRawAuthority_;
  RouteChoice lastChoice_;
  uint32_t lastVersion_ = 0;
  size_t headBytes_ = 0;
  http1::Framing framing_;  // of the request

  std::unique_ptr<Http1ClientStream> stream_;  // while Translating

  // The exchange.
  RequestRoute route_;
  uint64_t arrivedMs_ = 0;
  uint64_t askedMs_ = 0;  // when the request had gone to its end; 0: not yet
  std::shared_ptr<Target> target_;
  Connector connector_;
  std::unique_ptr<EndpointConnection> endpoint_;
  LoadToken load_;
  uint64_t startedNs_ = 0;
  Buffer request_;  // serialized head, and body where it was complete; kept for a replay
  size_t requestSent_ = 0;
  Buffer requestOut_;  // encoded request body
  BodyRelay requestBody_;
  BodyRelay responseBody_;
  ResponsePhase responsePhase_ = ResponsePhase::Head;
  Method method_ = Method::Other;
  uint16_t status_ = 0;
  uint8_t minorVersion_ = 1;
  bool clientKeepAlive_ = false;
  bool endpointKeepAlive_ = false;
  bool awaitsContinue_ = false;  // Expect: 100-continue, and no 100 relayed yet
  bool reused_ = false;
  bool replayed_ = false;
  bool bodyLeft_ = false;       // request body bytes went out that are not kept for a replay
  bool overridden_ = false;     // the request is written for one endpoint
  bool tryBegun_ = false;       // sent, and not counted as over
  bool requestBroken_ = false;  // the endpoint no longer takes the request
  bool responseBegun_ = false;  // bytes of an answer have arrived
  bool latencyTaken_ = false;
  http1::HeadProgress responseProgress_;
};

}  // namespace mesh

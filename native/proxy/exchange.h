// One request of a client and its response, whatever either side speaks: routed, sent to an
// endpoint, answered. The client's half is a ClientStream, the endpoint's an EndpointStream; an
// exchange may make several tries, one stream after the other, for as long as the whole request is at hand.
// Guarantees: an endpoint's response or a synthesized one with a reason; each direction is
// bounded by what the client's half lets in and by what the endpoint's holds; at most 256 KiB of a
// body are kept for another try.
//
//   Routing --rule, backend--> Connecting --stream--> Relaying --both complete--> Over
//      \ parked until discovered    |  \ failed           |  \ refused unprocessed: Connecting, once more
//                                   '-------> Waiting <---' to be tried again, after a back-off
//
// exchange.cc has the way to the endpoint and the relaying, exchange-heads.cc what is changed in heads,
// exchange-tries.cc what is tried again, exchange-failures.cc how it fails.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "balance/backoff.h"
#include "proxy/client-stream.h"
#include "proxy/connector.h"
#include "proxy/endpoint-stream.h"
#include "proxy/orig-proto.h"
#include "proxy/request-body.h"
#include "proxy/request-route.h"
#include "proxy/stored-request.h"
#include "proxy/stream-clock.h"
#include "proxy/worker.h"

namespace mesh {

class Exchange final : public ConnectorOwner, public DiscoveryWaiter, public EndpointStreamOwner {
 public:
  // The head is copied. `ended`: it is the whole request.
  Exchange(ClientStream& client, const RequestHead& head, bool ended);

  // Finds its route by itself.
  void begin();
  // The client's half has found it: a rule whose filters have been applied, or a target.
  void begin(RequestRoute route, route::RequestPolicy policy);

  // ------------------------------------------------ from the client's half
  void onData(std::string_view data);
  void onEnd(const FieldTable& trailers);
  void onRoom() { advance(); }
  // Nobody is there to answer.
  void abandon(Reason reason);
  // The rest of the request cannot be had.
  void failRequest(Reason reason, std::string_view detail);
  bool over() const { return state_ == State::Over; }

  void onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) override;
  void onHttp2(Http2Client& client, LoadToken load) override;
  void onConnectFailed(const ConnectFailure& failure) override;
  void onDiscovered() override;
  void onDiscoveryFailed(const std::string& detail) override;
  std::string_view awaitedAuthority() const override { return authority_; }
  void onEndpointStream() override { advance(); }

 private:
  enum class State : uint8_t { Routing, Connecting, Relaying, Waiting, Over };

  void route();
  void follow(const RouteChoice& choice);
  void start();
  void attempt();
  void connect();
  void relay(std::unique_ptr<EndpointStream> stream, LoadToken load);
  // Of HTTP/1, whatever it has come over.
  bool isHttp1() const { return !client_.speaksHttp2() || origProto_.known; }
  void advance();
  void relayRequest();
  void askedWhole();
  void relayResponse();
  void relayHead();
  void passHead(const ResponseHead& given, bool last);
  void passHeld();
  // False when the client takes no more now.
  bool relayData();
  void onResponseEnd();
  void tookFirstByte();
  RouteOutcome outcome(uint16_t status, Reason reason) const;
  void watchTunnel();
  bool wholeRequestSent() const;
  void complete();
  void end();
  void dropTry();

  // exchange-heads.cc
  void prepareHead(RequestHead& head);
  ResponseHead& changeable(const ResponseHead& given);
  const ResponseHead& rewriteHead(const ResponseHead& given, bool tells);

  // exchange-tries.cc
  void learn(const ResponseHead& head);
  void learnStatus(const FieldTable& fields);
  // True when the exchange goes on with another try, or waits to know whether it should.
  bool triesAgainAfter(const ResponseHead& head, bool last);
  bool triesAgainAfterTrailers();
  bool triesAgainAfter(const FailureFacts& facts);
  bool atHand();  // the request, from its first byte to its last
  bool tryAgain();
  void onBackoffOver();
  void nextTry();
  void giveWhatIsHeld();
  bool sendAgain(const StreamFailure& failure);
  void endTry(uint16_t status, Reason reason);

  // exchange-failures.cc
  FailureFacts facts(Reason reason, std::string detail) const;
  void onWaitOver();
  void armClock();
  void onClock();
  void onExpired(Reason reason);
  void onStreamFailed();
  void refuse(const Refusal& refusal);
  void fail(const FailureFacts& facts);
  void answer(const FailureFacts& facts, const Answer& answer);
  void cutShort(const FailureFacts& facts, uint32_t code);
  void report(const FailureFacts& facts, uint16_t status);
  void countEnd(uint16_t status, Reason reason);

  ClientStream& client_;
  Worker& worker_;
  StoredRequest request_;
  const OrigProto origProto_;  // what a proxy of the mesh says the request was
  const bool grpc_;
  const uint64_t arrivedMs_;
  bool requestEnded_;
  StoredFields requestTrailers_;
  RequestBody body_;
  State state_ = State::Routing;
  bool advancing_ = false;
  bool again_ = false;
  std::string authority_;
  RequestRoute route_;
  route::RequestPolicy policy_;
  Connector connector_;

  // The try under way, or the last one.
  std::unique_ptr<StoredRequest> backendHead_;  // where the backend's filters changed the head
  std::unique_ptr<EndpointStream> endpoint_;
  bool http1_ = false;           // the endpoint is spoken to in HTTP/1.1
  bool toldOrigProto_ = false;   // it has been told what the request was
  std::string rewrittenTarget_;  // where these differ from the request's
  std::string rewrittenAuthority_;
  LoadToken load_;
  uint64_t startedNs_ = 0;
  uint64_t askedMs_ = 0;                  // when the request had gone to its end; 0: not yet
  int8_t grpcStatus_ = -1;                // that the response has told; -1: none
  bool grpcUntold_ = false;               // it has ended without
  bool tryOver_ = false;                  // counted, and the endpoint judged
  bool tryBegun_ = false;                 // has a backend, and is not counted as over
  std::unique_ptr<StoredResponse> held_;  // a final head that may not be passed on after all
  bool heldIsAll_ = false;
  std::unique_ptr<FailureFacts> heldFailure_;

  uint32_t tries_ = 0;
  uint8_t replays_ = 0;
  SocketAddress failedAt_;  // the endpoint of the last try
  std::optional<Backoff> backoff_;
  uint16_t status_ = 0;         // of the response passed on; 0 before its head
  bool tunnel_ = false;         // CONNECT has succeeded: each direction ends on its own
  bool responseEnded_ = false;  // passed on whole, while a tunnel's other direction lives on
  bool latencyTaken_ = false;
  StreamClock clock_;
  Timer deadline_;  // of the clock
  Timer wait_;      // for discovery, for a back-off, for the other half of a tunnel
};

}  // namespace mesh

// One request of a client and its response, whatever either side speaks: routed, sent to an
// endpoint, answered. The client's half is a ClientStream, the endpoint's an EndpointStream; an
// exchange may make several attempts, one stream after the other, while nothing of the body is lost.
// Guarantees: the endpoint's response or a synthesized one with a reason; each direction is
// bounded by what the client's half lets in and by what the endpoint's holds.
//
//   Routing --target--> Connecting --stream--> Relaying --both complete--> Over
//      \ parked until discovered   \ failed: answered     \ refused unprocessed: Connecting, once more
//
// exchange.cc has the way to the endpoint and the relaying, exchange-failures.cc how it fails.
#pragma once

#include <memory>
#include <string>

#include "proxy/client-stream.h"
#include "proxy/connector.h"
#include "proxy/endpoint-stream.h"
#include "proxy/orig-proto.h"
#include "proxy/stored-request.h"
#include "proxy/worker.h"

namespace mesh {

class Exchange final : public ConnectorOwner, public DiscoveryWaiter, public EndpointStreamOwner {
 public:
  // The head is copied. `ended`: it is the whole request.
  Exchange(ClientStream& client, const RequestHead& head, bool ended);

  // Finds the target by itself.
  void begin();
  // The client's half has found it.
  void begin(std::shared_ptr<Target> target);

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
  enum class State : uint8_t { Routing, Connecting, Relaying, Over };

  void route();
  void connect();
  bool overHttp1() const;
  void relay(std::unique_ptr<EndpointStream> stream, LoadToken load);
  void prepareHead(RequestHead& head);
  void advance();
  void relayRequest();
  void relayResponse();
  void relayHead();
  const ResponseHead& rewriteHead(const ResponseHead& given, bool tells);
  // False when the client takes no more now.
  bool relayData();
  void onResponseEnd();
  void tookFirstByte();
  void watchTunnel();
  bool wholeRequestSent() const;
  void complete();
  void end();
  void dropAttempt();

  // exchange-failures.cc
  FailureFacts facts(Reason reason, std::string detail) const;
  void onTimeout();
  void onStreamFailed();
  bool sendAgain(const StreamFailure& failure);
  void fail(const FailureFacts& facts);
  void cutShort(const FailureFacts& facts, uint32_t code);
  void report(const FailureFacts& facts, uint16_t status);

  ClientStream& client_;
  Worker& worker_;
  StoredRequest request_;
  const OrigProto origProto_;  // what a proxy of the mesh says the request was
  bool requestEnded_;
  StoredFields requestTrailers_;
  Buffer body_;            // of the request, not yet sent on
  bool bodySent_ = false;  // some of it is gone: the request cannot be sent again
  State state_ = State::Routing;
  bool advancing_ = false;
  bool again_ = false;
  std::string authority_;
  std::shared_ptr<Target> target_;
  Connector connector_;
  std::unique_ptr<EndpointStream> endpoint_;
  std::string rewrittenTarget_;  // of the attempt, where it differs from the request's
  LoadToken load_;
  uint64_t startedNs_ = 0;
  uint16_t status_ = 0;         // of the response passed on; 0 before its head
  bool tunnel_ = false;         // CONNECT has succeeded: each direction ends on its own
  bool responseEnded_ = false;  // passed on whole, while a tunnel's other direction lives on
  bool latencyTaken_ = false;
  uint8_t replays_ = 0;
  Timer timer_;
};

}  // namespace mesh

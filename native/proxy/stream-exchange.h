// One request of an HTTP/2 client and its response: routed, sent to an endpoint over HTTP/1.1 or
// HTTP/2, answered. Guarantees as for HTTP/1: the endpoint's response or a synthesized one with a
// reason; resets are passed on with their code; each direction holds at most one window.
//
//   Routing --target--> Connecting --stream--> Relaying --both complete--> Over
//      \ parked until discovered   \ failed: answered     \ refused unprocessed: Connecting, once more
#pragma once

#include <memory>
#include <string>

#include "http2/session.h"
#include "proxy/connector.h"
#include "proxy/endpoint-stream.h"
#include "proxy/error-response.h"
#include "proxy/stored-request.h"
#include "proxy/worker.h"

namespace mesh {

class Http2Server;

class StreamExchange final : public Disposable,
                             public ConnectorOwner,
                             public DiscoveryWaiter,
                             public EndpointStreamOwner {
 public:
  StreamExchange(Http2Server& server, http2::StreamId stream, const RequestHead& head,
                 http2::End end);
  void begin();

  // From the client's connection.
  void onData(std::string_view data);
  void onEnd(const FieldTable& trailers);
  void onRoom() { advance(); }
  void onReset();
  // The connection is going: nobody is there to answer.
  void abandon(Reason reason);

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
  void relay(std::unique_ptr<EndpointStream> stream, LoadToken load);
  void advance();
  void relayRequest();
  void relayResponse();
  void relayHead();
  // False when the client takes no more now.
  bool relayData();
  void tookFirstByte();
  void complete();
  void onStreamFailed();
  void fail(const FailureFacts& facts);
  void respond(const FailureFacts& facts, uint16_t status);
  void report(const FailureFacts& facts, uint16_t status);
  void onTimeout();
  void end();

  Http2Server& server_;
  Worker& worker_;
  const http2::StreamId stream_;
  StoredRequest request_;
  const bool grpc_;
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
  LoadToken load_;
  uint64_t startedNs_ = 0;
  uint16_t status_ = 0;  // of the response passed on; 0 before its head
  bool latencyTaken_ = false;
  uint8_t replays_ = 0;
  Timer timer_;
};

}  // namespace mesh

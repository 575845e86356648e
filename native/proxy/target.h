// A target on one worker: its settings, its endpoints and the counters of each. The rules for
// choosing an endpoint are the balancer's; this adds what the proxy counts, who is dialling, what
// answers mean, and whether requests fail fast.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "balance/balancer.h"
#include "contract/commands.h"
#include "proxy/endpoint-addition.h"
#include "proxy/load-token.h"
#include "proxy/transport-counters.h"

namespace mesh {

class Connector;
class Http2Client;
class Worker;

// The series of one endpoint of a target, for connections and requests of one direction.
class EndpointCounters {
 public:
  EndpointCounters(Recorder& recorder, Direction direction, uint32_t targetId,
                   const SocketAddress& endpoint);

  void dialled() const { recorder_.add(dials_); }
  void requested() const { recorder_.add(requests_); }
  // `grpcStatus` -1: not of gRPC.
  void responded(uint16_t status, Reason reason, int8_t grpcStatus = -1);
  void latency(uint16_t status, uint64_t ms);

  const std::shared_ptr<const TransportCounters>& transport() const { return transport_; }

 private:
  // The series of answers with one status that ended in one way.
  struct Answer {
    uint16_t status;
    Reason reason;
    int8_t grpcStatus;
    SeriesId total;
    SeriesId latency;
  };
  const Answer& answer(uint16_t status, Reason reason, int8_t grpcStatus);

  Recorder& recorder_;
  LabelSet labels_;
  std::shared_ptr<const TransportCounters> transport_;
  SeriesId dials_;
  SeriesId requests_;
  std::vector<Answer> answers_;
};

class Target final : public EjectionListener {
 public:
  Target(Worker& worker, const contract::PutTarget& settings);
  ~Target();

  void configure(const contract::PutTarget& settings);
  void addEndpoint(const EndpointAddition& addition);
  // Cancels its dials (they go on with another endpoint) and closes its idle connections.
  void removeEndpoint(const SocketAddress& address);
  // The target is gone: nobody may start on it, those who wait are told.
  void retire();

  const contract::PutTarget& settings() const { return settings_; }
  Balancer& balancer() { return balancer_; }
  bool retired() const { return retired_; }
  EndpointCounters& countersOf(const SocketAddress& endpoint, Direction direction);
  SeriesId replaySeries(Direction direction);

  // Whether a request would be served, or could reasonably wait: not retired, has endpoints, and
  // either one can be picked or none could for no longer than the fail-fast time. For choosing
  // among several targets.
  bool ready(uint64_t nowMs);

  // ------------------------------------------------ what sets endpoints apart
  bool takesOrigProto(const SocketAddress& endpoint) const;
  // What requests to it carry in place of their authority; empty: nothing. Valid until the end of the
  // turn.
  std::string_view authorityOf(const SocketAddress& endpoint) const;
  const contract::Http2KeepAlive& http2KeepAliveOf(const SocketAddress& endpoint) const;
  // Whether how an HTTP/1 request is written may depend on its endpoint.
  bool writesByEndpoint() const { return writtenApart_ > 0; }

  // ------------------------------------------------ what exchanges see of endpoints
  // By tokens (load-token.h). No effect when the endpoint is gone by now.
  void observe(const std::shared_ptr<EndpointShared>& endpoint, const ResponseOutcome& outcome,
               uint32_t probe = 0);
  void releaseProbe(const std::shared_ptr<EndpointShared>& endpoint, uint32_t probe);

  // ------------------------------------------------ what connectors find
  // No endpoint can be picked. Answers until when one may be waited for.
  uint64_t unavailable(uint64_t nowMs);
  // Nobody has come until then: requests fail at once from now on.
  void failFast();
  // There is an endpoint that takes connections.
  void available();

  // Connectors that have a connect(2) under way here.
  IntrusiveList<Connector> dialing;
  // Connectors that wait for another's dial: one HTTP/2 connection serves them all.
  IntrusiveList<Connector> following;

  // ------------------------------------------------ HTTP/2 connections
  void addHttp2(Http2Client& client);
  // It takes no further streams. Where it was the last one to a present endpoint, that is not
  // dialled again before a back-off (reference §5, rule 6).
  void removeHttp2(Http2Client& client);
  // One that can take a further stream, or null.
  Http2Client* http2WithRoom(const EndpointShared& endpoint);

  void describe(contract::TargetPicture& picture, uint64_t nowMs);

  void onEjected(const Endpoint& endpoint, bool again) override;
  void onReopened(const Endpoint& endpoint, Reopening reason) override;

 private:
  Endpoint* find(const EndpointShared& endpoint);
  // Null: none.
  const contract::EndpointTraits* traitsOf(const SocketAddress& endpoint) const;
  void setTraits(const SocketAddress& endpoint,
                 std::shared_ptr<const contract::EndpointTraits> traits);
  void logAvailability(const char* message);

  Worker& worker_;
  contract::PutTarget settings_;
  Balancer balancer_;
  bool retired_ = false;
  bool failingFast_ = false;
  // When requests began to find no endpoint; 0 while there is one.
  uint64_t unavailableSinceMs_ = 0;
  std::array<std::unordered_map<SocketAddress, std::unique_ptr<EndpointCounters>>, 3> counters_;
  std::unordered_map<SocketAddress, std::vector<Http2Client*>> http2_;
  // Of the endpoints that have any.
  std::unordered_map<SocketAddress, std::shared_ptr<const contract::EndpointTraits>> traits_;
  size_t writtenApart_ = 0;  // of them: to which requests are not written as to the others
};

}  // namespace mesh

// A target on one worker: its settings, its endpoints and the counters of each. The rules for
// choosing an endpoint are the balancer's; this adds what the proxy counts and who is dialling.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "balance/balancer.h"
#include "contract/commands.h"
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
  void responded(uint16_t status, Reason reason);
  void latency(uint16_t status, uint64_t ms);

  const std::shared_ptr<const TransportCounters>& transport() const { return transport_; }

 private:
  // The series of answers with one status that ended in one way.
  struct Answer {
    uint16_t status;
    Reason reason;
    SeriesId total;
    SeriesId latency;
  };
  const Answer& answer(uint16_t status, Reason reason);

  Recorder& recorder_;
  LabelSet labels_;
  std::shared_ptr<const TransportCounters> transport_;
  SeriesId dials_;
  SeriesId requests_;
  std::vector<Answer> answers_;
};

// RAII for the requests under way that power-of-two-choices compares.
class LoadToken {
 public:
  LoadToken() = default;
  LoadToken(std::shared_ptr<EndpointShared> endpoint, uint64_t nowNs)
      : endpoint_(std::move(endpoint)), startedNs_(nowNs) {
    endpoint_->load.started();
  }
  LoadToken(LoadToken&& other) noexcept = default;
  LoadToken& operator=(LoadToken&& other) noexcept {
    abandon();
    endpoint_ = std::move(other.endpoint_);
    startedNs_ = other.startedNs_;
    return *this;
  }
  ~LoadToken() { abandon(); }

  // The endpoint has answered: a sample of its latency. Only the first call counts.
  void finish(uint64_t nowNs) {
    if (!endpoint_) return;
    endpoint_->load.finished(nowNs - startedNs_, nowNs);
    endpoint_.reset();
  }
  void abandon() {
    if (!endpoint_) return;
    endpoint_->load.abandoned();
    endpoint_.reset();
  }

 private:
  std::shared_ptr<EndpointShared> endpoint_;
  uint64_t startedNs_ = 0;
};

class Target {
 public:
  Target(Worker& worker, const contract::PutTarget& settings);
  ~Target();

  void configure(const contract::PutTarget& settings);
  void addEndpoint(std::shared_ptr<EndpointShared> endpoint);
  // Cancels its dials (they go on with another endpoint) and closes its idle connections.
  void removeEndpoint(const SocketAddress& address);
  // The target is gone: nobody may start on it, those who wait are told.
  void retire();

  const contract::PutTarget& settings() const { return settings_; }
  Balancer& balancer() { return balancer_; }
  bool retired() const { return retired_; }
  EndpointCounters& countersOf(const SocketAddress& endpoint, Direction direction);
  SeriesId replaySeries(Direction direction);

  // When requests began to find no endpoint; 0 while there is one.
  uint64_t unavailableSinceMs = 0;
  // Connectors that have a connect(2) under way here.
  IntrusiveList<Connector> dialing;
  // Connectors that wait for another's dial: one HTTP/2 connection serves them all.
  IntrusiveList<Connector> following;

  // ------------------------------------------------ HTTP/2 connections
  void addHttp2(Http2Client& client);
  void removeHttp2(Http2Client& client);
  // One that can take a further stream, or null.
  Http2Client* http2WithRoom(const EndpointShared& endpoint);

  void describe(contract::TargetPicture& picture, uint64_t nowMs);

 private:
  Worker& worker_;
  contract::PutTarget settings_;
  Balancer balancer_;
  bool retired_ = false;
  std::array<std::unordered_map<SocketAddress, std::unique_ptr<EndpointCounters>>, 3> counters_;
  std::unordered_map<SocketAddress, std::vector<Http2Client*>> http2_;
};

}  // namespace mesh

// See opaque-forward.h.
#include "proxy/opaque-forward.h"

#include "proxy/error-response.h"
#include "proxy/inbound-policy.h"
#include "proxy/worker.h"

namespace mesh {

namespace {
ByteCopy::Limits limitsOf(const contract::Settings& settings) {
  return {.budgetBytes = settings.directionBudgetBytes,
          .spliceThresholdBytes = settings.spliceThresholdBytes};
}
}  // namespace

OpaqueForward::OpaqueForward(Worker& worker, DestinationHold destination,
                             const SocketAddress& original, std::unique_ptr<SocketEnd> client,
                             std::string serverName)
    : worker_(worker),
      destination_(std::move(destination)),
      original_(original),
      serverName_(std::move(serverName)),
      client_(std::move(client)),
      connector_(worker, *this),
      toEndpoint_(worker.buffers(), limitsOf(worker.settings())),
      toClient_(worker.buffers(), limitsOf(worker.settings())),
      halfClose_([](void* self) { static_cast<OpaqueForward*>(self)->onTimeout(); }, this) {
  client_->setHandler(*this);
}

void OpaqueForward::startDialling(Worker& worker, DestinationHold destination,
                                  const SocketAddress& original, std::unique_ptr<SocketEnd> client,
                                  Buffer early, std::string serverName) {
  std::unique_ptr<OpaqueForward> forward(new OpaqueForward(
      worker, std::move(destination), original, std::move(client), std::move(serverName)));
  OpaqueForward& self = *forward;
  worker.adopt(std::move(forward));
  self.toEndpoint_.prepend(std::move(early));
  // Where TLS is not declared its name is for messages only.
  const bool tls = self.destination_->protocol == contract::Protocol::Tls;
  OpaqueRoute route = routeOpaque(worker, defaultChoice(*self.destination_),
                                  tls ? self.serverName_ : std::string_view());
  self.follow(route.routeId, route.byServerName);
  if (!route.target) {
    self.fail(route.refusal, 0, {}, route.detail);
    return;
  }
  self.connector_.start(std::move(route.target), self.destination_->direction, Reuse::Never);
}

void OpaqueForward::join(Worker& worker, DestinationHold destination, const SocketAddress& original,
                         std::unique_ptr<SocketEnd> client, Buffer toEndpoint,
                         std::unique_ptr<SocketEnd> endpoint, Buffer toClient,
                         std::string serverName, uint32_t routeId) {
  std::unique_ptr<OpaqueForward> forward(new OpaqueForward(
      worker, std::move(destination), original, std::move(client), std::move(serverName)));
  OpaqueForward& self = *forward;
  worker.adopt(std::move(forward));
  self.follow(routeId, false);
  self.endpoint_ = std::move(endpoint);
  self.endpoint_->setHandler(self);
  self.toEndpoint_.prepend(std::move(toEndpoint));
  self.toClient_.prepend(std::move(toClient));
  self.advance();
}

void OpaqueForward::follow(uint32_t routeId, bool byServerName) {
  routeId_ = routeId;
  byServerName_ = byServerName;
  countRouteOpen(worker_, routeUse());
}

OpaqueRouteUse OpaqueForward::routeUse() const {
  return {.direction = destination_->direction,
          .routeId = routeId_,
          .original = original_,
          .serverName = byServerName_ ? serverName_ : std::string_view()};
}

void OpaqueForward::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  // Reference §4.12: for opaque connections the measured part ends with the connection.
  load.finish(worker_.loop().nowNs());
  endpoint_ = EndpointConnection::takeSocket(std::move(connection));
  endpoint_->setHandler(*this);
  advance();
}

void OpaqueForward::onConnectFailed(const ConnectFailure& failure) {
  fail(failure.reason, failure.error, failure.endpoint, failure.detail);
}

void OpaqueForward::onIo(uint32_t) {
  if (!Connection::linked()) return;
  if (endpoint_) {
    advance();
  } else if (client_->failed()) {
    connector_.cancel();
    fail(Reason::ClientReset, 0, {}, "while dialling");
  }
}

void OpaqueForward::onTurnEnd() {
  if (Connection::linked()) advance();
}

void OpaqueForward::advance() {
  if (!pump(toEndpoint_, *client_, *endpoint_, endpointGone_)) return;
  if (!pump(toClient_, *endpoint_, *client_, clientGone_)) return;
  const bool toEndpointOver = toEndpoint_.finished() || endpointGone_;
  const bool toClientOver = toClient_.finished() || clientGone_;
  if (toEndpointOver && toClientOver) {
    Reason reason = Reason::None;
    if (endpointGone_ || clientGone_) {
      reason = endpointGone_ ? Reason::EndpointReset : Reason::ClientReset;
      client_->abort();
      endpoint_->abort();
    }
    end(reason);
    return;
  }
  // A side that failed while the other takes no bytes would otherwise be noticed by nobody.
  const bool oneLost = client_->failed() || endpoint_->failed();
  if (toEndpointOver || toClientOver || oneLost) watchHalfClose();
}

bool OpaqueForward::pump(ByteCopy& copy, SocketEnd& source, SocketEnd& sink, bool& sinkGone) {
  if (copy.finished() || sinkGone) return true;
  switch (copy.pump(source, sink)) {
    case ByteCopy::Outcome::Waiting:
    case ByteCopy::Outcome::Finished:
      return true;
    case ByteCopy::Outcome::Yielded:
      worker_.loop().atTurnEnd(*this);
      return true;
    case ByteCopy::Outcome::SinkFailed:
      // It may have said something before it went away: the other direction reads that first.
      sinkGone = true;
      return true;
    case ByteCopy::Outcome::SourceFailed: {
      const bool client = &source == client_.get();
      fail(client ? Reason::ClientReset : Reason::EndpointReset, source.error(),
           client ? SocketAddress() : source.peer(), "");
      return false;
    }
  }
  return true;
}

void OpaqueForward::watchHalfClose() {
  if (halfClose_.armed()) return;
  lastMoved_ = toEndpoint_.moved() + toClient_.moved();
  worker_.loop().schedule(halfClose_, worker_.settings().halfCloseTimeoutMs);
}

void OpaqueForward::onTimeout() {
  // Re-armed as long as bytes move: a long answer to a finished question is not a leak.
  if (toEndpoint_.moved() + toClient_.moved() != lastMoved_) {
    watchHalfClose();
    return;
  }
  fail(Reason::HalfCloseTimeout, 0, endpoint_->peer(), "");
}

void OpaqueForward::onPolicyChanged() {
  // What a request of HTTP has opened was allowed as a request.
  if (routeId_ == 0) return;
  const Asker asker{.destination = *destination_, .client = client_->peer()};
  if (permitOf(worker_, asker) != Permit::Denied) return;
  noteTermination(worker_, asker);
  connector_.cancel();
  fail(Reason::Unauthorized, 0, {}, denialOf(worker_, asker));
}

void OpaqueForward::cut(Reason reason) {
  connector_.cancel();
  fail(reason, 0, {}, "");
}

void OpaqueForward::fail(Reason reason, int error, const SocketAddress& endpoint,
                         const std::string& detail) {
  const Direction direction = destination_->direction;
  worker_.countConnectionError(direction, reason, original_);
  contract::Failure failure;
  failure.direction = direction;
  failure.reason = reason;
  failure.detail = describeFailure({.reason = reason,
                                    .error = error,
                                    .detail = detail,
                                    .endpoint = endpoint,
                                    .authority = {},
                                    .route = {},
                                    .backend = {},
                                    .serverName = serverName_,
                                    .byServerName = byServerName_});
  failure.client = client_->peer();
  failure.originalDestination = original_;
  failure.targetId = destination_->targetId;
  failure.routeId = routeId_;
  failure.endpoint = endpoint;
  worker_.sink().fail(std::move(failure));
  client_->abort();
  if (endpoint_) endpoint_->abort();
  end(reason);
}

void OpaqueForward::end(Reason reason) {
  countRouteClose(worker_, routeUse(), reason);
  worker_.loop().cancel(halfClose_);
  TurnEnd::unlink();
  worker_.retire(*this);
}

}  // namespace mesh

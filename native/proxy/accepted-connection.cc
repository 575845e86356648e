// See accepted-connection.h.
#include "proxy/accepted-connection.h"

#include "base/clock.h"
#include "proxy/answer-rendering.h"
#include "proxy/error-response.h"
#include "proxy/http-connection.h"
#include "proxy/http2-server.h"
#include "proxy/inbound-policy.h"
#include "proxy/lingering-close.h"
#include "proxy/opaque-forward.h"
#include "proxy/opaque-route.h"

namespace mesh {

namespace {
constexpr size_t FIRST_READ_BYTES = 4'096;
// Clients that speak first do so at once. A dial for a client that is about to send a request would
// be one more connection than needed, so it waits for this long.
constexpr uint64_t CLIENT_FIRST_MS = 10;
}  // namespace

void AcceptedConnection::start(Worker& worker, const contract::Listen& listen, UniqueFd fd,
                               const SocketAddress& peer) {
  auto client = std::make_unique<SocketEnd>(worker.loop(), std::move(fd), peer);
  std::unique_ptr<AcceptedConnection> accepted(
      new AcceptedConnection(worker, listen, std::move(client)));
  AcceptedConnection& self = *accepted;
  worker.adopt(std::move(accepted));
  if (!self.client_->watch(self)) {
    self.refuse(Reason::Internal, "cannot be watched");
    return;
  }
  self.resolve();
}

AcceptedConnection::AcceptedConnection(Worker& worker, const contract::Listen& listen,
                                       std::unique_ptr<SocketEnd> client)
    : worker_(worker),
      direction_(listen.direction),
      source_(listen.source),
      fixedDestination_(listen.destinationId),
      fixedOriginal_(listen.originalDestination),
      acceptedNs_(monotonicNs()),
      client_(std::move(client)),
      timer_([](void* self) { static_cast<AcceptedConnection*>(self)->onTimeout(); }, this),
      grace_([](void* self) { static_cast<AcceptedConnection*>(self)->dialEarly(); }, this),
      connector_(worker, *this) {}

SocketAddress AcceptedConnection::learnOriginalDestination() const {
  switch (source_) {
    case contract::OriginalDestinationSource::CaptureMap: {
      if (worker_.capture() == nullptr) return {};
      Result<SocketAddress> original = worker_.capture()->takeOriginalDestination(client_->peer());
      return original ? original.value() : SocketAddress();
    }
    case contract::OriginalDestinationSource::LocalAddress:
      return localAddress(client_->fd());
    case contract::OriginalDestinationSource::SocketOption: {
      Result<SocketAddress> original = originalDestination(client_->fd(), client_->peer().family());
      return original ? original.value() : SocketAddress();
    }
    case contract::OriginalDestinationSource::Address:
      return fixedOriginal_;
    case contract::OriginalDestinationSource::Fixed:
    case contract::OriginalDestinationSource::HttpProxy:
    case contract::OriginalDestinationSource::Nowhere:
      return {};
  }
  return {};
}

void AcceptedConnection::resolve() {
  if (fixedDestination_ != 0) {
    std::shared_ptr<Destination> fixed = worker_.destination(fixedDestination_);
    if (!fixed) {
      refuse(Reason::NoRoute, "the listener's destination was removed");
      return;
    }
    onDestination(std::move(fixed));
    return;
  }
  original_ = learnOriginalDestination();
  if (!original_.valid()) {
    refuse(Reason::NoOriginalDestination, "");
    return;
  }
  if (worker_.isOwnAddress(original_)) {
    refuse(Reason::LoopRefused, original_.toString());
    return;
  }
  if (std::shared_ptr<Destination> known = worker_.destination(direction_, original_)) {
    onDestination(std::move(known));
    return;
  }
  phase_ = Phase::Parked;
  worker_.loop().schedule(timer_, worker_.settings().discoveryTimeoutMs);
  worker_.awaitDestination(direction_, original_, *this);
}

void AcceptedConnection::onDiscovered() {
  worker_.loop().cancel(timer_);
  std::shared_ptr<Destination> known = worker_.destination(direction_, original_);
  if (known) {
    onDestination(std::move(known));
  } else {
    refuse(Reason::DiscoveryFailed, "");
  }
}

void AcceptedConnection::onDiscoveryFailed(const std::string& detail) {
  worker_.loop().cancel(timer_);
  refuse(Reason::DiscoveryFailed, detail);
}

void AcceptedConnection::onDestination(std::shared_ptr<Destination> destination) {
  client_->count(destination->counters);
  destination_ = DestinationHold(std::move(destination), worker_.loop().nowMs());
  if (destination_->refusal != Reason::None) {
    shut(destination_->refusal, refusalDetail());
    return;
  }
  worker_.countProtocol(direction_, destination_->protocol);
  if (source_ == contract::OriginalDestinationSource::HttpProxy) {
    serveHttp();
    return;
  }
  switch (destination_->protocol) {
    case contract::Protocol::Opaque:
      forwardOpaque();
      return;
    case contract::Protocol::Http1:
      serveHttp();
      return;
    case contract::Protocol::Http2:
      serveHttp2();
      return;
    case contract::Protocol::Detect:
    case contract::Protocol::Tls:
      startDetecting();
      return;
  }
}

void AcceptedConnection::startDetecting() {
  // Where TLS is declared clients speak first: nothing is to be learned, or dialled early.
  const bool tls = destination_->protocol == contract::Protocol::Tls;
  if (!tls && destination_->learned == Learned::ServerFirst) {
    decided("server_first");
    forwardOpaque();
    return;
  }
  phase_ = Phase::Detecting;
  worker_.loop().schedule(timer_, destination_->detectTimeoutMs);
  detect();
  if (!tls && phase_ == Phase::Detecting && destination_->learned == Learned::Nothing) {
    worker_.loop().schedule(grace_, CLIENT_FIRST_MS);
  }
}

void AcceptedConnection::dialEarly() {
  if (phase_ != Phase::Detecting || !in_.empty()) return;
  // It may still turn out to be HTTP, which is judged request by request.
  if (permitOf(worker_, asker()) == Permit::Denied) return;
  // Without a target it is left to whoever serves the connection to say so.
  OpaqueRoute route = routeOpaque(worker_, defaultChoice(*destination_));
  if (!route.target) return;
  earlyRouteId_ = route.routeId;
  connector_.start(std::move(route.target), direction_, Reuse::Never);
}

void AcceptedConnection::onConnected(std::unique_ptr<EndpointConnection> connection,
                                     LoadToken load) {
  load.finish(worker_.loop().nowNs());
  early_ = std::move(connection);
  early_->socket().setHandler(*this);
  if (phase_ == Phase::Joining) {
    forwardOpaque();
  } else {
    detect();
  }
}

void AcceptedConnection::onConnectFailed(const ConnectFailure& failure) {
  // While nothing depends on it: whoever serves the connection dials again, and says what is wrong.
  if (phase_ == Phase::Joining) refuse(failure.reason, failure.detail);
}

void AcceptedConnection::keepEarlyDial() {
  destination_->learned = Learned::ClientFirst;
  connector_.cancel();
  if (early_) EndpointConnection::release(std::move(early_));
}

void AcceptedConnection::detect() {
  while (client_->readable()) {
    makeRoom();
    const IoCount got = client_->read(in_.tail(), in_.room());
    if (got.bytes < 0) {
      if (got.blocked()) return;
      decided("error");
      refuse(Reason::ClientReset, "");
      return;
    }
    if (got.bytes == 0) {
      // The client said all it had to say: whatever that was, it is not a request.
      onFound(Finding::Opaque);
      return;
    }
    in_.produced(static_cast<size_t>(got.bytes));
    const Finding finding = detector_.look(in_.view());
    if (finding == Finding::Unsure && in_.room() == 0) {
      // A first line longer than the buffer that could be a request so far: the parser will tell.
      onFound(Finding::Http1);
      return;
    }
    if (finding != Finding::Unsure && finding != Finding::PartOfHello) {
      onFound(finding);
      return;
    }
  }
  if (in_.empty() && early_ && early_->socket().readable()) {
    destination_->learned = Learned::ServerFirst;
    decided("server_first");
    forwardOpaque();
  }
}

void AcceptedConnection::makeRoom() {
  if (!in_) in_ = worker_.buffers().take(FIRST_READ_BYTES);
  if (in_.room() > 0) return;
  // Only a ClientHello is waited for beyond the first buffer; its size has a bound.
  Buffer larger = worker_.buffers().take(tls::MAX_CLIENT_HELLO_BYTES);
  larger.append(in_.view());
  in_ = std::move(larger);
}

void AcceptedConnection::onFound(Finding finding) {
  if (!in_.empty()) destination_->learned = Learned::ClientFirst;
  if (destination_->protocol == contract::Protocol::Tls && detector_.serverName().empty()) {
    decided("error");
    refuseNameless();
    return;
  }
  switch (finding) {
    case Finding::Http1:
      decided("http/1");
      serveHttp();
      return;
    case Finding::Http2:
      decided("http/2");
      serveHttp2();
      return;
    case Finding::Tls:
      decided("tls");
      forwardOpaque();
      return;
    case Finding::Opaque:
    case Finding::PartOfHello:
    case Finding::Unsure:
      decided(in_.empty() ? "no_bytes" : "not_http");
      forwardOpaque();
      return;
  }
}

// Reference §4.2: where TLS is declared, the name of the server must be there.
void AcceptedConnection::refuseNameless() {
  if (in_.empty()) {
    refuse(Reason::ClientClosed, "");
  } else {
    refuse(Reason::NoRoute, "Could not find SNI");
  }
}

void AcceptedConnection::decided(const char* result) {
  worker_.countDetected(direction_, result, monotonicNs() - acceptedNs_);
}

void AcceptedConnection::forwardOpaque() {
  worker_.loop().cancel(timer_);
  if (connector_.active()) {
    // Its bytes go where the dial under way goes.
    phase_ = Phase::Joining;
    return;
  }
  if (admitConnection(worker_, asker()) == Permit::Denied) {
    shut(Reason::Unauthorized, denialOf(worker_, asker()));
    return;
  }
  phase_ = Phase::Ended;
  if (early_) {
    OpaqueForward::join(worker_, std::move(destination_), original_, std::move(client_),
                        std::move(in_), EndpointConnection::takeSocket(std::move(early_)), Buffer(),
                        detector_.serverName(), earlyRouteId_);
  } else {
    OpaqueForward::startDialling(worker_, std::move(destination_), original_, std::move(client_),
                                 std::move(in_), detector_.serverName());
  }
  end();
}

void AcceptedConnection::serveHttp() {
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  keepEarlyDial();
  const HttpMode mode = source_ == contract::OriginalDestinationSource::HttpProxy
                            ? HttpMode::ForwardProxy
                            : HttpMode::Transparent;
  HttpConnection::start(worker_, mode, std::move(destination_), original_, std::move(client_),
                        std::move(in_));
  end();
}

void AcceptedConnection::serveHttp2() {
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  keepEarlyDial();
  Http2Server::start(worker_, std::move(destination_), original_, std::move(client_),
                     std::move(in_));
  end();
}

void AcceptedConnection::refuse(Reason reason, const std::string& detail) {
  const uint32_t routeId = phase_ == Phase::Joining ? earlyRouteId_ : 0;
  const OpaqueRouteUse use{
      .direction = direction_, .routeId = routeId, .original = original_, .serverName = {}};
  countRouteOpen(worker_, use);
  countRouteClose(worker_, use, reason);
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  worker_.countConnectionError(direction_, reason, original_);
  const Answer answer = answerOf(reason, detail);
  contract::Failure failure = failureOf(reason, answer);
  failure.routeId = routeId;
  if (reason != Reason::ClientReset && speaksHttp1()) {
    failure.status = answer.status;
    const bool emit = worker_.settings().emitErrorHeaders && direction_ == Direction::Outbound;
    const std::string response =
        http1Answer(answer, {.clientMinorVersion = 1, .keepAlive = false, .emitHeaders = emit});
    Buffer rest = worker_.buffers().take(response.size());
    rest.append(response);
    LingeringClose::start(worker_, std::move(client_), std::move(rest));
  } else {
    client_->abort();
  }
  worker_.sink().fail(std::move(failure));
  end();
}

void AcceptedConnection::shut(Reason reason, const std::string& detail) {
  worker_.loop().cancel(timer_);
  worker_.countConnectionError(direction_, reason, original_);
  worker_.sink().fail(failureOf(reason, answerOf(reason, detail)));
  client_->abort();
  end();
}

std::string AcceptedConnection::refusalDetail() const {
  const std::string& given = destination_->refusalDetail;
  if (!given.empty() || destination_->refusal != Reason::AddressNotAllowed || !original_.valid()) {
    return given;
  }
  return "inbound connections are not allowed on this IP address (" + original_.ipToString() + ")";
}

Answer AcceptedConnection::answerOf(Reason reason, const std::string& detail) const {
  return answerFor({.reason = reason,
                    .error = client_->error(),
                    .detail = detail,
                    .endpoint = {},
                    .authority = {},
                    .route = {},
                    .backend = {},
                    .serverName = detector_.serverName()});
}

contract::Failure AcceptedConnection::failureOf(Reason reason, const Answer& answer) const {
  contract::Failure failure;
  failure.direction = direction_;
  failure.reason = reason;
  failure.detail = answer.message;
  failure.client = client_->peer();
  failure.originalDestination = original_;
  return failure;
}

bool AcceptedConnection::speaksHttp1() {
  if (client_->readable() && (!in_ || in_.room() > 0)) {
    makeRoom();
    const IoCount got = client_->read(in_.tail(), in_.room());
    if (got.bytes > 0) in_.produced(static_cast<size_t>(got.bytes));
  }
  return ProtocolDetector().look(in_.view()) == Finding::Http1;
}

void AcceptedConnection::onTimeout() {
  if (phase_ == Phase::Parked) {
    DiscoveryWaiter::unlink();
    refuse(Reason::DiscoveryTimeout, original_.toString());
  } else if (phase_ == Phase::Detecting) {
    decided("read_timeout");
    if (destination_->protocol == contract::Protocol::Tls) {
      refuse(Reason::DetectTimeout, "SNI detection timed out");
      return;
    }
    // Nothing that depends on HTTP is decided here, so the bytes may go on uninspected.
    forwardOpaque();
  }
}

void AcceptedConnection::onIo(uint32_t) {
  if (phase_ == Phase::Detecting) {
    detect();
  } else if (phase_ != Phase::Ended && client_->failed()) {
    // Gone before it was known where to, or before the endpoint was there.
    DiscoveryWaiter::unlink();
    refuse(Reason::ClientReset, "");
  }
}

void AcceptedConnection::onDrain() {
  // Accepted before the drain began: it is served.
}

void AcceptedConnection::cut(Reason reason) {
  DiscoveryWaiter::unlink();
  refuse(reason, "");
}

void AcceptedConnection::end() {
  phase_ = Phase::Ended;
  connector_.cancel();
  if (early_) EndpointConnection::end(std::move(early_));
  worker_.retire(*this);
}

}  // namespace mesh

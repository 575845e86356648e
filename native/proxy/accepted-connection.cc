// See accepted-connection.h.
#include "proxy/accepted-connection.h"

#include "http1/parser.h"
#include "proxy/error-response.h"
#include "proxy/http-connection.h"
#include "proxy/http2-server.h"
#include "proxy/lingering-close.h"
#include "proxy/opaque-forward.h"

namespace mesh {

namespace {
constexpr size_t FIRST_READ_BYTES = 4'096;
// Clients that speak first do so at once. A dial for a client that is about to send a request would
// be one more connection than needed, so it waits for this long.
constexpr uint64_t CLIENT_FIRST_MS = 10;
// RFC 9113 §3.4.
constexpr std::string_view HTTP2_PREFACE = "PRI * HTTP/2.0";

enum class Guess { Http1, Http2, Opaque, Unsure };

// A request line decides; until it is complete it could still be anything that begins alike.
Guess guessProtocol(std::string_view bytes) {
  const size_t compared = std::min(bytes.size(), HTTP2_PREFACE.size());
  if (bytes.substr(0, compared) == HTTP2_PREFACE.substr(0, compared)) {
    return compared == HTTP2_PREFACE.size() ? Guess::Http2 : Guess::Unsure;
  }
  if (!http1::couldBeRequest(bytes)) return Guess::Opaque;
  return bytes.find('\n') != std::string_view::npos ? Guess::Http1 : Guess::Unsure;
}
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
    case contract::OriginalDestinationSource::Fixed:
    case contract::OriginalDestinationSource::HttpProxy:
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
    case contract::Protocol::Detect:
      startDetecting();
      return;
  }
}

void AcceptedConnection::startDetecting() {
  if (destination_->learned == Learned::ServerFirst) {
    worker_.countDetected(direction_, "server_first");
    forwardOpaque();
    return;
  }
  phase_ = Phase::Detecting;
  worker_.loop().schedule(timer_, destination_->detectTimeoutMs);
  detect();
  if (phase_ == Phase::Detecting && destination_->learned == Learned::Nothing) {
    worker_.loop().schedule(grace_, CLIENT_FIRST_MS);
  }
}

void AcceptedConnection::dialEarly() {
  if (phase_ != Phase::Detecting || !in_.empty()) return;
  std::shared_ptr<Target> target = worker_.target(destination_->targetId);
  if (target) connector_.start(std::move(target), direction_, Reuse::Never);
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
    if (!in_) in_ = worker_.buffers().take(FIRST_READ_BYTES);
    const IoCount got = client_->read(in_.tail(), in_.room());
    if (got.bytes < 0) {
      if (got.blocked()) return;
      refuse(Reason::ClientReset, "");
      return;
    }
    if (got.bytes == 0) {
      // The client said all it had to say: whatever that was, it is not a request.
      worker_.countDetected(direction_, in_.empty() ? "no_bytes" : "not_http");
      forwardOpaque();
      return;
    }
    in_.produced(static_cast<size_t>(got.bytes));
    const Guess guess = guessProtocol(in_.view());
    if (guess == Guess::Opaque) {
      destination_->learned = Learned::ClientFirst;
      worker_.countDetected(direction_, "not_http");
      forwardOpaque();
      return;
    }
    if (guess == Guess::Http2) {
      worker_.countDetected(direction_, "http/2");
      serveHttp2();
      return;
    }
    // A first line longer than the buffer that could be a request so far: the parser will tell.
    if (guess == Guess::Http1 || in_.room() == 0) {
      worker_.countDetected(direction_, "http/1");
      serveHttp();
      return;
    }
  }
  if (in_.empty() && early_ && early_->socket().readable()) {
    destination_->learned = Learned::ServerFirst;
    worker_.countDetected(direction_, "server_first");
    forwardOpaque();
  }
}

void AcceptedConnection::forwardOpaque() {
  worker_.loop().cancel(timer_);
  if (connector_.active()) {
    // Its bytes go where the dial under way goes.
    phase_ = Phase::Joining;
    return;
  }
  phase_ = Phase::Ended;
  if (early_) {
    OpaqueForward::join(worker_, std::move(destination_), original_, std::move(client_),
                        std::move(in_), EndpointConnection::takeSocket(std::move(early_)),
                        Buffer());
  } else {
    OpaqueForward::startDialling(worker_, std::move(destination_), original_, std::move(client_),
                                 std::move(in_));
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
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  worker_.countConnectionError(direction_, reason);
  const FailureFacts facts{.reason = reason,
                           .error = client_->error(),
                           .detail = detail,
                           .endpoint = {},
                           .authority = {}};
  uint16_t status = 0;
  if (reason != Reason::ClientReset && client_->readable()) {
    if (!in_) in_ = worker_.buffers().take(FIRST_READ_BYTES);
    const IoCount got = client_->read(in_.tail(), in_.room());
    if (got.bytes > 0) in_.produced(static_cast<size_t>(got.bytes));
    if (!in_.empty() && guessProtocol(in_.view()) == Guess::Http1) status = statusOf(reason);
  }
  contract::Failure failure;
  failure.direction = direction_;
  failure.reason = reason;
  failure.detail = describeFailure(facts);
  failure.client = client_->peer();
  failure.originalDestination = original_;
  failure.status = status;
  if (status != 0) {
    const bool emit = worker_.settings().emitErrorHeaders && direction_ == Direction::Outbound;
    const std::string response = errorResponse(status, failure.detail, emit);
    Buffer rest = worker_.buffers().take(response.size());
    rest.append(response);
    LingeringClose::start(worker_, std::move(client_), std::move(rest));
  } else {
    client_->abort();
  }
  worker_.sink().fail(std::move(failure));
  end();
}

void AcceptedConnection::onTimeout() {
  if (phase_ == Phase::Parked) {
    DiscoveryWaiter::unlink();
    refuse(Reason::DiscoveryTimeout, original_.toString());
  } else if (phase_ == Phase::Detecting) {
    // Nothing that depends on HTTP is decided here, so the bytes may go on uninspected.
    worker_.countDetected(direction_, "read_timeout");
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

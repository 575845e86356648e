// See accepted-connection.h.
#include "proxy/accepted-connection.h"

#include "http1/parser.h"
#include "proxy/error-response.h"
#include "proxy/http-connection.h"
#include "proxy/lingering-close.h"
#include "proxy/opaque-forward.h"

namespace mesh {

namespace {
constexpr size_t FIRST_READ_BYTES = 4'096;
// RFC 9113 §3.4. HTTP/2 is forwarded without looking into it.
constexpr std::string_view HTTP2_PREFACE = "PRI * HTTP/2.0";

enum class Guess { Http1, Opaque, Unsure };

// A request line decides; until it is complete it could still be anything that begins alike.
Guess guessProtocol(std::string_view bytes) {
  const size_t compared = std::min(bytes.size(), HTTP2_PREFACE.size());
  if (bytes.substr(0, compared) == HTTP2_PREFACE.substr(0, compared)) {
    return compared == HTTP2_PREFACE.size() ? Guess::Opaque : Guess::Unsure;
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
      timer_([](void* self) { static_cast<AcceptedConnection*>(self)->onTimeout(); }, this) {}

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
      phase_ = Phase::Detecting;
      worker_.loop().schedule(timer_, destination_->detectTimeoutMs);
      detect();
      return;
  }
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
      worker_.countDetected(direction_, "not_http");
      forwardOpaque();
      return;
    }
    // A first line longer than the buffer that could be a request so far: the parser will tell.
    if (guess == Guess::Http1 || in_.room() == 0) {
      worker_.countDetected(direction_, "http/1");
      serveHttp();
      return;
    }
  }
}

void AcceptedConnection::forwardOpaque() {
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  OpaqueForward::startDialling(worker_, std::move(destination_), original_, std::move(client_),
                               std::move(in_));
  end();
}

void AcceptedConnection::serveHttp() {
  phase_ = Phase::Ended;
  worker_.loop().cancel(timer_);
  const HttpMode mode = source_ == contract::OriginalDestinationSource::HttpProxy
                            ? HttpMode::ForwardProxy
                            : HttpMode::Transparent;
  HttpConnection::start(worker_, mode, std::move(destination_), original_, std::move(client_),
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
  } else if (phase_ == Phase::Parked && client_->failed()) {
    // Gone before it was known where to.
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
  worker_.retire(*this);
}

}  // namespace mesh

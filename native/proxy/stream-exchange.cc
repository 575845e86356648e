// See stream-exchange.h.
#include "proxy/stream-exchange.h"

#include "proxy/authority-route.h"
#include "proxy/http1-endpoint-stream.h"
#include "proxy/http2-endpoint-stream.h"
#include "proxy/http2-server.h"

namespace mesh {

namespace {
// A request that was not processed is sent again; an endpoint that refuses every time is not an
// endpoint that will take it.
constexpr uint8_t MAX_REPLAYS = 2;

// Reference §7.1: HTTP/2, and a content-type that begins so.
bool isGrpc(const RequestHead& head) {
  for (const Field& field : head.fields) {
    if (equalsIgnoreCase(field.name, "content-type")) {
      return field.value.starts_with("application/grpc");
    }
  }
  return false;
}

void addField(FieldTable& fields, std::string_view name, std::string_view value) {
  fields.items[fields.count++] = {.name = name, .value = value, .id = FieldId::Other};
}
}  // namespace

StreamExchange::StreamExchange(Http2Server& server, http2::StreamId stream, const RequestHead& head,
                               http2::End end)
    : server_(server),
      worker_(server.worker()),
      stream_(stream),
      grpc_(isGrpc(head)),
      requestEnded_(end == http2::End::Last),
      connector_(worker_, *this),
      timer_([](void* self) { static_cast<StreamExchange*>(self)->onTimeout(); }, this) {
  request_.store(head);
}

void StreamExchange::begin() { route(); }

// ---------------------------------------------------------------- routing

void StreamExchange::route() {
  const AuthorityRoute answer =
      routeByAuthority(worker_, server_.destination(), request_.authority(), authority_, *this);
  if (answer.parked) {
    worker_.loop().schedule(timer_, worker_.settings().discoveryTimeoutMs);
    return;
  }
  target_ = answer.choice.targetId == 0 ? nullptr : worker_.target(answer.choice.targetId);
  if (!target_) {
    fail({.reason = Reason::NoRoute,
          .error = 0,
          .detail = authority_,
          .endpoint = {},
          .authority = {}});
    return;
  }
  connect();
}

void StreamExchange::onDiscovered() {
  worker_.loop().cancel(timer_);
  route();
}

void StreamExchange::onDiscoveryFailed(const std::string& detail) {
  worker_.loop().cancel(timer_);
  fail({.reason = Reason::DiscoveryFailed,
        .error = 0,
        .detail = detail.empty() ? authority_ : authority_ + ": " + detail,
        .endpoint = {},
        .authority = {}});
}

void StreamExchange::onTimeout() {
  if (state_ == State::Routing) {
    DiscoveryWaiter::unlink();
    fail({.reason = Reason::DiscoveryTimeout,
          .error = 0,
          .detail = authority_,
          .endpoint = {},
          .authority = {}});
  } else if (state_ == State::Relaying) {
    fail({.reason = Reason::ResponseHeadersTimeout,
          .error = 0,
          .detail = "",
          .endpoint = endpoint_->endpoint(),
          .authority = target_->settings().authority});
  }
}

// ---------------------------------------------------------------- to the endpoint

void StreamExchange::connect() {
  state_ = State::Connecting;
  const bool http1 = target_->settings().endpointProtocol == contract::EndpointProtocol::Http1;
  if (http1 && request_.method() == Method::Connect) {
    fail({.reason = Reason::NoRoute,
          .error = 0,
          .detail = "CONNECT cannot be translated",
          .endpoint = {},
          .authority = target_->settings().authority});
    return;
  }
  const Reuse first = replays_ == 0 ? Reuse::Allowed : Reuse::Never;
  connector_.start(target_, server_.destination().direction, http1 ? first : Reuse::Shared);
}

void StreamExchange::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  relay(std::make_unique<Http1EndpointStream>(worker_, *this, std::move(connection)),
        std::move(load));
}

void StreamExchange::onHttp2(Http2Client& client, LoadToken load) {
  relay(std::make_unique<Http2EndpointStream>(worker_, *this, client), std::move(load));
}

void StreamExchange::onConnectFailed(const ConnectFailure& failure) {
  fail({.reason = failure.reason,
        .error = failure.error,
        .detail = failure.detail,
        .endpoint = failure.endpoint,
        .authority = target_->settings().authority});
}

void StreamExchange::relay(std::unique_ptr<EndpointStream> stream, LoadToken load) {
  endpoint_ = std::move(stream);
  load_ = std::move(load);
  startedNs_ = worker_.loop().nowNs();
  state_ = State::Relaying;
  endpoint_->counters().requested();
  RequestHead& head = worker_.requestHead();
  request_.load(head);
  endpoint_->start(head, requestEnded_ && body_.empty());
  advance();
}

// ---------------------------------------------------------------- relaying

void StreamExchange::onData(std::string_view data) {
  if (state_ == State::Over) {
    server_.session().consumed(stream_, data.size());
    return;
  }
  // Bounded by the stream's window, which is opened only as the data goes on.
  if (!body_) body_ = worker_.buffers().take(data.size());
  if (body_.room() < data.size()) body_.compact();
  if (body_.room() < data.size()) {
    Buffer larger = worker_.buffers().take(body_.size() + data.size());
    larger.append(body_.view());
    body_ = std::move(larger);
  }
  body_.append(data);
  advance();
}

void StreamExchange::onEnd(const FieldTable& trailers) {
  requestEnded_ = true;
  requestTrailers_.store(trailers);
  advance();
}

void StreamExchange::advance() {
  if (state_ != State::Relaying) return;
  again_ = true;
  // Relaying one side may bring news of the other: the loop below sees to it.
  if (advancing_) return;
  advancing_ = true;
  while (again_ && state_ == State::Relaying) {
    again_ = false;
    relayRequest();
    if (state_ == State::Relaying) relayResponse();
  }
  advancing_ = false;
}

void StreamExchange::relayRequest() {
  if (endpoint_->requestSent()) return;
  FieldTable& trailers = worker_.requestHead().fields;
  trailers.count = 0;
  if (requestEnded_) requestTrailers_.load(trailers);
  const size_t before = body_.size();
  endpoint_->send(body_, requestEnded_, trailers);
  const size_t sent = before - body_.size();
  if (sent > 0) {
    bodySent_ = true;
    server_.session().consumed(stream_, sent);
    server_.flushLater();
  }
  if (body_.empty()) body_.release();
  const uint32_t timeout = target_->settings().responseTimeoutMs;
  if (timeout != 0 && status_ == 0 && endpoint_->requestSent() && !timer_.armed()) {
    worker_.loop().schedule(timer_, timeout);
  }
}

void StreamExchange::relayResponse() {
  while (state_ == State::Relaying) {
    switch (endpoint_->next()) {
      case EndpointStream::Next::Nothing:
        return;
      case EndpointStream::Next::Head:
        relayHead();
        break;
      case EndpointStream::Next::Data:
        if (!relayData()) return;
        break;
      case EndpointStream::Next::End:
        tookFirstByte();
        server_.session().sendEnd(stream_, &endpoint_->trailers());
        complete();
        return;
      case EndpointStream::Next::Failed:
        onStreamFailed();
        return;
    }
  }
}

void StreamExchange::relayHead() {
  const ResponseHead& head = endpoint_->head();
  if (head.status < 200) {
    server_.session().respond(stream_, head, http2::End::More, false);
    server_.flushLater();
    return;
  }
  worker_.loop().cancel(timer_);
  status_ = head.status;
  const bool last = endpoint_->headIsAll();
  server_.session().respond(stream_, head, last ? http2::End::Last : http2::End::More, false);
  server_.flushLater();
  if (last) {
    tookFirstByte();
    complete();
  }
}

bool StreamExchange::relayData() {
  tookFirstByte();
  const std::string_view data = endpoint_->data();
  const size_t taken = server_.session().sendData(stream_, data);
  if (taken > 0) {
    endpoint_->consumed(taken);
    server_.flushLater();
  }
  return taken == data.size();
}

void StreamExchange::tookFirstByte() {
  if (latencyTaken_) return;
  latencyTaken_ = true;
  const uint64_t now = worker_.loop().nowNs();
  load_.finish(now);
  endpoint_->counters().latency(status_, (now - startedNs_) / 1'000'000);
}

void StreamExchange::complete() {
  endpoint_->counters().responded(status_, Reason::None);
  // RFC 9113 §8.1: the rest of the request is not wanted.
  if (!requestEnded_) server_.session().reset(stream_, http2::ErrorCode::NoError);
  server_.flushLater();
  end();
}

// ---------------------------------------------------------------- failures

void StreamExchange::onReset() {
  if (state_ == State::Over) return;
  abandon(Reason::ClientReset);
}

void StreamExchange::abandon(Reason reason) {
  if (endpoint_ && status_ != 0) endpoint_->counters().responded(status_, Reason::None);
  worker_.countRequestError(server_.destination().direction, reason);
  end();
}

void StreamExchange::onStreamFailed() {
  const StreamFailure failure = endpoint_->failure();
  if (failure.unprocessed && !bodySent_ && status_ == 0 && replays_ < MAX_REPLAYS) {
    ++replays_;
    worker_.recorder().add(target_->replaySeries(server_.destination().direction));
    load_.abandon();
    endpoint_->close();
    worker_.loop().destroyLater(std::move(endpoint_));
    worker_.loop().cancel(timer_);
    connect();
    return;
  }
  const FailureFacts facts{.reason = failure.reason,
                           .error = failure.error,
                           .detail = failure.detail,
                           .endpoint = endpoint_->endpoint(),
                           .authority = target_->settings().authority};
  if (failure.resetCode != 0 || status_ != 0) {
    // What the endpoint did to the stream is done to the client's; a response cut short without a
    // code must not look complete either.
    endpoint_->counters().responded(status_ != 0 ? status_ : statusOf(facts.reason), facts.reason);
    worker_.countRequestError(server_.destination().direction, facts.reason);
    report(facts, 0);
    const auto code = failure.resetCode != 0 ? static_cast<http2::ErrorCode>(failure.resetCode)
                                             : http2::ErrorCode::InternalError;
    server_.session().reset(stream_, code);
    server_.flushLater();
    end();
    return;
  }
  fail(facts);
}

void StreamExchange::fail(const FailureFacts& facts) {
  const uint16_t status = statusOf(facts.reason);
  if (endpoint_) endpoint_->counters().responded(status, facts.reason);
  worker_.countRequestError(server_.destination().direction, facts.reason);
  report(facts, status);
  respond(facts, status);
  end();
}

void StreamExchange::respond(const FailureFacts& facts, uint16_t status) {
  const bool emit =
      worker_.settings().emitErrorHeaders && server_.destination().direction == Direction::Outbound;
  const std::string text = describeFailure(facts);
  const std::string_view message = fieldValueOf(text);
  const std::string grpcStatus = std::to_string(grpcStatusOf(facts.reason));
  ResponseHead& head = worker_.responseHead();
  head.status = grpc_ ? 200 : status;
  head.fields.count = 0;
  addField(head.fields, "content-length", "0");
  if (grpc_) {
    addField(head.fields, "content-type", "application/grpc");
    addField(head.fields, "grpc-status", grpcStatus);
    if (emit) addField(head.fields, "grpc-message", message);
  }
  if (emit) {
    addField(head.fields, "l5d-proxy-error", message);
    addField(head.fields, "l5d-proxy-connection", "close");
  }
  server_.session().respond(stream_, head, http2::End::Last, true);
  if (!requestEnded_) server_.session().reset(stream_, http2::ErrorCode::NoError);
  // Reference §7.1: such an error also shuts the client's connection down gracefully.
  server_.shutDown();
}

void StreamExchange::report(const FailureFacts& facts, uint16_t status) {
  contract::Failure failure;
  failure.direction = server_.destination().direction;
  failure.reason = facts.reason;
  failure.detail = describeFailure(facts);
  failure.client = server_.client();
  failure.originalDestination = server_.original();
  failure.targetId = target_ ? target_->settings().id : 0;
  failure.endpoint = facts.endpoint;
  failure.method = request_.methodText();
  failure.path = request_.path().substr(0, request_.path().find('?'));
  failure.status = status;
  worker_.sink().fail(std::move(failure));
}

void StreamExchange::end() {
  if (state_ == State::Over) return;
  state_ = State::Over;
  worker_.loop().cancel(timer_);
  DiscoveryWaiter::unlink();
  connector_.cancel();
  load_.abandon();
  if (!body_.empty()) server_.session().consumed(stream_, body_.size());
  body_.release();
  if (endpoint_) {
    endpoint_->close();
    worker_.loop().destroyLater(std::move(endpoint_));
  }
  server_.forget(stream_);
}

}  // namespace mesh

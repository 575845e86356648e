// The way to the endpoint and the relaying of both messages; see exchange.h.
#include "proxy/exchange.h"

#include <algorithm>

#include "proxy/authority-route.h"
#include "proxy/http1-endpoint-stream.h"
#include "proxy/http2-endpoint-stream.h"
#include "proxy/remote-error.h"
#include "route/classify.h"

namespace mesh {

using contract::EndpointProtocol;

namespace {
// What is kept of a body that no route wants to send again: an endpoint may still refuse it unread.
constexpr size_t UNPROCESSED_KEPT_BYTES = 65'536;

// Only a proxy of the mesh on the way in may say what a request was.
OrigProto origProtoOf(ClientStream& client, const RequestHead& head) {
  const bool heard = client.speaksHttp2() && client.destination().direction == Direction::Inbound;
  return heard ? readOrigProto(head.fields) : OrigProto();
}
}  // namespace

Exchange::Exchange(ClientStream& client, const RequestHead& head, bool ended)
    : client_(client),
      worker_(client.worker()),
      origProto_(origProtoOf(client, head)),
      grpc_(client.speaksHttp2() && route::isGrpcRequest(head.fields)),
      arrivedMs_(worker_.loop().nowMs()),
      requestEnded_(ended),
      body_(worker_.buffers()),
      connector_(worker_, *this),
      deadline_([](void* self) { static_cast<Exchange*>(self)->onClock(); }, this),
      wait_([](void* self) { static_cast<Exchange*>(self)->onWaitOver(); }, this) {
  request_.store(head);
}

// ---------------------------------------------------------------- routing

void Exchange::begin() {
  if (const auto shed = enterFlight(worker_, client_.destination().direction, route_)) {
    refuse(*shed);
  } else {
    route();
  }
}

void Exchange::begin(RequestRoute route, route::RequestPolicy policy) {
  route_ = std::move(route);
  policy_ = std::move(policy);
  start();
}

void Exchange::route() {
  const AuthorityRoute answer =
      routeByAuthority(worker_, client_.destination(), request_.authority(), authority_, *this);
  if (answer.parked) {
    worker_.loop().schedule(wait_, worker_.settings().discoveryTimeoutMs);
    return;
  }
  follow(answer.choice);
}

void Exchange::follow(const RouteChoice& choice) {
  RequestHead& head = worker_.requestHead();
  request_.load(head);
  const Asker asker{.destination = client_.destination(), .client = client_.client()};
  const std::optional<Refusal> refusal = findRoute(worker_, choice, asker, head, route_, policy_);
  const route::Rule* rule = route_.rule;
  if (rule != nullptr && (!rule->filters.empty() || rule->allowRequestOverrides)) {
    // What the rule has changed holds for every try. The head still stands in what it replaces.
    StoredRequest changed;
    changed.store(head);
    request_ = std::move(changed);
  }
  if (refusal) {
    refuse(*refusal);
    return;
  }
  start();
}

void Exchange::start() {
  size_t kept = UNPROCESSED_KEPT_BYTES;
  if (policy_.retry) {
    kept = std::max<uint64_t>(
        kept, std::min<uint64_t>(policy_.retry->maxRequestBytes, RequestBody::MOST_KEPT_BYTES));
    if (policy_.retry->budget) policy_.retry->budget->deposit(arrivedMs_);
  }
  body_.keep(kept);
  clock_.begin(policy_.timeouts, arrivedMs_);
  armClock();
  attempt();
}

void Exchange::attempt() {
  ++tries_;
  askedMs_ = 0;
  grpcStatus_ = -1;
  grpcUntold_ = false;
  tryOver_ = false;
  latencyTaken_ = false;
  backendHead_.reset();
  if (const std::optional<Refusal> refusal = chooseBackend(worker_, route_)) {
    refuse(*refusal);
    return;
  }
  if (route_.backend != nullptr && !route_.backend->filters.empty()) {
    RequestHead& head = worker_.requestHead();
    request_.load(head);
    if (const std::optional<Refusal> refusal = filterForBackend(worker_, route_, head)) {
      refuse(*refusal);
      return;
    }
    backendHead_ = std::make_unique<StoredRequest>();
    backendHead_->store(head);
  }
  tryBegun_ = true;
  countTryBegin(route_);
  connect();
}

void Exchange::onDiscovered() {
  worker_.loop().cancel(wait_);
  route();
}

void Exchange::onDiscoveryFailed(const std::string& detail) {
  worker_.loop().cancel(wait_);
  fail(facts(Reason::DiscoveryFailed, detail.empty() ? authority_ : authority_ + ": " + detail));
}

// ---------------------------------------------------------------- to the endpoint

// With AsClient the last word is that of the endpoint that is picked: it may take HTTP/1 over HTTP/2.
void Exchange::connect() {
  state_ = State::Connecting;
  const EndpointProtocol spoken = route_.target->settings().endpointProtocol;
  const bool asHttp1 = spoken == EndpointProtocol::AsClient && isHttp1();
  const bool http1 = asHttp1 || spoken == EndpointProtocol::Http1;
  if (http1 && request_.method() == Method::Connect && request_.protocol() != "websocket") {
    fail(facts(Reason::NoRoute, "CONNECT cannot be translated"));
    return;
  }
  const Reuse first = replays_ == 0 ? Reuse::Allowed : Reuse::Never;
  connector_.start(route_.target, client_.destination().direction, http1 ? first : Reuse::Shared,
                   failedAt_, asHttp1 ? OverHttp2::WhereTaken : OverHttp2::No);
}

void Exchange::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  http1_ = true;
  relay(std::make_unique<Http1EndpointStream>(worker_, *this, std::move(connection)),
        std::move(load));
}

void Exchange::onHttp2(Http2Client& client, LoadToken load) {
  http1_ = false;
  relay(std::make_unique<Http2EndpointStream>(worker_, *this, client), std::move(load));
}

void Exchange::relay(std::unique_ptr<EndpointStream> stream, LoadToken load) {
  endpoint_ = std::move(stream);
  load_ = std::move(load);
  startedNs_ = worker_.loop().nowNs();
  state_ = State::Relaying;
  endpoint_->counters().requested();
  countTry(route_);
  RequestHead& head = worker_.requestHead();
  (backendHead_ ? *backendHead_ : request_).load(head);
  prepareHead(head);
  endpoint_->start(head, requestEnded_ && body_.empty());
  advance();
}

// ---------------------------------------------------------------- relaying

void Exchange::onData(std::string_view data) {
  if (state_ == State::Over) {
    client_.consumed(data.size());
    return;
  }
  countRequestFrame(route_, data.size());
  // Bounded by the client's half, which lets in more only as this goes on.
  body_.append(data);
  advance();
}

void Exchange::onEnd(const FieldTable& trailers) {
  if (state_ == State::Over) return;
  requestEnded_ = true;
  requestTrailers_.store(trailers);
  advance();
}

void Exchange::advance() {
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

void Exchange::relayRequest() {
  if (endpoint_->requestSent()) {
    if (askedMs_ == 0) askedWhole();
    return;
  }
  FieldTable& trailers = worker_.requestHead().fields;
  trailers.count = 0;
  if (requestEnded_) requestTrailers_.load(trailers);
  const size_t sent = body_.send(*endpoint_, requestEnded_, trailers);
  if (sent > 0) {
    clock_.moved(worker_.loop().nowMs());
    client_.consumed(sent);
  }
  if (state_ != State::Relaying || askedMs_ != 0) return;
  if (endpoint_->requestSent() || request_.method() == Method::Connect) askedWhole();
}

// From now on the endpoint is waited for.
void Exchange::askedWhole() {
  const uint64_t now = worker_.loop().nowMs();
  askedMs_ = now;
  if (status_ != 0) return;
  uint32_t headersMs = route_.target->settings().responseTimeoutMs;
  // Reference §4.9: the last try may take as long as it will.
  if (policy_.retry && policy_.retry->timeoutMs != 0 && policy_.retry->allowsAfter(tries_)) {
    const uint32_t perTry = policy_.retry->timeoutMs;
    headersMs = headersMs == 0 ? perTry : std::min(headersMs, perTry);
  }
  clock_.requestSent(headersMs, now);
  armClock();
}

void Exchange::relayResponse() {
  while (state_ == State::Relaying) {
    switch (endpoint_->next()) {
      case EndpointStream::Next::Nothing:
        watchTunnel();
        return;
      case EndpointStream::Next::Head:
        relayHead();
        break;
      case EndpointStream::Next::Data:
        if (held_) {
          // With a message it is the answer, whatever its trailers will say.
          if (tries_ > 1) countRetry(route_, RetryStep::Saved);
          passHeld();
        }
        if (state_ != State::Relaying || !relayData()) return;
        break;
      case EndpointStream::Next::End:
        if (held_) {
          if (triesAgainAfterTrailers()) return;
          passHeld();
          if (state_ != State::Relaying) return;
        }
        onResponseEnd();
        return;
      case EndpointStream::Next::Failed:
        onStreamFailed();
        return;
    }
  }
}

void Exchange::relayHead() {
  const ResponseHead& given = endpoint_->head();
  if (given.status < 200) {
    const bool says = given.fields.find(FieldId::L5dOrigProto) != nullptr;
    client_.respond(says ? rewriteHead(given, false) : given, false, Origin::Endpoint);
    return;
  }
  noteRemoteError(worker_, client_.destination().direction, given.fields, endpoint_->endpoint());
  clock_.headersCame();
  clock_.moved(worker_.loop().nowMs());
  learn(given);
  const bool last = endpoint_->headIsAll();
  if (triesAgainAfter(given, last)) return;
  passHead(given, last);
}

void Exchange::passHeld() {
  const std::unique_ptr<StoredResponse> held = std::move(held_);
  ResponseHead& head = worker_.responseHead();
  held->load(head);
  passHead(head, heldIsAll_);
}

void Exchange::passHead(const ResponseHead& given, bool last) {
  // To the mesh's other proxy, for which the request was of HTTP/1 and the response is, too.
  const bool tells = origProto_.said && (http1_ || toldOrigProto_);
  const bool says = given.fields.find(FieldId::L5dOrigProto) != nullptr;
  const ResponseHead* head = tells || says ? &rewriteHead(given, tells) : &given;
  if (filtersResponses(route_)) {
    ResponseHead& changed = changeable(*head);
    if (const std::optional<Refusal> refusal = filterResponse(route_, changed.fields)) {
      fail(facts(refusal->reason, refusal->detail));
      return;
    }
    head = &changed;
  }
  status_ = head->status;
  route_.inFlight.release();
  clock_.answered();
  body_.forget();
  tunnel_ = request_.method() == Method::Connect && status_ < 300;
  // What the client has sent into the tunnel meanwhile may go.
  again_ = again_ || tunnel_;
  client_.respond(*head, last, Origin::Endpoint);
  armClock();
  if (!last) return;
  tookFirstByte();
  responseEnded_ = true;
  if (!tunnel_ || wholeRequestSent()) complete();
}

bool Exchange::relayData() {
  tookFirstByte();
  const std::string_view data = endpoint_->data();
  const size_t size = data.size();
  const size_t taken = client_.sendData(data);
  if (taken > 0) {
    clock_.moved(worker_.loop().nowMs());
    countResponseFrame(route_, taken);
    endpoint_->consumed(taken);
  }
  return taken == size;
}

void Exchange::onResponseEnd() {
  tookFirstByte();
  if (!responseEnded_) {
    responseEnded_ = true;
    learnStatus(endpoint_->trailers());
    client_.sendEnd(endpoint_->trailers());
  }
  if (tunnel_ && !wholeRequestSent()) {
    watchTunnel();
  } else {
    complete();
  }
}

bool Exchange::wholeRequestSent() const { return requestEnded_ && endpoint_->requestSent(); }

// A tunnel that is closed in one direction does not stay open in the other for ever.
void Exchange::watchTunnel() {
  if (!tunnel_ || wait_.armed() || (!responseEnded_ && !wholeRequestSent())) return;
  worker_.loop().schedule(wait_, worker_.settings().halfCloseTimeoutMs);
}

void Exchange::tookFirstByte() {
  if (latencyTaken_) return;
  latencyTaken_ = true;
  const uint64_t now = worker_.loop().nowNs();
  load_.finish(now);
  endpoint_->counters().latency(status_, (now - startedNs_) / 1'000'000);
  countFirstByte(route_, status_, worker_.loop().nowMs() - arrivedMs_);
}

// ---------------------------------------------------------------- ends

void Exchange::complete() {
  // Reference §4.11: a gRPC response without a status counts as one of UNKNOWN.
  grpcUntold_ = grpc_ && grpcStatus_ < 0 && !tunnel_;
  if (grpcUntold_) grpcStatus_ = 2;
  endTry(status_, Reason::None);
  countEnd(status_, Reason::None);
  if (!requestEnded_) client_.refuseRest();
  end();
}

// What the try has is let go of; another may follow.
void Exchange::dropTry() {
  worker_.loop().cancel(wait_);
  load_.abandon();
  if (!endpoint_) return;
  failedAt_ = endpoint_->endpoint();
  endpoint_->close();
  worker_.loop().destroyLater(std::move(endpoint_));
}

void Exchange::end() {
  if (state_ == State::Over) return;
  state_ = State::Over;
  DiscoveryWaiter::unlink();
  connector_.cancel();
  worker_.loop().cancel(deadline_);
  dropTry();
  if (body_.held() > 0) client_.consumed(body_.held());
  body_.release();
  held_.reset();
  route_ = {};
  client_.release();
}

}  // namespace mesh

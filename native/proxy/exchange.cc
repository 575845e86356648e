// The way to the endpoint and the relaying of both messages; see exchange.h.
#include "proxy/exchange.h"

#include "proxy/authority-route.h"
#include "proxy/http1-endpoint-stream.h"
#include "proxy/http2-endpoint-stream.h"

namespace mesh {

using contract::EndpointProtocol;

namespace {
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
      requestEnded_(ended),
      connector_(worker_, *this),
      timer_([](void* self) { static_cast<Exchange*>(self)->onTimeout(); }, this) {
  request_.store(head);
}

// ---------------------------------------------------------------- routing

void Exchange::begin() { route(); }

void Exchange::begin(std::shared_ptr<Target> target) {
  target_ = std::move(target);
  connect();
}

void Exchange::route() {
  const AuthorityRoute answer =
      routeByAuthority(worker_, client_.destination(), request_.authority(), authority_, *this);
  if (answer.parked) {
    worker_.loop().schedule(timer_, worker_.settings().discoveryTimeoutMs);
    return;
  }
  target_ = answer.choice.targetId == 0 ? nullptr : worker_.target(answer.choice.targetId);
  if (!target_) {
    fail(facts(Reason::NoRoute, authority_));
    return;
  }
  connect();
}

void Exchange::onDiscovered() {
  worker_.loop().cancel(timer_);
  route();
}

void Exchange::onDiscoveryFailed(const std::string& detail) {
  worker_.loop().cancel(timer_);
  fail(facts(Reason::DiscoveryFailed, detail.empty() ? authority_ : authority_ + ": " + detail));
}

// ---------------------------------------------------------------- to the endpoint

bool Exchange::overHttp1() const {
  switch (target_->settings().endpointProtocol) {
    case EndpointProtocol::Http1:
      return true;
    case EndpointProtocol::Http2:
    case EndpointProtocol::Http2OrigProto:
      return false;
    case EndpointProtocol::AsClient:
      break;
  }
  return !client_.speaksHttp2() || origProto_.known;
}

void Exchange::connect() {
  state_ = State::Connecting;
  const bool http1 = overHttp1();
  if (http1 && request_.method() == Method::Connect && request_.protocol() != "websocket") {
    fail(facts(Reason::NoRoute, "CONNECT cannot be translated"));
    return;
  }
  const Reuse first = replays_ == 0 ? Reuse::Allowed : Reuse::Never;
  connector_.start(target_, client_.destination().direction, http1 ? first : Reuse::Shared);
}

void Exchange::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  relay(std::make_unique<Http1EndpointStream>(worker_, *this, std::move(connection)),
        std::move(load));
}

void Exchange::onHttp2(Http2Client& client, LoadToken load) {
  relay(std::make_unique<Http2EndpointStream>(worker_, *this, client), std::move(load));
}

void Exchange::relay(std::unique_ptr<EndpointStream> stream, LoadToken load) {
  endpoint_ = std::move(stream);
  load_ = std::move(load);
  startedNs_ = worker_.loop().nowNs();
  state_ = State::Relaying;
  endpoint_->counters().requested();
  RequestHead& head = worker_.requestHead();
  request_.load(head);
  prepareHead(head);
  endpoint_->start(head, requestEnded_ && body_.empty());
  advance();
}

void Exchange::prepareHead(RequestHead& head) {
  // What an application says here the mesh has not said.
  head.fields.remove(FieldId::L5dOrigProto);
  if (head.authority.empty()) {
    // HTTP/1.0, or an empty Host.
    const std::string& logical = target_->settings().authority;
    const SocketAddress& original = client_.original();
    if (original.valid()) {
      rewrittenTarget_ = original.toString();
    } else {
      rewrittenTarget_ = logical.empty() ? endpoint_->endpoint().toString() : logical;
    }
    head.authority = rewrittenTarget_;
  }
  if (origProto_.known) {
    head.majorVersion = 1;
    head.minorVersion = origProto_.minorVersion;
    if (origProto_.absoluteForm && head.form == TargetForm::Origin) {
      rewrittenTarget_.assign(head.scheme).append("://").append(head.authority).append(head.path);
      head.form = TargetForm::Absolute;
      head.target = rewrittenTarget_;
    }
    return;
  }
  const bool tells = target_->settings().endpointProtocol == EndpointProtocol::Http2OrigProto;
  if (tells && head.majorVersion == 1) {
    // Is said by :authority, and leaves its place.
    head.fields.remove(FieldId::Host);
    head.fields.add("l5d-orig-proto",
                    origProtoText(head.minorVersion, head.form == TargetForm::Absolute),
                    FieldId::L5dOrigProto);
  }
}

// ---------------------------------------------------------------- relaying

void Exchange::onData(std::string_view data) {
  if (state_ == State::Over) {
    client_.consumed(data.size());
    return;
  }
  // Bounded by the client's half, which lets in more only as this goes on.
  worker_.buffers().makeRoom(body_, data.size());
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
  if (endpoint_->requestSent()) return;
  FieldTable& trailers = worker_.requestHead().fields;
  trailers.count = 0;
  if (requestEnded_) requestTrailers_.load(trailers);
  const size_t before = body_.size();
  endpoint_->send(body_, requestEnded_, trailers);
  const size_t sent = before - body_.size();
  if (sent > 0) {
    bodySent_ = true;
    client_.consumed(sent);
  }
  if (body_.empty()) body_.release();
  const uint32_t timeout = target_->settings().responseTimeoutMs;
  const bool asked = endpoint_->requestSent() || request_.method() == Method::Connect;
  if (timeout != 0 && status_ == 0 && asked && !timer_.armed()) {
    worker_.loop().schedule(timer_, timeout);
  }
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
        if (!relayData()) return;
        break;
      case EndpointStream::Next::End:
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
  const bool final = given.status >= 200;
  // To the mesh's other proxy, for which the request was of HTTP/1 and the response is, too.
  const bool tells = final && origProto_.said && overHttp1();
  const bool says = given.fields.find(FieldId::L5dOrigProto) != nullptr;
  const ResponseHead& head = tells || says ? rewriteHead(given, tells) : given;
  if (!final) {
    client_.respond(head, false, Origin::Endpoint);
    return;
  }
  worker_.loop().cancel(timer_);
  status_ = head.status;
  tunnel_ = request_.method() == Method::Connect && status_ < 300;
  // What the client has sent into the tunnel meanwhile may go.
  again_ = again_ || tunnel_;
  const bool last = endpoint_->headIsAll();
  client_.respond(head, last, Origin::Endpoint);
  if (!last) return;
  tookFirstByte();
  responseEnded_ = true;
  if (!tunnel_ || wholeRequestSent()) complete();
}

const ResponseHead& Exchange::rewriteHead(const ResponseHead& given, bool tells) {
  ResponseHead& head = worker_.responseHead();
  if (&head != &given) {
    head.status = given.status;
    head.reason = given.reason;
    head.minorVersion = given.minorVersion;
    head.fields.count = 0;
    for (const Field& field : given.fields) head.fields.items[head.fields.count++] = field;
  }
  const OrigProto was = readOrigProto(head.fields);
  if (was.known) head.minorVersion = was.minorVersion;
  head.fields.remove(FieldId::L5dOrigProto);
  // Without room for it the response is taken to be of the request's version.
  if (tells) {
    head.fields.add("l5d-orig-proto", origProtoText(head.minorVersion, false),
                    FieldId::L5dOrigProto);
  }
  return head;
}

bool Exchange::relayData() {
  tookFirstByte();
  const std::string_view data = endpoint_->data();
  const size_t taken = client_.sendData(data);
  if (taken > 0) endpoint_->consumed(taken);
  return taken == data.size();
}

void Exchange::onResponseEnd() {
  tookFirstByte();
  if (!responseEnded_) {
    responseEnded_ = true;
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
  if (!tunnel_ || timer_.armed() || (!responseEnded_ && !wholeRequestSent())) return;
  worker_.loop().schedule(timer_, worker_.settings().halfCloseTimeoutMs);
}

void Exchange::tookFirstByte() {
  if (latencyTaken_) return;
  latencyTaken_ = true;
  const uint64_t now = worker_.loop().nowNs();
  load_.finish(now);
  endpoint_->counters().latency(status_, (now - startedNs_) / 1'000'000);
}

// ---------------------------------------------------------------- ends

void Exchange::complete() {
  endpoint_->counters().responded(status_, Reason::None);
  if (!requestEnded_) client_.refuseRest();
  end();
}

// What the attempt has is let go of; another may follow.
void Exchange::dropAttempt() {
  worker_.loop().cancel(timer_);
  load_.abandon();
  if (!endpoint_) return;
  endpoint_->close();
  worker_.loop().destroyLater(std::move(endpoint_));
}

void Exchange::end() {
  if (state_ == State::Over) return;
  state_ = State::Over;
  DiscoveryWaiter::unlink();
  connector_.cancel();
  dropAttempt();
  if (!body_.empty()) client_.consumed(body_.size());
  body_.release();
  target_.reset();
  client_.release();
}

}  // namespace mesh

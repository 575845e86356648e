// A request's way to its endpoint: its target, its head as it goes on, and a connection; or an exchange
// where another protocol is spoken. See http-connection.h.
#include <algorithm>
#include <utility>

#include "http1/serializer.h"
#include "proxy/authority-override.h"
#include "proxy/authority-route.h"
#include "proxy/http-connection.h"
#include "proxy/opaque-route.h"

namespace mesh {

namespace {
constexpr size_t REQUEST_BYTES = 4'096;
}  // namespace

// ---------------------------------------------------------------- routing

bool HttpConnection::route() {
  RequestHead& head = worker_.requestHead();
  if (const auto shed = enterFlight(worker_, destination_->direction, route_)) return refuse(*shed);
  const RouteChoice choice = routeByAuthority(head);
  if (state_ == State::Routing) return false;  // parked
  arrivedMs_ = worker_.loop().nowMs();
  if (mode_ == HttpMode::ForwardProxy && method_ == Method::Connect) return routeTunnel(choice);
  route::RequestPolicy policy;
  const Asker asker{.destination = *destination_, .client = client_->peer()};
  if (const auto refusal = findRoute(worker_, choice, asker, head, route_, policy)) {
    return refuse(*refusal);
  }
  if (route_.rule != nullptr) {
    // An upgrade is relayed in place whatever its rule says: what comes of it is not sent again.
    if (!policy.plain() && !framing_.upgrade) return translate(std::move(policy));
    if (const std::optional<Refusal> refusal = chooseBackend(worker_, route_)) {
      return refuse(*refusal);
    }
  }
  if (translates(*route_.target)) return translate(std::move(policy));
  if (const std::optional<Refusal> refusal = filterForBackend(worker_, route_, head)) {
    return refuse(*refusal);
  }
  return sendTo(route_.target);
}

bool HttpConnection::routeTunnel(const RouteChoice& choice) {
  // The policy of a port says who may reach that port, and nothing of tunnels.
  if (worker_.isPoliced(choice.routeTableId)) return failRequest(Reason::Unauthorized, authority_);
  OpaqueRoute found = routeOpaque(worker_, choice);
  if (!found.target) return failRequest(found.refusal, authority_);
  return sendTo(std::move(found.target));
}

// Unknown when there is none; parks the request when the control logic must be asked first.
RouteChoice HttpConnection::routeByAuthority(const RequestHead& head) {
  Destination& destination = *destination_;
  if (destination.authorities.empty() && !destination.discoverAuthorities) {
    return defaultChoice(destination);
  }
  if (head.authority == lastRawAuthority_ && lastVersion_ == destination.version &&
      lastChoice_.known()) {
    return lastChoice_;
  }
  const AuthorityRoute answer =
      mesh::routeByAuthority(worker_, destination, head.authority, authority_, *this);
  if (answer.parked) {
    state_ = State::Routing;
    setTimer(TimerRole::Discovery, worker_.settings().discoveryTimeoutMs);
    return {};
  }
  lastRawAuthority_.assign(head.authority);
  lastVersion_ = destination.version;
  lastChoice_ = answer.choice;
  return lastChoice_;
}

void HttpConnection::onDiscovered() {
  clearTimer();
  // The head was parsed into memory that all connections of the worker use: once more.
  http1::HeadProgress progress;
  const http1::ParseOutcome outcome =
      http1::parseRequestHead(in_.view(), worker_.settings().http, progress, worker_.requestHead());
  MESH_CHECK(outcome.state == http1::ParseState::Complete);
  // An answer for another authority parks the request again, without asking again.
  state_ = State::ReadingHead;
  if (route()) advance();
}

void HttpConnection::onDiscoveryFailed(const std::string& detail) {
  clearTimer();
  failRequest(Reason::DiscoveryFailed, detail.empty() ? authority_ : authority_ + ": " + detail);
}

// ---------------------------------------------------------------- to the endpoint

bool HttpConnection::sendTo(std::shared_ptr<Target> target) {
  const RequestHead& head = worker_.requestHead();
  target_ = std::move(target);
  tryBegun_ = true;
  countTryBegin(route_);
  const bool tunnel = mode_ == HttpMode::ForwardProxy && method_ == Method::Connect;
  if (!tunnel) {
    const size_t startLine = head.methodText.size() + head.target.size() + 16;
    request_ = worker_.buffers().take(
        std::max(http1::serializedBound(head.fields, startLine), REQUEST_BYTES));
    http1::Output output(request_.tail(), request_.room());
    http1::writeRequestHead(output, head, framing_,
                            {.keepAlive = true,
                             .keepUpgrade = framing_.upgrade,
                             .fallbackHost = {},
                             .originForm = mode_ == HttpMode::ForwardProxy});
    MESH_CHECK(!output.overflowed());
    request_.produced(output.size());
  } else {
    // Nothing is sent; a failure tells what was asked for.
    request_ = worker_.buffers().take(headBytes_);
    request_.append(in_.view().substr(0, headBytes_));
  }
  in_.consumed(headBytes_);
  // A body that is here and small goes along with the head, in one write, and can be replayed.
  const uint64_t expected = requestBody_.expected();
  if (!tunnel && !requestBody_.complete() && expected > 0 && expected <= in_.size() &&
      expected <= request_.room()) {
    request_.append(in_.view().substr(0, expected));
    requestBody_.written(in_, expected);
  }
  if (in_.empty()) in_.release();
  state_ = State::Connecting;
  connector_.start(target_, destination_->direction, tunnel ? Reuse::Never : Reuse::Allowed);
  return state_ != State::Connecting;
}

void HttpConnection::onConnected(std::unique_ptr<EndpointConnection> connection, LoadToken load) {
  connection->socket().setHandler(*this);
  connection->counters().requested();
  load_ = std::move(load);
  startedNs_ = worker_.loop().nowNs();
  status_ = 0;
  latencyTaken_ = false;
  requestSent_ = 0;
  requestBroken_ = false;
  responseBegun_ = false;
  responsePhase_ = ResponsePhase::Head;
  responseProgress_ = {};
  reused_ = connection->uses > 0;
  askedMs_ = 0;
  countTry(route_);
  if (mode_ == HttpMode::ForwardProxy && method_ == Method::Connect) {
    answerConnect(std::move(connection));
    return;
  }
  overrideAuthority(target_->authorityOf(connection->address()));
  endpoint_ = std::move(connection);
  state_ = State::Exchanging;
  advance();
}

// The head was written before its endpoint was known; this one wants another authority.
void HttpConnection::overrideAuthority(std::string_view authority) {
  if (authority.empty()) return;
  constexpr std::string_view END = "\r\n\r\n";
  const std::string_view whole = request_.view();
  const size_t headBytes = whole.find(END) + END.size();
  const std::string head = withAuthority(whole.substr(0, headBytes), authority);
  Buffer changed = worker_.buffers().take(head.size() + whole.size() - headBytes);
  changed.append(head);
  changed.append(whole.substr(headBytes));
  request_ = std::move(changed);
  overridden_ = true;
}

void HttpConnection::onConnectFailed(const ConnectFailure& failure) {
  FailureFacts known = facts(failure.reason, failure.error, failure.detail);
  known.endpoint = failure.endpoint;
  failExchange(std::move(known));
}

// ---------------------------------------------------------------- by another protocol

// An upgrade or a CONNECT has no form in HTTP/2 that every endpoint knows: it takes an HTTP/1.1
// connection to the same endpoint (reference §3.9).
bool HttpConnection::translates(const Target& target) const {
  const contract::EndpointProtocol spoken = target.settings().endpointProtocol;
  const bool http2 = spoken == contract::EndpointProtocol::Http2 ||
                     spoken == contract::EndpointProtocol::Http2OrigProto;
  return (http2 || target.writesByEndpoint()) && !framing_.upgrade && method_ != Method::Connect;
}

bool HttpConnection::translate(route::RequestPolicy policy) {
  const Http1ClientStream::Parts parts{.worker = worker_,
                                       .turnEnd = *this,
                                       .destination = *destination_,
                                       .original = original_,
                                       .socket = *client_,
                                       .in = in_};
  stream_ =
      std::make_unique<Http1ClientStream>(parts, worker_.requestHead(), framing_, clientKeepAlive_);
  in_.consumed(headBytes_);
  state_ = State::Translating;
  stream_->begin(std::exchange(route_, {}), std::move(policy));
  return true;
}

// True when the next request may begin at once.
bool HttpConnection::continueTranslated() {
  const Http1ClientStream::Outcome outcome = stream_->advance();
  if (outcome == Http1ClientStream::Outcome::Going) return false;
  worker_.loop().destroyLater(std::move(stream_));
  switch (outcome) {
    case Http1ClientStream::Outcome::NextRequest:
      state_ = State::ReadingHead;
      if (in_.empty()) in_.release();
      return true;
    case Http1ClientStream::Outcome::Abort:
      client_->abort();
      end();
      return false;
    case Http1ClientStream::Outcome::Close:
    case Http1ClientStream::Outcome::Going:
      closeClient();
      return false;
  }
  return false;
}

}  // namespace mesh

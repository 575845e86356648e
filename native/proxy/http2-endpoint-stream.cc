// See http2-endpoint-stream.h.
#include "proxy/http2-endpoint-stream.h"

#include <utility>

#include "proxy/worker.h"

namespace mesh {

Http2EndpointStream::Http2EndpointStream(Worker& worker, EndpointStreamOwner& owner,
                                         Http2Client& client)
    : worker_(worker),
      owner_(owner),
      client_(&client),
      address_(client.address()),
      counters_(client.counters()),
      reused_(client.used()) {}

Http2EndpointStream::~Http2EndpointStream() { close(); }

void Http2EndpointStream::start(RequestHead& head, bool last) {
  method_ = head.method;
  if (head.protocol.empty()) {
    open(head, last);
  } else if (!client_->settled()) {
    unsettled_ = std::make_unique<StoredRequest>();
    unsettled_->store(head);
    client_->awaitSettings(*this);
  } else if (client_->session().peerAllowsExtendedConnect()) {
    open(head, last);
  } else {
    failToOpen(Reason::NoRoute, "endpoint does not take extended CONNECT", false);
  }
}

void Http2EndpointStream::onSettled() {
  // Closed meanwhile.
  if (client_ == nullptr) return;
  const std::unique_ptr<StoredRequest> stored = std::move(unsettled_);
  RequestHead& head = worker_.requestHead();
  stored->load(head);
  // Whether the tunnel is closed already is told by `send`.
  start(head, false);
  owner_.onEndpointStream();
}

void Http2EndpointStream::open(const RequestHead& head, bool last) {
  id_ = client_->open(*this, head, last ? http2::End::Last : http2::End::More);
  endSent_ = last;
  // The endpoint has just said GOAWAY, or its streams are used up.
  if (id_ == 0) failToOpen(Reason::EndpointClosed, "no further streams", true);
}

void Http2EndpointStream::failToOpen(Reason reason, std::string_view detail, bool unprocessed) {
  client_ = nullptr;
  failed_ = true;
  failure_ = {.reason = reason,
              .error = 0,
              .detail = std::string(detail),
              .resetCode = 0,
              .unprocessed = unprocessed};
}

void Http2EndpointStream::send(Buffer& body, bool ended, const FieldTable& trailers) {
  if (client_ == nullptr || id_ == 0 || endSent_) return;
  if (!body.empty()) {
    const size_t taken = client_->session().sendData(id_, body.view());
    if (taken > 0) {
      body.consumed(taken);
      client_->flushLater();
    }
    // More goes when there is room again.
    if (!body.empty()) return;
  }
  if (!ended) return;
  endSent_ = true;
  client_->session().sendEnd(id_, &trailers);
  client_->flushLater();
}

// ---------------------------------------------------------------- response

EndpointStream::Next Http2EndpointStream::next() {
  if (headWaits_) {
    headWaits_ = false;
    begun_ = head_->status >= 200;
    return Next::Head;
  }
  if (!body_.empty()) return Next::Data;
  if (failed_) return Next::Failed;
  body_.release();
  return ended_ && begun_ ? Next::End : Next::Nothing;
}

void Http2EndpointStream::onHead(const ResponseHead& head, http2::End end) {
  head_ = &head;
  headWaits_ = true;
  if (end == http2::End::Last) ended_ = true;
  owner_.onEndpointStream();
  headWaits_ = false;
}

void Http2EndpointStream::onData(std::string_view data) {
  // Bounded by the window: what is held here has not been given back to it.
  worker_.buffers().makeRoom(body_, data.size());
  body_.append(data);
  owner_.onEndpointStream();
}

void Http2EndpointStream::consumed(size_t bytes) {
  body_.consumed(bytes);
  if (client_ == nullptr) return;
  client_->session().consumed(id_, bytes);
  client_->flushLater();
}

void Http2EndpointStream::onEnd(const FieldTable& trailers) {
  trailers_.store(trailers);
  ended_ = true;
  owner_.onEndpointStream();
}

const FieldTable& Http2EndpointStream::trailers() const {
  FieldTable& table = worker_.responseHead().fields;
  trailers_.load(table);
  return table;
}

void Http2EndpointStream::onFailed(StreamFailure failure) {
  client_ = nullptr;
  failed_ = true;
  failure_ = std::move(failure);
  // As on a reused HTTP/1.1 connection: it may have been closed under the request.
  const bool gone =
      failure_.reason == Reason::EndpointClosed || failure_.reason == Reason::EndpointReset;
  if (gone && failure_.resetCode == 0 && !begun_ && isIdempotent(method_)) {
    failure_.repeatable = true;
    failure_.unprocessed = failure_.unprocessed || reused_;
  }
  owner_.onEndpointStream();
}

void Http2EndpointStream::close() {
  const size_t unread = body_.size();
  body_.release();
  Http2Client* client = std::exchange(client_, nullptr);
  if (client == nullptr) return;
  // What nobody reads any more must not stay in the connection's window.
  if (unread > 0) client->session().consumed(id_, unread);
  // An exchange that is not complete is called off; for one that is this has no effect.
  if (id_ != 0 && (!ended_ || !endSent_)) {
    client->session().reset(id_, http2::ErrorCode::Cancel);
  }
  client->forget(*this, id_);
}

}  // namespace mesh

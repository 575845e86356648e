// See http2-client.h.
#include "proxy/http2-client.h"

#include "proxy/http2-endpoint-stream.h"
#include "proxy/http2-settings.h"
#include "proxy/worker.h"

namespace mesh {

Http2Client& Http2Client::start(Worker& worker, std::shared_ptr<Target> target,
                                std::shared_ptr<EndpointShared> endpoint,
                                EndpointCounters& counters, std::unique_ptr<SocketEnd> socket) {
  // Owned by itself from here on, and known to its target.
  auto* client =
      new Http2Client(worker, std::move(target), std::move(endpoint), counters, std::move(socket));
  client->target_->addHttp2(*client);
  client->flushLater();
  return *client;
}

Http2Client::Http2Client(Worker& worker, std::shared_ptr<Target> target,
                         std::shared_ptr<EndpointShared> endpoint, EndpointCounters& counters,
                         std::unique_ptr<SocketEnd> socket)
    : worker_(worker),
      target_(std::move(target)),
      endpoint_(std::move(endpoint)),
      counters_(counters),
      socket_(std::move(socket)),
      session_(http2::Session::create(http2::Role::Client, http2Settings(worker.settings()),
                                      worker.buffers(), *this)),
      keepAlive_(worker.loop(), target_->http2KeepAliveOf(endpoint_->address), *session_, *this) {
  socket_->setHandler(*this);
}

// ---------------------------------------------------------------- for streams

http2::StreamId Http2Client::open(Http2EndpointStream& stream, const RequestHead& head,
                                  http2::End end) {
  if (retired_) return 0;
  const http2::StreamId id = session_->openStream(head, "http", end);
  if (id == 0) return 0;
  used_ = true;
  streams_.emplace(id, &stream);
  flushLater();
  return id;
}

void Http2Client::forget(Http2EndpointStream& stream, http2::StreamId id) {
  if (id != 0) streams_.erase(id);
  std::erase(unsettled_, &stream);
  flushLater();
}

void Http2Client::flushLater() {
  if (!ended_) worker_.loop().atTurnEnd(*this);
}

void Http2Client::retire() {
  if (retired_) return;
  retired_ = true;
  target_->removeHttp2(*this);
  flushLater();
}

// ---------------------------------------------------------------- socket

void Http2Client::onIo(uint32_t) {
  if (ended_) return;
  read();
  if (!ended_) flushLater();
}

void Http2Client::read() {
  Buffer scratch = worker_.buffers().take(HTTP2_READ_BYTES);
  size_t taken = 0;
  while (!ended_ && socket_->readable()) {
    const IoCount got = socket_->read(scratch.tail(), scratch.room());
    if (got.bytes < 0 && got.blocked()) return;
    if (got.bytes <= 0) {
      failAll(got.bytes == 0 ? Reason::EndpointClosed : Reason::EndpointReset,
              got.bytes == 0 ? 0 : got.error, "");
      end();
      return;
    }
    const size_t bytes = static_cast<size_t>(got.bytes);
    if (!session_->receive({scratch.tail(), bytes})) {
      onSessionFailed();
      return;
    }
    keepAlive_.heard();
    taken += bytes;
    if (taken >= HTTP2_TURN_BYTES) {
      flushLater();
      return;
    }
  }
}

void Http2Client::onSessionFailed() {
  std::string detail(http2::errorCodeName(session_->failure()));
  if (!session_->failureDetail().empty()) detail.append(": ").append(session_->failureDetail());
  failAll(Reason::MalformedResponse, 0, detail);
  // The GOAWAY that says why; whether it arrives is the endpoint's matter.
  (void)write();
  end();
}

// False when the socket has failed.
bool Http2Client::write() {
  for (;;) {
    const std::string_view bytes = session_->output();
    if (bytes.empty()) return true;
    if (!socket_->writable()) return true;
    const IoCount wrote = socket_->write(bytes);
    if (wrote.bytes < 0) return wrote.blocked();
    session_->wrote(static_cast<size_t>(wrote.bytes));
  }
}

void Http2Client::onTurnEnd() {
  if (ended_) return;
  // Reading stops after its share of a turn and goes on here.
  if (socket_->readable()) read();
  if (ended_) return;
  if (!write()) {
    failAll(Reason::EndpointReset, socket_->error(), "");
    end();
    return;
  }
  // What the session did not manage to answer while its output was full shows only now.
  if (session_->failed()) {
    onSessionFailed();
    return;
  }
  keepAlive_.watch(!streams_.empty());
  endWhenDone();
}

void Http2Client::onPeerSilent() {
  if (ended_) return;
  socket_->abort();
  failAll(Reason::KeepaliveTimeout, 0, "");
  end();
}

void Http2Client::failAll(Reason reason, int error, std::string_view detail) {
  retire();
  auto tell = [&](Http2EndpointStream& stream, bool unprocessed) {
    stream.onFailed({.reason = reason,
                     .error = error,
                     .detail = std::string(detail),
                     .resetCode = 0,
                     .unprocessed = unprocessed});
  };
  while (!streams_.empty()) {
    Http2EndpointStream& stream = *streams_.begin()->second;
    streams_.erase(streams_.begin());
    tell(stream, false);
  }
  while (!unsettled_.empty()) {
    Http2EndpointStream& stream = *unsettled_.back();
    unsettled_.pop_back();
    tell(stream, true);
  }
}

void Http2Client::endWhenDone() {
  if (retired_ && streams_.empty() && unsettled_.empty()) end();
}

void Http2Client::end() {
  if (ended_) return;
  retire();
  ended_ = true;
  keepAlive_.stop();
  TurnEnd::unlink();
  worker_.loop().destroyLater(std::unique_ptr<Disposable>(this));
}

// ---------------------------------------------------------------- what the session says

Http2EndpointStream* Http2Client::find(http2::StreamId stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

void Http2Client::onResponse(http2::StreamId stream, const ResponseHead& head, http2::End end) {
  if (Http2EndpointStream* one = find(stream)) one->onHead(head, end);
}

void Http2Client::onData(http2::StreamId stream, std::string_view data) {
  if (Http2EndpointStream* one = find(stream)) {
    one->onData(data);
  } else {
    // Nobody wants it any more; the connection's window must not pay for it.
    session_->consumed(stream, data.size());
  }
}

void Http2Client::onEnd(http2::StreamId stream, const FieldTable& trailers) {
  if (Http2EndpointStream* one = find(stream)) one->onEnd(trailers);
}

void Http2Client::onReset(http2::StreamId stream, http2::ErrorCode code, bool byPeer) {
  Http2EndpointStream* one = find(stream);
  if (one == nullptr) return;
  streams_.erase(stream);
  one->onFailed({.reason = byPeer ? Reason::EndpointReset : Reason::MalformedResponse,
                 .error = 0,
                 .detail = std::string(http2::errorCodeName(code)),
                 .resetCode = static_cast<uint32_t>(code),
                 .unprocessed = byPeer && code == http2::ErrorCode::RefusedStream});
}

void Http2Client::onRoom(http2::StreamId stream) {
  if (Http2EndpointStream* one = find(stream)) one->changed();
}

void Http2Client::onDone(http2::StreamId) {}

void Http2Client::onPeerSettings() {
  settled_ = true;
  std::vector<Http2EndpointStream*> waiting;
  waiting.swap(unsettled_);
  for (Http2EndpointStream* one : waiting) one->onSettled();
}

void Http2Client::onGoaway(http2::ErrorCode) { retire(); }

}  // namespace mesh

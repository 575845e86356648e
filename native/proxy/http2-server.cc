// See http2-server.h.
#include "proxy/http2-server.h"

#include "proxy/answer-rendering.h"
#include "proxy/http2-client-stream.h"
#include "proxy/http2-settings.h"
#include "proxy/lingering-close.h"

namespace mesh {

void Http2Server::start(Worker& worker, DestinationHold destination, const SocketAddress& original,
                        std::unique_ptr<SocketEnd> client, Buffer in) {
  std::unique_ptr<Http2Server> server(
      new Http2Server(worker, std::move(destination), original, std::move(client)));
  Http2Server& self = *server;
  worker.adopt(std::move(server));
  self.flushLater();
  self.receive(in.view());
  in.release();
  self.read();
}

Http2Server::Http2Server(Worker& worker, DestinationHold destination, const SocketAddress& original,
                         std::unique_ptr<SocketEnd> client)
    : worker_(worker),
      destination_(std::move(destination)),
      original_(original),
      client_(std::move(client)),
      session_(http2::Session::create(http2::Role::Server, http2Settings(worker.settings()),
                                      worker.buffers(), *this)),
      idle_(
          [](void* self) {
            // Idle is no error; the client learns of it by GOAWAY.
            static_cast<Http2Server*>(self)->shutDown();
          },
          this),
      keepAlive_(worker.loop(), worker.settings().http2KeepAlive, *session_, *this) {
  client_->setHandler(*this);
}

Http2Server::~Http2Server() = default;

// ---------------------------------------------------------------- socket

void Http2Server::onIo(uint32_t) {
  if (ended_) return;
  read();
  if (!ended_) flushLater();
}

void Http2Server::receive(std::string_view bytes) {
  if (!broken_ && !session_->receive(bytes)) onSessionFailed();
  keepAlive_.heard();
}

void Http2Server::onSessionFailed() {
  broken_ = true;
  std::string detail(http2::errorCodeName(session_->failure()));
  if (!session_->failureDetail().empty()) detail.append(": ").append(session_->failureDetail());
  worker_.countConnectionError(destination_->direction, Reason::MalformedRequest);
  report(Reason::MalformedRequest, std::move(detail), 0);
  abandonAll(Reason::MalformedRequest);
}

void Http2Server::onPeerSilent() {
  if (ended_) return;
  worker_.countConnectionError(destination_->direction, Reason::KeepaliveTimeout);
  report(Reason::KeepaliveTimeout, "", 0);
  client_->abort();
  abandonAll(Reason::KeepaliveTimeout);
  end();
}

// A failure of the connection, whatever its streams are at.
void Http2Server::report(Reason reason, std::string detail, uint16_t status) {
  contract::Failure failure;
  failure.direction = destination_->direction;
  failure.reason = reason;
  failure.detail = std::move(detail);
  failure.client = client_->peer();
  failure.originalDestination = original_;
  failure.status = status;
  worker_.sink().fail(std::move(failure));
}

void Http2Server::read() {
  Buffer scratch = worker_.buffers().take(HTTP2_READ_BYTES);
  size_t taken = 0;
  while (!ended_ && !broken_ && client_->readable()) {
    const IoCount got = client_->read(scratch.tail(), scratch.room());
    if (got.bytes < 0 && got.blocked()) break;
    if (got.bytes <= 0) {
      abandonAll(got.bytes == 0 ? Reason::ClientClosed : Reason::ClientReset);
      end();
      return;
    }
    receive({scratch.tail(), static_cast<size_t>(got.bytes)});
    taken += static_cast<size_t>(got.bytes);
    if (taken >= HTTP2_TURN_BYTES) break;
  }
  if (!ended_) flushLater();
}

// False when the socket has failed.
bool Http2Server::write() {
  for (;;) {
    const std::string_view bytes = session_->output();
    if (bytes.empty() || !client_->writable()) return true;
    const IoCount wrote = client_->write(bytes);
    if (wrote.bytes < 0) return wrote.blocked();
    session_->wrote(static_cast<size_t>(wrote.bytes));
  }
}

void Http2Server::flushLater() {
  if (!ended_) worker_.loop().atTurnEnd(*this);
}

void Http2Server::onTurnEnd() {
  if (ended_) return;
  // Reading stops after its share of a turn and goes on here.
  if (!broken_ && client_->readable()) read();
  if (ended_) return;
  if (!write()) {
    abandonAll(Reason::ClientReset);
    end();
    return;
  }
  // What the session did not manage to answer while its output was full shows only now.
  if (!broken_ && session_->failed()) onSessionFailed();
  if (shuttingDown_ && streams_.empty() && !lastWord_ && !broken_) {
    // RFC 9113 §6.8: the second GOAWAY says which streams were the last.
    lastWord_ = true;
    session_->goaway(http2::ErrorCode::NoError);
    flushLater();
    return;
  }
  const bool flushed = session_->output().empty();
  if (flushed && (broken_ || (shuttingDown_ && streams_.empty()))) {
    // What the client may still be sending would turn a plain close into a reset.
    LingeringClose::start(worker_, std::move(client_), Buffer());
    end();
    return;
  }
  keepAlive_.watch(!streams_.empty());
  watchIdle();
}

void Http2Server::watchIdle() {
  if (!streams_.empty() || shuttingDown_) {
    worker_.loop().cancel(idle_);
  } else if (!idle_.armed()) {
    worker_.loop().schedule(idle_, worker_.settings().clientIdleTimeoutMs);
  }
}

// ---------------------------------------------------------------- ends

void Http2Server::shutDown() {
  if (!shuttingDown_) {
    shuttingDown_ = true;
    session_->goaway(http2::ErrorCode::NoError);
  }
  flushLater();
}

void Http2Server::onDestinationRemoved(const Destination& destination) {
  if (&*destination_ == &destination) shutDown();
}

void Http2Server::cut(Reason reason) {
  worker_.countConnectionError(destination_->direction, reason);
  client_->abort();
  abandonAll(reason);
  end();
}

void Http2Server::forget(http2::StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  worker_.loop().destroyLater(std::move(found->second));
  streams_.erase(found);
  if (shuttingDown_) flushLater();
}

void Http2Server::abandonAll(Reason reason) {
  while (!streams_.empty()) streams_.begin()->second->exchange().abandon(reason);
}

void Http2Server::end() {
  if (ended_) return;
  ended_ = true;
  worker_.loop().cancel(idle_);
  keepAlive_.stop();
  TurnEnd::unlink();
  worker_.retire(*this);
}

// ---------------------------------------------------------------- what the session says

Http2ClientStream* Http2Server::find(http2::StreamId stream) {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Server::onRequest(http2::StreamId stream, const RequestHead& head, http2::End end) {
  auto& one = streams_[stream];
  one = std::make_unique<Http2ClientStream>(*this, stream, head, end);
  one->exchange().begin();
}

void Http2Server::onRequestTooLarge(http2::StreamId stream, const http2::LargeHead& large) {
  const http1::Limits& limits = worker_.settings().http;
  const std::string detail = std::to_string(large.bytes) + " bytes; at most " +
                             std::to_string(limits.maxHeadBytes) + " bytes and " +
                             std::to_string(limits.maxFields) + " fields are taken";
  Answer answer = answerFor({.reason = Reason::RequestHeadTooLarge, .detail = detail});
  worker_.countRequestError(*destination_, Reason::RequestHeadTooLarge);
  report(Reason::RequestHeadTooLarge, answer.message, answer.status);
  // This stream alone ends.
  answer.closes = false;
  ResponseHead& head = worker_.responseHead();
  fillAnswerHead(answer, large.grpc, worker_.emitsErrorHeaders(destination_->direction), head);
  session_->respond(stream, head, http2::End::Last, true);
  flushLater();
}

void Http2Server::onData(http2::StreamId stream, std::string_view data) {
  if (Http2ClientStream* one = find(stream)) {
    one->exchange().onData(data);
  } else {
    // Its exchange is over; the connection's window must not pay for it.
    session_->consumed(stream, data.size());
  }
}

void Http2Server::onEnd(http2::StreamId stream, const FieldTable& trailers) {
  if (Http2ClientStream* one = find(stream)) one->exchange().onEnd(trailers);
}

void Http2Server::onReset(http2::StreamId stream, http2::ErrorCode, bool) {
  if (Http2ClientStream* one = find(stream)) one->exchange().abandon(Reason::ClientReset);
}

void Http2Server::onRoom(http2::StreamId stream) {
  if (Http2ClientStream* one = find(stream)) one->exchange().onRoom();
}

void Http2Server::onDone(http2::StreamId) {}

}  // namespace mesh

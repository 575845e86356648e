// See http2-client-stream.h.
#include "proxy/http2-client-stream.h"

#include "proxy/answer-rendering.h"
#include "proxy/http2-server.h"
#include "route/classify.h"

namespace mesh {

Http2ClientStream::Http2ClientStream(Http2Server& server, http2::StreamId stream,
                                     const RequestHead& head, http2::End end)
    : server_(server),
      stream_(stream),
      grpc_(route::isGrpcRequest(head.fields)),
      exchange_(*this, head, end == http2::End::Last) {}

Worker& Http2ClientStream::worker() { return server_.worker(); }
Destination& Http2ClientStream::destination() { return server_.destination(); }
const SocketAddress& Http2ClientStream::client() const { return server_.client(); }
const SocketAddress& Http2ClientStream::original() const { return server_.original(); }

void Http2ClientStream::respond(const ResponseHead& head, bool last, Origin origin) {
  server_.session().respond(stream_, head, last ? http2::End::Last : http2::End::More,
                            origin == Origin::Proxy);
  server_.flushLater();
}

size_t Http2ClientStream::sendData(std::string_view data) {
  const size_t taken = server_.session().sendData(stream_, data);
  if (taken > 0) server_.flushLater();
  return taken;
}

void Http2ClientStream::sendEnd(const FieldTable& trailers) {
  server_.session().sendEnd(stream_, &trailers);
  server_.flushLater();
}

void Http2ClientStream::answer(const Answer& answer) {
  ResponseHead& head = server_.worker().responseHead();
  fillAnswerHead(answer, grpc_, server_.worker().emitsErrorHeaders(server_.destination().direction),
                 head);
  server_.session().respond(stream_, head, http2::End::Last, true);
  if (answer.closes) {
    // Reference §7.1: such an error also shuts the client's connection down gracefully.
    server_.shutDown();
  } else {
    server_.flushLater();
  }
}

bool Http2ClientStream::endFailed(const Answer& answer) {
  if (!grpc_) return false;
  FieldTable& trailers = server_.worker().responseHead().fields;
  fillAnswerTrailers(answer, server_.worker().emitsErrorHeaders(server_.destination().direction),
                     trailers);
  sendEnd(trailers);
  return true;
}

void Http2ClientStream::reset(uint32_t code) {
  server_.session().reset(stream_, static_cast<http2::ErrorCode>(code));
  server_.flushLater();
}

void Http2ClientStream::consumed(size_t bytes) {
  server_.session().consumed(stream_, bytes);
  server_.flushLater();
}

void Http2ClientStream::refuseRest() {
  server_.session().reset(stream_, http2::ErrorCode::NoError);
  server_.flushLater();
}

void Http2ClientStream::release() { server_.forget(stream_); }

}  // namespace mesh

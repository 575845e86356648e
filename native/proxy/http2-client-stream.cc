// See http2-client-stream.h.
#include "proxy/http2-client-stream.h"

#include "proxy/http2-server.h"

namespace mesh {

namespace {
// Reference §7.1: HTTP/2, and a content-type that begins so.
bool isGrpc(const RequestHead& head) {
  for (const Field& field : head.fields) {
    if (equalsIgnoreCase(field.name, "content-type")) {
      return field.value.starts_with("application/grpc");
    }
  }
  return false;
}
}  // namespace

Http2ClientStream::Http2ClientStream(Http2Server& server, http2::StreamId stream,
                                     const RequestHead& head, http2::End end)
    : server_(server),
      stream_(stream),
      grpc_(isGrpc(head)),
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

void Http2ClientStream::answerFailure(const FailureFacts& facts, uint16_t status) {
  Worker& worker = server_.worker();
  const bool emit =
      worker.settings().emitErrorHeaders && server_.destination().direction == Direction::Outbound;
  const std::string text = describeFailure(facts);
  const std::string_view message = fieldValueOf(text);
  const std::string grpcStatus = std::to_string(grpcStatusOf(facts.reason));
  ResponseHead& head = worker.responseHead();
  head.status = grpc_ ? 200 : status;
  FieldTable& fields = head.fields;
  fields.count = 0;
  fields.add("content-length", "0", FieldId::ContentLength);
  if (grpc_) {
    fields.add("content-type", "application/grpc");
    fields.add("grpc-status", grpcStatus);
    if (emit) fields.add("grpc-message", message);
  }
  if (emit) {
    fields.add("l5d-proxy-error", message, FieldId::L5dProxyError);
    fields.add("l5d-proxy-connection", "close", FieldId::L5dProxyConnection);
  }
  server_.session().respond(stream_, head, http2::End::Last, true);
  // Reference §7.1: such an error also shuts the client's connection down gracefully.
  server_.shutDown();
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

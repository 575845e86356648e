// What fuzzers of the HTTP/2 session hold true of it, whatever the peer sends: order and completeness
// of what handlers are told, and bounds of what is kept.
#pragma once

#include <map>
#include <string_view>

#include "base/check.h"
#include "http2/session.h"

namespace mesh::fuzz {

// Does something with every message, chosen by the stream's number, so that a finding replays.
class CheckingHandler : public http2::SessionHandler {
 public:
  http2::Session* session = nullptr;

  void onRequest(http2::StreamId id, const RequestHead& head, http2::End end) override {
    MESH_CHECK(streams_.count(id) == 0);
    MESH_CHECK(id > last_);
    last_ = id;
    checkFields(head.fields);
    int cookies = 0;
    for (const Field& field : head.fields) cookies += field.name == "cookie" ? 1 : 0;
    MESH_CHECK(cookies <= 1);
    MESH_CHECK(head.majorVersion == 2);
    MESH_CHECK(!head.authority.empty());
    MESH_CHECK(head.form == TargetForm::Authority || !head.path.empty());
    for (const std::string_view text : {head.target, head.authority, head.methodText}) {
      MESH_CHECK(text.find_first_of(std::string_view("\0\r\n \t", 5)) == std::string_view::npos);
    }
    Stream& stream = streams_[id];
    stream.heads = 1;
    stream.ended = end == http2::End::Last;
    answer(id);
  }
  void onRequestTooLarge(http2::StreamId id, const http2::LargeHead&) override {
    MESH_CHECK(streams_.count(id) == 0);
    MESH_CHECK(id > last_);
    last_ = id;
    streams_[id].tooLarge = true;
    ResponseHead& head = head_;
    head.status = 431;
    head.fields.count = 0;
    session->respond(id, head, http2::End::Last, true);
  }
  void onResponse(http2::StreamId id, const ResponseHead& head, http2::End end) override {
    Stream& stream = live(id);
    MESH_CHECK(stream.heads == 0);
    MESH_CHECK(head.status >= 100 && head.status <= 999 && head.status != 101);
    checkFields(head.fields);
    if (head.status >= 200) stream.heads = 1;
    MESH_CHECK(head.status >= 200 || end == http2::End::More);
    stream.ended = end == http2::End::Last;
    if (id % 5 == 0) drop(id);
  }
  void onData(http2::StreamId id, std::string_view data) override {
    Stream& stream = live(id);
    MESH_CHECK(stream.heads == 1);
    MESH_CHECK(!data.empty());
    stream.held += data.size();
    // Never more than the windows: those of the settings, or of before they were acknowledged.
    MESH_CHECK(stream.held <= 65'535);
    if (id % 3 == 1) {
      session->consumed(id, stream.held);
      stream.held = 0;
    }
    if (id % 11 == 0) drop(id);
  }
  void onEnd(http2::StreamId id, const FieldTable& trailers) override {
    Stream& stream = live(id);
    MESH_CHECK(stream.heads == 1);
    stream.ended = true;
    checkFields(trailers);
    for (const Field& field : trailers) MESH_CHECK(field.id == FieldId::Other);
    session->consumed(id, stream.held);
    stream.held = 0;
  }
  void onReset(http2::StreamId id, http2::ErrorCode, bool) override {
    MESH_CHECK(streams_.count(id) == 1);
    streams_.erase(id);
  }
  void onRoom(http2::StreamId id) override {
    MESH_CHECK(streams_.count(id) == 1);
    (void)session->sendData(id, "more");
    session->sendEnd(id, nullptr);
  }
  void onDone(http2::StreamId id) override {
    MESH_CHECK(streams_.count(id) == 1);
    MESH_CHECK(streams_[id].ended || streams_[id].tooLarge);
    session->reset(id, http2::ErrorCode::Cancel);
    streams_.erase(id);
  }
  void onGoaway(http2::ErrorCode) override {}
  void onPeerSettings() override {}

  // A client's stream was opened.
  void opened(http2::StreamId id) {
    MESH_CHECK(streams_.count(id) == 0);
    streams_[id];
  }
  size_t streams() const { return streams_.size(); }

 private:
  struct Stream {
    int heads = 0;
    bool ended = false;
    bool tooLarge = false;
    size_t held = 0;
  };

  Stream& live(http2::StreamId id) {
    MESH_CHECK(streams_.count(id) == 1);
    Stream& stream = streams_[id];
    MESH_CHECK(!stream.ended);
    MESH_CHECK(!stream.tooLarge);
    return stream;
  }
  void drop(http2::StreamId id) {
    session->reset(id, http2::ErrorCode::Cancel);
    streams_.erase(id);
  }
  void answer(http2::StreamId id) {
    ResponseHead& head = head_;
    head.status = 200;
    head.fields.count = 0;
    switch (id / 2 % 6) {
      case 0:
        session->respond(id, head, http2::End::Last, false);
        break;
      case 1: {
        static const std::string much(100'000, 'm');
        session->respond(id, head, http2::End::More, false);
        (void)session->sendData(id, much);
        break;
      }
      case 2: {
        FieldTable& trailers = head_.fields;
        session->respond(id, head, http2::End::More, false);
        trailers.count = 1;
        trailers.items[0] = {.name = "Grpc-Status", .value = "0", .id = FieldId::Other};
        session->sendEnd(id, &trailers);
        break;
      }
      case 3:
        drop(id);
        break;
      case 4:
        session->respond(id, head, http2::End::Last, false);
        session->reset(id, http2::ErrorCode::NoError);
        streams_.erase(id);
        break;
      default:
        break;
    }
  }
  // RFC 9113 §8.2.1, and what an HTTP/1 peer could take for something else.
  static void checkFields(const FieldTable& fields) {
    MESH_CHECK(fields.count <= MAX_FIELDS);
    for (const Field& field : fields) {
      MESH_CHECK(!field.name.empty());
      for (const char c : field.name) {
        MESH_CHECK(c > ' ' && c < '\x7f' && c != ':' && !(c >= 'A' && c <= 'Z'));
      }
      MESH_CHECK(field.value.find_first_of(std::string_view("\0\r\n", 3)) ==
                 std::string_view::npos);
      MESH_CHECK(field.id == fieldIdOf(field.name));
      MESH_CHECK(field.id != FieldId::Connection && field.id != FieldId::TransferEncoding);
    }
  }

  std::map<http2::StreamId, Stream> streams_;
  http2::StreamId last_ = 0;
  ResponseHead head_;
};

// Small, so that fuzzers reach the limits.
inline http2::Settings smallSettings() {
  http2::Settings settings;
  settings.maxHeadBytes = 2'048;
  settings.maxFields = 16;
  settings.maxConcurrentStreams = 20;
  settings.streamWindowBytes = 4'096;
  settings.connectionWindowBytes = 65'535;
  settings.sendBufferBytes = 8'192;
  settings.connectionSendBufferBytes = 32'768;
  // Time stands still: the same input has the same outcome.
  settings.nowMs = [] { return uint64_t{1}; };
  return settings;
}

}  // namespace mesh::fuzz

// HTTP/2 peers for the tests of this folder: a session on a blocking socket, driven by hand. Not part
// of the product.
#pragma once

#include <map>
#include <string>

#include "http2/session.h"
#include "proxy/testing.h"

namespace mesh::testing {

// What is known of one stream.
struct SeenStream {
  uint16_t status = 0;
  std::string method;
  std::string path;
  std::string authority;
  std::string protocol;
  std::map<std::string, std::string> fields;
  std::vector<uint16_t> interim;
  std::string body;
  std::map<std::string, std::string> trailers;
  bool ended = false;
  bool done = false;  // both messages are complete and sent
  bool reset = false;
  http2::ErrorCode code = http2::ErrorCode::NoError;
};

class Http2Peer final : public http2::SessionHandler {
 public:
  Http2Peer(http2::Role role, TestPeer socket, http2::Settings settings = {})
      : pool_(budget_), socket_(std::move(socket)) {
    budget_.limitBytes = 1ULL << 30;
    session_ = http2::Session::create(role, settings, pool_, *this);
    flush();
  }

  http2::Session& session() { return *session_; }
  TestPeer& socket() { return socket_; }
  std::map<http2::StreamId, SeenStream> streams;
  http2::StreamId lastRequest = 0;
  bool goaway = false;
  // Data is given back to the windows at once unless this is off.
  bool consumes = true;

  http2::StreamId request(const std::string& method, const std::string& path, http2::End end,
                          std::vector<std::pair<std::string, std::string>> fields = {},
                          const std::string& protocol = "") {
    RequestHead head;
    head.methodText = method;
    if (method == "CONNECT") head.method = Method::Connect;
    head.protocol = protocol;
    head.target = head.path = path;
    head.authority = "web.mesh";
    head.majorVersion = 2;
    fill(head.fields, fields);
    const http2::StreamId id = session_->openStream(head, "http", end);
    REQUIRE(id > 0);
    flush();
    return id;
  }
  void respond(http2::StreamId stream, uint16_t status, http2::End end,
               std::vector<std::pair<std::string, std::string>> fields = {}) {
    ResponseHead head;
    head.status = status;
    fill(head.fields, fields);
    session_->respond(stream, head, end, false);
    flush();
  }
  // All of it, reading meanwhile as far as windows demand it. False when the connection ends first.
  bool send(http2::StreamId stream, std::string_view data) {
    while (!data.empty()) {
      const size_t taken = session_->sendData(stream, data);
      data.remove_prefix(taken);
      flush();
      if (taken == 0 && !receiveOnce()) return false;
    }
    return true;
  }
  void end(http2::StreamId stream, std::vector<std::pair<std::string, std::string>> trailers = {}) {
    FieldTable table;
    fill(table, trailers);
    session_->sendEnd(stream, &table);
    flush();
  }
  // As above, and reads until the end is out: it may have to wait for the peer's window.
  bool finish(http2::StreamId stream,
              std::vector<std::pair<std::string, std::string>> trailers = {}) {
    end(stream, std::move(trailers));
    return reaches([&] { return streams[stream].done || streams[stream].reset; });
  }
  void flush() {
    for (std::string_view bytes = session_->output(); !bytes.empty(); bytes = session_->output()) {
      const std::string copy(bytes);
      socket_.send(copy);
      session_->wrote(copy.size());
    }
  }
  // False at the end of the connection.
  bool receiveOnce() {
    const std::string bytes = socket_.receiveSome();
    if (bytes.empty() || bytes == "<reset>" || bytes == "<timeout>") return false;
    const bool fine = session_->receive(bytes);
    flush();
    return fine;
  }
  // False when the connection ends first. Asserts nothing: for threads that are not the test's,
  // where a failed assertion ends the process.
  template <typename Until>
  bool reaches(Until until) {
    while (!until()) {
      if (!receiveOnce()) return false;
    }
    return true;
  }
  bool reachesEnd(http2::StreamId stream) {
    return reaches([&] { return streams[stream].ended || streams[stream].reset; });
  }
  template <typename Until>
  void receiveUntil(Until until) {
    REQUIRE(reaches(until));
  }
  SeenStream& awaitEnd(http2::StreamId stream) {
    REQUIRE(reachesEnd(stream));
    return streams[stream];
  }
  // The next request that has arrived, its head at least.
  http2::StreamId awaitRequest() {
    const http2::StreamId before = lastRequest;
    receiveUntil([&] { return lastRequest != before; });
    return lastRequest;
  }

  void onRequest(http2::StreamId stream, const RequestHead& head, http2::End end) override {
    SeenStream& seen = streams[stream];
    seen.method = head.methodText;
    seen.path = head.path;
    seen.authority = head.authority;
    seen.protocol = head.protocol;
    keep(seen.fields, head.fields);
    seen.ended = end == http2::End::Last;
    lastRequest = stream;
  }
  void onRequestTooLarge(http2::StreamId, const http2::LargeHead&) override {}
  void onResponse(http2::StreamId stream, const ResponseHead& head, http2::End end) override {
    SeenStream& seen = streams[stream];
    if (head.status < 200) {
      seen.interim.push_back(head.status);
      return;
    }
    seen.status = head.status;
    keep(seen.fields, head.fields);
    seen.ended = end == http2::End::Last;
  }
  void onData(http2::StreamId stream, std::string_view data) override {
    streams[stream].body += data;
    if (consumes) session_->consumed(stream, data.size());
  }
  void onEnd(http2::StreamId stream, const FieldTable& trailers) override {
    keep(streams[stream].trailers, trailers);
    streams[stream].ended = true;
  }
  void onReset(http2::StreamId stream, http2::ErrorCode code, bool) override {
    streams[stream].reset = true;
    streams[stream].code = code;
  }
  void onRoom(http2::StreamId) override {}
  void onDone(http2::StreamId stream) override { streams[stream].done = true; }
  void onGoaway(http2::ErrorCode) override { goaway = true; }
  void onPeerSettings() override {}

 private:
  static void fill(FieldTable& table,
                   const std::vector<std::pair<std::string, std::string>>& fields) {
    table.count = 0;
    for (const auto& [name, value] : fields) {
      table.items[table.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
    }
  }
  static void keep(std::map<std::string, std::string>& into, const FieldTable& table) {
    for (const Field& field : table) into[std::string(field.name)] = field.value;
  }

  BufferBudget budget_;
  BufferPool pool_;
  TestPeer socket_;
  std::unique_ptr<http2::Session> session_;
};

}  // namespace mesh::testing

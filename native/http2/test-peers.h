// For tests and fuzzers: a session whose handler writes down what it is told, and two sessions
// connected through memory, in pieces as they come or as a random source cuts them.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "http2/session.h"
#include "http2/test-frames.h"
#include "io/buffer-pool.h"

namespace mesh::http2 {

inline std::string describe(const FieldTable& fields) {
  std::string text;
  for (const Field& field : fields) {
    text.append(text.empty() ? "" : "|").append(field.name).append("=").append(field.value);
  }
  return text;
}

// The names of fields that no compression table may hold.
inline std::string neverIndexed(const FieldTable& fields) {
  std::string names;
  for (const Field& field : fields) {
    if (field.neverIndexed) names.append(names.empty() ? "" : "|").append(field.name);
  }
  return names;
}

// A handler that keeps everything. `during` may do something of its own in each call.
class Recorder : public SessionHandler {
 public:
  struct Message {
    std::string head;
    std::string fields;
    std::string neverIndexed;
    std::string data;
    std::string trailers;
    int heads = 0;
    bool ended = false;
    bool done = false;
    bool reset = false;
    bool byPeer = false;
    ErrorCode code = ErrorCode::NoError;
    size_t afterEnd = 0;  // calls that should not have come
    size_t rooms = 0;
  };
  std::map<StreamId, Message> messages;
  std::vector<ErrorCode> goaways;
  size_t tooLarge = 0;
  LargeHead large{};
  size_t settings = 0;
  // Gives data back at once.
  bool consumes = true;
  // No longer keeps what is received.
  bool keeps = true;
  Session* session = nullptr;
  std::function<void(StreamId, std::string_view call)> during;

  void onRequest(StreamId id, const RequestHead& head, End end) override {
    Message& message = at(id);
    ++message.heads;
    message.head = std::string(head.methodText) + " " + std::string(head.target) + " " +
                   std::string(head.authority);
    message.fields = describe(head.fields);
    message.neverIndexed = neverIndexed(head.fields);
    message.ended = end == End::Last;
    lastForm = head.form;
    lastProtocol = head.protocol;
    lastScheme = head.scheme;
    tell(id, "request");
  }
  void onRequestTooLarge(StreamId id, const LargeHead& head) override {
    large = head;
    at(id);
    ++tooLarge;
    tell(id, "tooLarge");
  }
  void onResponse(StreamId id, const ResponseHead& head, End end) override {
    Message& message = at(id);
    ++message.heads;
    message.head.append(message.head.empty() ? "" : " ").append(std::to_string(head.status));
    message.fields = describe(head.fields);
    message.neverIndexed = neverIndexed(head.fields);
    if (end == End::Last) message.ended = true;
    tell(id, "response");
  }
  void onData(StreamId id, std::string_view data) override {
    Message& message = at(id);
    if (message.ended) ++message.afterEnd;
    if (keeps) message.data.append(data);
    if (consumes) session->consumed(id, data.size());
    tell(id, "data");
  }
  void onEnd(StreamId id, const FieldTable& trailers) override {
    Message& message = at(id);
    if (message.ended) ++message.afterEnd;
    message.ended = true;
    message.trailers = describe(trailers);
    tell(id, "end");
  }
  void onReset(StreamId id, ErrorCode code, bool byPeer) override {
    Message& message = at(id);
    message.reset = true;
    message.code = code;
    message.byPeer = byPeer;
    tell(id, "reset");
  }
  void onRoom(StreamId id) override {
    ++at(id).rooms;
    tell(id, "room");
  }
  void onDone(StreamId id) override {
    at(id).done = true;
    tell(id, "done");
  }
  void onGoaway(ErrorCode code) override { goaways.push_back(code); }
  void onPeerSettings() override { ++settings; }

  TargetForm lastForm = TargetForm::Origin;
  std::string lastProtocol;
  std::string lastScheme;

 private:
  Message& at(StreamId id) {
    Message& message = messages[id];
    if (message.done || message.reset) ++message.afterEnd;
    return message;
  }
  void tell(StreamId id, std::string_view call) {
    if (during) during(id, call);
  }
};

// One side.
struct Side {
  explicit Side(Role role, const Settings& settings = {}) {
    session = Session::create(role, settings, pool, handler);
    handler.session = session.get();
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() { session.reset(); }

  // From memory of exactly this size, so that AddressSanitizer sees every read past it.
  bool receive(std::string_view bytes) {
    const std::unique_ptr<char[]> copy(new char[bytes.size()]);
    if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
    return session->receive({copy.get(), bytes.size()});
  }
  std::string takeOutput() {
    std::string all;
    for (std::string_view bytes; !(bytes = session->output()).empty();) {
      all.append(bytes);
      session->wrote(bytes.size());
    }
    return all;
  }
  std::vector<frames::Frame> takeFrames() {
    unparsed += takeOutput();
    return frames::takeFrames(unparsed);
  }
  Recorder::Message& message(StreamId id) { return handler.messages[id]; }

  BufferBudget budget{.limitBytes = 1 << 30, .usedBytes = {}};
  BufferPool pool{budget};
  Recorder handler;
  std::string unparsed;
  std::unique_ptr<Session> session;
};

struct Pair {
  explicit Pair(const Settings& clientSettings = {}, const Settings& serverSettings = {})
      : client(Role::Client, clientSettings), server(Role::Server, serverSettings) {}

  // Until neither has anything to say.
  void settle() {
    for (bool moved = true; moved;) {
      moved = pass(client, server, SIZE_MAX);
      moved = pass(server, client, SIZE_MAX) || moved;
    }
  }
  // One piece of up to so many bytes. False when there was nothing.
  static bool pass(Side& from, Side& to, size_t most) {
    const std::string_view bytes = from.session->output();
    if (bytes.empty()) return false;
    const std::string piece(bytes.substr(0, most));
    from.session->wrote(piece.size());
    to.receive(piece);
    return true;
  }

  Side client;
  Side server;
};

struct Request {
  explicit Request(std::string_view method = "GET", std::string_view path = "/",
                   std::string_view authority = "a.example") {
    head.methodText = method;
    head.method = method == "CONNECT" ? Method::Connect : Method::Other;
    head.path = head.target = path;
    head.authority = authority;
    head.majorVersion = 2;
    head.minorVersion = 0;
  }
  Request& with(std::string_view name, std::string_view value) {
    head.fields.items[head.fields.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
    return *this;
  }
  RequestHead head;
};

struct Response {
  explicit Response(uint16_t status = 200) { head.status = status; }
  Response& with(std::string_view name, std::string_view value) {
    head.fields.items[head.fields.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
    return *this;
  }
  ResponseHead head;
};

inline FieldTable& addTo(FieldTable& fields, std::string_view name, std::string_view value) {
  fields.items[fields.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
  return fields;
}

}  // namespace mesh::http2

// Back-pressure: nothing beyond windows and buffers, in either direction, and no stream waits for
// another.
#include <doctest/doctest.h>

#include <set>

#include "http2/session.h"
#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;

namespace {

// Sends what there is, as room allows.
struct Sender {
  Session& session;
  std::map<StreamId, std::string> left;
  std::set<StreamId> waiting;

  void add(StreamId id, std::string data) {
    left[id] = std::move(data);
    send(id);
  }
  void send(StreamId id) {
    std::string& data = left[id];
    const size_t taken = session.sendData(id, data);
    data.erase(0, taken);
    if (data.empty()) {
      session.sendEnd(id, nullptr);
      left.erase(id);
    }
  }
  void onRoom(StreamId id) {
    if (left.count(id) > 0) send(id);
  }
};

}  // namespace

TEST_CASE("a stream that is not read holds at most its window, and the others go on") {
  Settings settings;
  settings.streamWindowBytes = 100'000;
  settings.connectionWindowBytes = 1'000'000;
  Pair pair({}, settings);
  pair.server.handler.consumes = false;
  pair.server.handler.during = [&](StreamId id, std::string_view call) {
    // The first stream is never read.
    if (call == "data" && id != 1) {
      pair.server.session->consumed(id, SIZE_MAX);
    }
  };
  Sender sender{*pair.client.session, {}, {}};
  pair.client.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "room") sender.onRoom(id);
  };
  for (int i = 0; i < 20; ++i) {
    const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
    sender.add(id, std::string(1 << 20, static_cast<char>('a' + i)));
  }
  pair.settle();
  CHECK(pair.server.message(1).data.size() == 100'000);
  CHECK_FALSE(pair.server.message(1).ended);
  for (StreamId id = 3; id < 40; id += 2) {
    CHECK(pair.server.message(id).data.size() == 1 << 20);
    CHECK(pair.server.message(id).ended);
  }
  CHECK(sender.left.size() == 1);
  // Once it is read it goes on.
  pair.server.handler.consumes = true;
  pair.server.session->consumed(1, 100'000);
  pair.settle();
  CHECK(pair.server.message(1).data == std::string(1 << 20, 'a'));
  CHECK(pair.server.message(1).ended);
  CHECK(pair.client.pool.inUseBytes() == 0);
}

TEST_CASE("data that nobody consumes counts until the stream is reset") {
  Settings settings;
  settings.streamWindowBytes = 65'535;
  settings.connectionWindowBytes = 65'535;
  Pair pair({}, settings);
  pair.server.handler.consumes = false;
  Sender sender{*pair.client.session, {}, {}};
  pair.client.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "room") sender.onRoom(id);
  };
  const StreamId one = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  const StreamId two = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  sender.add(one, std::string(65'535, 'a'));
  sender.add(two, std::string(10'000, 'b'));
  pair.settle();
  CHECK(pair.server.message(one).data.size() == 65'535);
  CHECK(pair.server.message(two).data.empty());
  pair.server.session->reset(one, ErrorCode::Cancel);
  pair.settle();
  CHECK(pair.server.message(two).data.size() == 10'000);
}

TEST_CASE("data of a complete stream counts against the connection until it is consumed") {
  Settings settings;
  settings.streamWindowBytes = 65'535;
  settings.connectionWindowBytes = 65'535;
  for (const bool byReset : {false, true}) {
    Pair pair(settings, {});
    pair.client.handler.consumes = false;
    Sender sender{*pair.server.session, {}, {}};
    pair.server.handler.during = [&](StreamId id, std::string_view call) {
      if (call == "request") {
        pair.server.session->respond(id, Response().head, End::More, false);
        sender.add(id, std::string(40'000, 'x'));
      }
      if (call == "room") sender.onRoom(id);
    };
    const StreamId one = pair.client.session->openStream(Request().head, "http", End::Last);
    const StreamId two = pair.client.session->openStream(Request().head, "http", End::Last);
    pair.settle();
    // Streams take turns, so neither is complete; all that fits was sent.
    const size_t first = pair.client.message(one).data.size();
    const size_t second = pair.client.message(two).data.size();
    CHECK(first + second == 65'535);
    pair.client.session->consumed(one, first);
    pair.settle();
    CHECK(pair.client.message(one).data.size() == 40'000);
    CHECK(pair.client.message(one).done);
    // The rest of one, and two, are still counted.
    pair.client.session->consumed(two, second);
    pair.settle();
    CHECK(pair.client.message(two).done);
    const StreamId three = pair.client.session->openStream(Request().head, "http", End::Last);
    const StreamId four = pair.client.session->openStream(Request().head, "http", End::Last);
    pair.settle();
    const size_t counted = 40'000 - first + 40'000 - second;
    // Windows are opened by halves.
    const size_t room = 65'535 - counted;
    CHECK(pair.client.message(three).data.size() + pair.client.message(four).data.size() <= room);
    if (byReset) {
      pair.client.session->reset(one, ErrorCode::Cancel);
      pair.client.session->reset(two, ErrorCode::Cancel);
    } else {
      pair.client.session->consumed(one, 40'000 - first);
      pair.client.session->consumed(two, 40'000 - second);
    }
    pair.settle();
    CHECK(pair.client.message(three).data.size() + pair.client.message(four).data.size() == 65'535);
    CHECK_FALSE(pair.client.session->failed());
  }
}

TEST_CASE("data that is dropped does not use up the connection's window") {
  Settings settings;
  settings.maxHeadBytes = 1'000;
  settings.connectionWindowBytes = 65'535;
  Side server(Role::Server, settings);
  server.handler.consumes = false;
  server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "tooLarge") server.session->respond(id, Response(431).head, End::Last, true);
    if (call == "data") server.session->reset(id, ErrorCode::Cancel);
  };
  const std::string head = frames::block(frames::request("POST"));
  const std::string large = head + frames::literal("x", std::string(1'000, 'y'));
  const std::string piece(8'000, 'z');
  CHECK(server.receive(std::string(frames::PREFACE) + frames::settings()));
  for (uint32_t stream = 1; stream < 40; stream += 4) {
    // All in one piece: the streams are not closed before the data comes.
    CHECK(server.receive(frames::headers(stream, large, frames::NONE) +
                         frames::data(stream, piece) +
                         frames::headers(stream + 2, head, frames::NONE) +
                         frames::data(stream + 2, piece) + frames::data(stream + 2, piece)));
    server.takeOutput();
  }
  CHECK_FALSE(server.session->failed());
}

TEST_CASE("nothing is taken that the peer's window does not let through") {
  Settings settings;
  settings.streamWindowBytes = 1'000;
  Pair pair({}, settings);
  pair.settle();
  const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  const std::string much(5'000, 'x');
  CHECK(pair.client.session->sendData(id, much) == 1'000);
  CHECK(pair.client.session->sendData(id, much) == 0);
  pair.server.handler.consumes = false;
  pair.settle();
  CHECK(pair.client.message(id).rooms == 0);
  CHECK(pair.client.pool.inUseBytes() == 0);
  pair.server.session->consumed(id, 1'000);
  pair.settle();
  CHECK(pair.client.message(id).rooms == 1);
  CHECK(pair.client.session->sendData(id, much) == 1'000);
}

TEST_CASE("what a peer that reads nothing makes us keep is bounded for all streams together") {
  Settings settings;
  settings.connectionSendBufferBytes = 100'000;
  Side server(Role::Server, settings);
  std::string input(frames::PREFACE);
  // Windows as large as they can be.
  input += frames::settings({{4, 0x7fffffff}}) + frames::windowUpdate(0, 0x7fffffff - 65'535);
  for (uint32_t i = 0; i < 200; ++i) input += frames::get(2 * i + 1);
  const std::string body(60'000, 'z');
  size_t taken = 0;
  server.handler.during = [&](StreamId id, std::string_view call) {
    if (call != "request") return;
    server.session->respond(id, Response().head, End::More, false);
    taken += server.session->sendData(id, body);
  };
  CHECK(server.receive(input));
  CHECK(server.handler.messages.size() == 200);
  // What fits into the output is taken out of the account.
  CHECK(taken <= 100'000 + 65'536);
  CHECK(server.pool.inUseBytes() <= 400'000);
}

TEST_CASE("a stream that always has more does not keep the others waiting") {
  Pair pair;
  pair.settle();
  const std::string block(65'536, 'x');
  // It comes before the other one in every order of ids, and is filled up before every output.
  const StreamId endless = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  const StreamId other = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  pair.settle();
  const std::string body(100'000, 'y');
  size_t sent = 0;
  int outputs = 0;
  while (sent < body.size() && outputs < 100) {
    pair.client.session->sendData(endless, block);
    sent += pair.client.session->sendData(other, std::string_view(body).substr(sent));
    Pair::pass(pair.client, pair.server, SIZE_MAX);
    Pair::pass(pair.server, pair.client, SIZE_MAX);
    ++outputs;
  }
  // Half of what goes out is its own.
  CHECK(outputs <= 4);
  CHECK(pair.server.message(endless).data.size() <= 130'000);
}

TEST_CASE("the window of a stream whose data is complete is not opened any more") {
  Settings settings;
  settings.connectionWindowBytes = 65'535;
  settings.streamWindowBytes = 65'535;
  Pair pair({}, settings);
  pair.settle();
  pair.server.handler.consumes = false;
  const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  CHECK(pair.client.session->sendData(id, std::string(60'000, 'x')) == 60'000);
  pair.client.session->sendEnd(id, nullptr);
  pair.settle();
  CHECK(pair.server.message(id).ended);
  pair.server.session->consumed(id, 60'000);
  const std::vector<frames::Frame> sent = pair.server.takeFrames();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].type == frames::WINDOW_UPDATE);
  CHECK(sent[0].stream == 0);
}

TEST_CASE("windows that shrink below what was sent hold data back until they open again") {
  Side server(Role::Server);
  server.receive(std::string(frames::PREFACE) + frames::settings() + frames::get(1));
  server.session->respond(1, Response().head, End::More, false);
  CHECK(server.session->sendData(1, std::string(60'000, 'x')) == 60'000);
  server.takeOutput();
  CHECK(server.receive(frames::settings({{4, 1'000}})));
  CHECK(server.session->sendData(1, "more") == 0);
  CHECK(server.receive(frames::windowUpdate(1, 58'000)));
  CHECK(server.message(1).rooms == 0);
  // 1,000 + 58,000 - 60,000 = -1,000.
  CHECK(server.receive(frames::windowUpdate(1, 1'003)));
  server.takeOutput();
  CHECK(server.message(1).rooms == 1);
  CHECK(server.session->sendData(1, "more") == 3);
}

TEST_CASE("trailers need no window") {
  Settings settings;
  settings.streamWindowBytes = 5;
  Pair pair({}, settings);
  pair.settle();
  pair.server.handler.consumes = false;
  const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  CHECK(pair.client.session->sendData(id, "12345") == 5);
  pair.settle();
  FieldTable trailers;
  addTo(trailers, "X-Sum", "15");
  pair.client.session->sendEnd(id, &trailers);
  pair.settle();
  CHECK(pair.server.message(id).data == "12345");
  CHECK(pair.server.message(id).trailers == "x-sum=15");
  pair.server.session->consumed(id, 5);
  pair.server.session->respond(id, Response().head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).done);
  CHECK_FALSE(pair.server.session->failed());
}

TEST_CASE("fields that may not be trailers are left out in both directions") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  FieldTable trailers;
  addTo(trailers, "Content-Length", "3");
  addTo(trailers, "x-a", "1");
  addTo(trailers, "l5d-client-id", "me");
  pair.client.session->sendEnd(id, &trailers);
  pair.settle();
  CHECK(pair.server.message(id).trailers == "x-a=1");
  Side server(Role::Server);
  server.receive(
      std::string(frames::PREFACE) + frames::settings() + frames::post(1) +
      frames::headers(
          1,
          frames::block({{"authorization", "x"}, {"grpc-status", "0"}, {"x-forwarded-for", "y"}}),
          frames::END_STREAM));
  CHECK(server.message(1).trailers == "grpc-status=0");
}

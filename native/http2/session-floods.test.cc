// Hostile peers: whatever they repeat ends the connection with ENHANCE_YOUR_CALM, at a cost that is
// bounded; honest peers that do a lot of the same go on.
#include <doctest/doctest.h>

#include "http2/session.h"
#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;
using namespace mesh::http2::frames;

namespace {

const std::string HELLO = std::string(PREFACE) + settings() + settingsAck();

uint64_t clockMs = 0;

Settings withClock() {
  Settings settings;
  settings.nowMs = [] { return clockMs; };
  return settings;
}

enum class Reads : uint8_t { Everything, Nothing };

struct Outcome {
  size_t repeats = 0;
  size_t mostBytes = 0;  // from the pool
  std::string detail;
  std::string code;
};

// Repeats what `piece` makes of 0, 1, 2 … until the connection ends.
template <typename Piece>
Outcome flood(Side& side, Piece&& piece, Reads reads, size_t most = 200'000) {
  Outcome outcome;
  while (outcome.repeats < most) {
    const bool goesOn = side.receive(piece(outcome.repeats));
    outcome.mostBytes = std::max(outcome.mostBytes, side.pool.inUseBytes());
    if (reads == Reads::Everything) side.takeFrames();
    if (!goesOn) break;
    ++outcome.repeats;
  }
  outcome.detail = side.session->failureDetail();
  outcome.code = errorCodeName(side.session->failure());
  return outcome;
}

constexpr size_t MAX_POOL_BYTES = 256 * 1024;

// `atLeast` goes through, `atMost` does not.
template <typename Piece>
void checkFlood(const std::string& before, Piece&& piece, std::string_view detail, size_t atLeast,
                size_t atMost) {
  for (const Reads reads : {Reads::Everything, Reads::Nothing}) {
    CAPTURE(detail);
    clockMs = 1'000'000;
    Side server(Role::Server, withClock());
    CHECK(server.receive(HELLO + before));
    server.takeOutput();
    const Outcome outcome = flood(server, piece, reads);
    CHECK(outcome.code == "ENHANCE_YOUR_CALM");
    if (reads == Reads::Everything) CHECK(outcome.detail == detail);
    CHECK(outcome.repeats >= atLeast);
    CHECK(outcome.repeats <= atMost);
    CHECK(outcome.mostBytes <= MAX_POOL_BYTES);
    const std::vector<Frame> sent = server.takeFrames();
    CHECK(server.session->over());
    if (reads == Reads::Nothing) {
      REQUIRE_FALSE(sent.empty());
      CHECK(sent.back().type == GOAWAY);
      CHECK(sent.back().code() == 0xb);
    }
  }
}

uint32_t streamOf(size_t i) { return static_cast<uint32_t>(2 * i + 1); }

}  // namespace

TEST_CASE("rapid reset ends the connection") {
  checkFlood(
      "", [](size_t i) { return post(streamOf(i)) + reset(streamOf(i), 8); }, "reset flood", 1'000,
      1'000);
}

TEST_CASE("making the server reset ends the connection") {
  // A violation after the request was handed out, so that work had begun.
  checkFlood(
      "", [](size_t i) { return post(streamOf(i)) + windowUpdate(streamOf(i), 0x7fff'ffff); },
      "reset flood", 999, 1'001);
  checkFlood(
      "",
      [](size_t i) {
        return post(streamOf(i)) + headers(streamOf(i), block({{":a", "b"}}), NONE);
      },
      "reset flood", 999, 1'001);
  checkFlood(
      "",
      [](size_t i) {
        Fields fields = request("POST");
        fields.emplace_back("content-length", "2");
        return headers(streamOf(i), block(fields), NONE) + data(streamOf(i), "x", END_STREAM);
      },
      "reset flood", 999, 1'001);
  // Before that.
  checkFlood(
      "",
      [](size_t i) {
        return headers(streamOf(i), block({{":method", "GET"}}), END_STREAM);
      },
      "reset flood", 999, 1'001);
}

TEST_CASE("floods of frames that mean nothing end the connection") {
  checkFlood(
      "", [](size_t) { return ping(); }, "PING flood", 200, 200);
  checkFlood(
      "", [](size_t) { return ping(ACK); }, "PING flood", 200, 200);
  checkFlood(
      "",
      [](size_t) {
        return settings({{4, 65'535}});
      },
      "SETTINGS flood", 48, 50);
  checkFlood(
      "", [](size_t) { return frame(PRIORITY, NONE, 1, std::string(5, '\0')); }, "PRIORITY flood",
      500, 500);
  checkFlood(
      "", [](size_t) { return windowUpdate(0, 1); }, "WINDOW_UPDATE flood", 4'000, 4'000);
  checkFlood(
      post(1), [](size_t) { return windowUpdate(1, 1); }, "WINDOW_UPDATE flood", 4'000, 4'000);
  checkFlood(
      post(1), [](size_t) { return data(1, ""); }, "empty DATA flood", 200, 210);
  checkFlood(
      post(1), [](size_t) { return data(1, std::string("\x03\0\0\0", 4), PADDED); },
      "empty DATA flood", 200, 210);
  checkFlood(
      post(1), [](size_t) { return goaway(0, 0); }, "GOAWAY flood", 50, 50);
}

TEST_CASE("frames that are ignored cost nothing but their bytes") {
  clockMs = 1'000'000;
  Side server(Role::Server, withClock());
  CHECK(server.receive(HELLO + post(1) + reset(1, 8)));
  server.takeOutput();
  const std::string unknown = frame(0xee, NONE, 0, "?") + frame(0x10, NONE, 0, "12345");
  // Of a stream that is over: its window is not there any more, the connection's is given back.
  const std::string late = data(1, std::string(1'000, 'x')) + windowUpdate(1, 1);
  std::string sent;
  for (int i = 0; i < 2'000; ++i) {
    REQUIRE(server.receive(unknown + late));
    sent += server.takeOutput();
    CHECK(server.pool.inUseBytes() == 0);
  }
  for (const Frame& one : frames::takeFrames(sent)) {
    CHECK(one.type == WINDOW_UPDATE);
    CHECK(one.stream == 0);
  }
  CHECK(server.message(1).data.empty());
}

TEST_CASE("a head that never ends is cut off") {
  Side server(Role::Server, withClock());
  CHECK(server.receive(HELLO + frame(HEADERS, NONE, 1, block(request()))));
  const std::string piece = frame(CONTINUATION, NONE, 1, literal("x", std::string(1'000, 'y')));
  const Outcome outcome = flood(
      server, [&](size_t) { return piece; }, Reads::Everything);
  CHECK(outcome.code == "ENHANCE_YOUR_CALM");
  CHECK(outcome.detail == "CONTINUATION flood");
  CHECK(outcome.repeats < 20);
  CHECK(server.pool.inUseBytes() == 0);
  // Empty ones too.
  Side other(Role::Server, withClock());
  CHECK(other.receive(HELLO + frame(HEADERS, NONE, 1, block(request()))));
  CHECK(flood(
            other, [](size_t) { return frame(CONTINUATION, NONE, 1, ""); }, Reads::Everything)
            .repeats < 20);
}

TEST_CASE("a head that unpacks to many times its size is cut off") {
  Side server(Role::Server, withClock());
  const std::string large(4'000, 'b');
  std::string bomb = block(request()) + literal("x-bomb", large, true);
  for (int i = 0; i < 1'000; ++i) bomb += indexed(62);
  CHECK_FALSE(server.receive(HELLO + headers(1, bomb, END_STREAM)));
  CHECK(server.session->failure() == ErrorCode::EnhanceYourCalm);
  CHECK(server.session->failureDetail() == "header bomb");
  CHECK(server.handler.messages.empty());
  CHECK(server.pool.inUseBytes() <= MAX_POOL_BYTES);
  server.takeOutput();
  CHECK(server.pool.inUseBytes() == 0);
}

TEST_CASE("heads above the limits are answered, but not for ever") {
  clockMs = 1'000'000;
  Side server(Role::Server, withClock());
  server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "tooLarge") server.session->respond(id, Response(431).head, End::Last, true);
  };
  const std::string large(4'000, 'b');
  std::string head = block(request()) + literal("x-large", large, true);
  for (int i = 0; i < 20; ++i) head += indexed(62);
  CHECK(server.receive(HELLO));
  const Outcome outcome = flood(
      server, [&](size_t i) { return headers(streamOf(i), head, END_STREAM); }, Reads::Everything);
  CHECK(outcome.repeats == 50);
  CHECK(outcome.detail == "flood of oversize heads");
  CHECK(outcome.code == "ENHANCE_YOUR_CALM");
}

TEST_CASE("a peer that opens windows and reads nothing costs no more than the buffers") {
  clockMs = 1'000'000;
  Settings settings = withClock();
  settings.connectionSendBufferBytes = 131'072;
  Side server(Role::Server, settings);
  const std::string body(1 << 20, 'x');
  server.handler.keeps = false;
  server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "request") server.session->respond(id, Response().head, End::More, false);
    if (call == "request" || call == "room") server.session->sendData(id, body);
  };
  // Windows of nothing: nothing is kept.
  CHECK(server.receive(HELLO + frames::settings({{4, 0}})));
  for (uint32_t i = 0; i < 1'000; ++i) server.receive(get(streamOf(i)));
  CHECK(server.pool.inUseBytes() <= 65'536);
  // Then one byte at a time, of each stream: little things, but no more memory.
  size_t most = 0;
  for (uint32_t i = 0; i < 1'000; ++i) {
    CHECK(server.receive(windowUpdate(streamOf(i), 1)));
    most = std::max(most, server.pool.inUseBytes());
  }
  CHECK(most <= MAX_POOL_BYTES);
  // Then all at once.
  CHECK(server.receive(frames::settings({{4, 0x7fff'0000}}) + windowUpdate(0, 0x7fff'0000)));
  CHECK(server.pool.inUseBytes() <= 131'072 * 2 + 65'536);
}

TEST_CASE("a client that opens a thousand streams and cancels a hundred is served") {
  clockMs = 1'000'000;
  Side server(Role::Server, withClock());
  CHECK(server.receive(HELLO));
  for (uint32_t i = 0; i < 1'000; ++i) CHECK(server.receive(get(streamOf(i))));
  for (uint32_t i = 0; i < 1'000; i += 10) CHECK(server.receive(reset(streamOf(i), 8)));
  for (uint32_t i = 0; i < 1'000; ++i) {
    server.session->respond(static_cast<StreamId>(streamOf(i)), Response().head, End::Last, false);
  }
  size_t answered = 0;
  for (const Frame& one : server.takeFrames()) answered += one.type == HEADERS ? 1 : 0;
  CHECK(answered == 900);
  CHECK_FALSE(server.session->failed());
}

TEST_CASE("a client that cancels every other request, and all it has open at times, is served") {
  clockMs = 1'000'000;
  Side server(Role::Server, withClock());
  server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "request" && id % 4 == 1) {
      server.session->respond(id, Response().head, End::Last, false);
    }
  };
  CHECK(server.receive(HELLO));
  for (uint32_t i = 0; i < 20'000; ++i) {
    std::string input = get(streamOf(i));
    if (streamOf(i) % 4 == 3) input += reset(streamOf(i), 8);
    REQUIRE(server.receive(input));
    server.takeOutput();
  }
  uint32_t next = 20'000;
  for (int round = 0; round < 5; ++round) {
    // Time mends what was used up.
    clockMs += 20'000;
    std::string cancels;
    for (uint32_t i = 0; i < 900; ++i, ++next) {
      const uint32_t stream = 4 * next + 3;
      REQUIRE(server.receive(get(stream)));
      cancels += reset(stream, 8);
    }
    REQUIRE(server.receive(cancels));
    server.takeOutput();
  }
}

TEST_CASE("PING and window updates that go with data are served") {
  clockMs = 1'000'000;
  Side server(Role::Server, withClock());
  server.handler.keeps = false;
  CHECK(server.receive(HELLO + post(1)));
  server.session->respond(1, Response().head, End::More, false);
  for (uint32_t i = 0; i < 20'000; ++i) {
    REQUIRE(server.receive(ping() + data(1, "some data") + ping() + data(1, "")));
    server.session->sendData(1, "0123456789");
    server.takeOutput();
    REQUIRE(server.receive(windowUpdate(1, 10) + windowUpdate(0, 10)));
  }
}

TEST_CASE("an endpoint may refuse as many streams as it likes") {
  clockMs = 1'000'000;
  Side client(Role::Client, withClock());
  CHECK(client.receive(settings()));
  for (uint32_t i = 0; i < 5'000; ++i) {
    REQUIRE(client.session->openStream(Request().head, "http", End::Last) != 0);
    client.takeOutput();
    REQUIRE(client.receive(reset(streamOf(i), 7)));
  }
}

// Messages between two sessions: what arrives is what was sent, translated as promised.
#include "http2/session.h"

#include <doctest/doctest.h>

#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;

TEST_CASE("a request and its response arrive with heads, data and trailers") {
  Pair pair;
  FieldTable trailers;
  addTo(trailers, "grpc-status", "0");
  const StreamId id = pair.client.session->openStream(
      Request("POST", "/a?b=c").with("x-one", "1").with("te", "trailers").head, "http", End::More);
  CHECK(id == 1);
  CHECK(pair.client.session->sendData(id, "hello") == 5);
  pair.client.session->sendEnd(id, &trailers);
  pair.settle();
  Recorder::Message& request = pair.server.message(id);
  CHECK(request.head == "POST /a?b=c a.example");
  CHECK(request.fields == "x-one=1|te=trailers");
  CHECK(request.data == "hello");
  CHECK(request.ended);
  CHECK(request.trailers == "grpc-status=0");
  CHECK(pair.server.handler.lastScheme == "http");
  CHECK_FALSE(request.done);

  pair.server.session->respond(id, Response(200).with("content-type", "a/b").head, End::More,
                               false);
  CHECK(pair.server.session->sendData(id, "world") == 5);
  pair.server.session->sendEnd(id, &trailers);
  pair.settle();
  Recorder::Message& response = pair.client.message(id);
  CHECK(response.head == "200");
  CHECK(response.fields == "content-type=a/b");
  CHECK(response.data == "world");
  CHECK(response.trailers == "grpc-status=0");
  CHECK(response.done);
  CHECK(pair.server.message(id).done);
  CHECK(pair.client.session->streams() == 0);
  CHECK(pair.server.session->streams() == 0);
  CHECK(pair.client.pool.inUseBytes() == 0);
  CHECK(pair.server.pool.inUseBytes() == 0);
}

TEST_CASE("messages without a body are complete with their heads") {
  Pair pair;
  pair.server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "request") pair.server.session->respond(id, Response(204).head, End::Last, false);
  };
  const StreamId id = pair.client.session->openStream(Request().head, "https", End::Last);
  pair.settle();
  CHECK(pair.server.message(id).ended);
  CHECK(pair.server.handler.lastScheme == "https");
  CHECK(pair.client.message(id).head == "204");
  CHECK(pair.client.message(id).ended);
  CHECK(pair.client.message(id).done);
  CHECK(pair.server.message(id).done);
  CHECK(pair.client.message(id).afterEnd == 0);
}

TEST_CASE("interim responses come before the final one, and trailers after it") {
  Pair pair;
  FieldTable trailers;
  addTo(trailers, "x-sum", "7");
  const StreamId id = pair.client.session->openStream(Request("PUT").head, "http", End::More);
  pair.settle();
  pair.server.session->respond(id, Response(100).head, End::More, false);
  pair.server.session->respond(id, Response(103).with("link", "</a>").head, End::More, false);
  pair.settle();
  CHECK(pair.client.message(id).head == "100 103");
  CHECK(pair.client.message(id).fields == "link=</a>");
  pair.server.session->respond(id, Response(200).head, End::More, false);
  pair.server.session->sendEnd(id, &trailers);
  pair.settle();
  CHECK(pair.client.message(id).head == "100 103 200");
  CHECK(pair.client.message(id).heads == 3);
  CHECK(pair.client.message(id).trailers == "x-sum=7");
  CHECK_FALSE(pair.client.message(id).done);
  pair.client.session->sendEnd(id, nullptr);
  pair.settle();
  CHECK(pair.client.message(id).done);
}

TEST_CASE("several cookie fields arrive as one in the place of the first") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request()
                                                          .with("a", "1")
                                                          .with("cookie", "b=2")
                                                          .with("c", "3")
                                                          .with("cookie", "d=4")
                                                          .with("cookie", "e=5")
                                                          .with("f", "6")
                                                          .head,
                                                      "http", End::Last);
  pair.settle();
  CHECK(pair.server.message(id).fields == "a=1|cookie=b=2; d=4; e=5|c=3|f=6");
}

TEST_CASE("a field that no compression table may hold is known by its mark, and keeps it") {
  Pair pair;
  Request request;
  request.with("x-open", "1").with("x-secret", "2").with("x-more", "3");
  request.head.fields.items[1].neverIndexed = true;
  const StreamId id = pair.client.session->openStream(request.head, "http", End::Last);
  pair.settle();
  CHECK(pair.server.message(id).neverIndexed == "x-secret");
  Response response(200);
  response.with("X-Secret", "4").with("x-open", "5");
  response.head.fields.items[0].neverIndexed = true;
  pair.server.session->respond(id, response.head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).neverIndexed == "x-secret");
}

TEST_CASE("an authority in Host alone is the authority") {
  Side server(Role::Server);
  server.receive(std::string(frames::PREFACE) + frames::settings() +
                 frames::headers(1,
                                 frames::block({{":method", "OPTIONS"},
                                                {":scheme", "http"},
                                                {":path", "*"},
                                                {"host", "b.example:81"}}),
                                 frames::END_STREAM));
  CHECK(server.message(1).head == "OPTIONS * b.example:81");
  CHECK(server.handler.lastForm == TargetForm::Asterisk);
}

TEST_CASE("CONNECT has an authority and no path; extended CONNECT has a protocol") {
  Pair pair;
  pair.settle();
  CHECK(pair.client.session->peerAllowsExtendedConnect());
  CHECK(pair.client.handler.settings == 1);
  Request plain("CONNECT", "", "c.example:443");
  const StreamId id = pair.client.session->openStream(plain.head, "http", End::More);
  pair.settle();
  CHECK(pair.server.message(id).head == "CONNECT c.example:443 c.example:443");
  CHECK(pair.server.handler.lastForm == TargetForm::Authority);
  Request extended("CONNECT", "/chat");
  extended.head.protocol = "websocket";
  const StreamId other = pair.client.session->openStream(extended.head, "http", End::More);
  pair.settle();
  CHECK(pair.server.message(other).head == "CONNECT /chat a.example");
  CHECK(pair.server.handler.lastProtocol == "websocket");
  // RFC 9110 §8.6: a tunnel has no length.
  pair.server.session->respond(id, Response(200).with("content-length", "0").head, End::More,
                               false);
  pair.settle();
  CHECK(pair.client.message(id).fields.empty());
  CHECK(pair.client.session->sendData(id, "up") == 2);
  CHECK(pair.server.session->sendData(id, "down") == 4);
  pair.settle();
  CHECK(pair.server.message(id).data == "up");
  CHECK(pair.client.message(id).data == "down");
}

TEST_CASE("a server without extended CONNECT neither announces nor accepts it") {
  Settings settings;
  settings.extendedConnect = false;
  Pair pair({}, settings);
  pair.settle();
  CHECK_FALSE(pair.client.session->peerAllowsExtendedConnect());
  Request extended("CONNECT", "/chat");
  extended.head.protocol = "websocket";
  const StreamId id = pair.client.session->openStream(extended.head, "http", End::More);
  pair.settle();
  CHECK(pair.server.handler.messages.empty());
  CHECK(pair.client.message(id).code == ErrorCode::ProtocolError);
}

TEST_CASE("a head above the limits is answered 431, and what else comes is dropped") {
  Settings settings;
  settings.maxHeadBytes = 4'096;
  Pair pair({}, settings);
  pair.server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "tooLarge") pair.server.session->respond(id, Response(431).head, End::Last, true);
  };
  const std::string large(5'000, 'x');
  const StreamId id =
      pair.client.session->openStream(Request("POST").with("x", large).head, "http", End::More);
  CHECK(pair.client.session->sendData(id, large) == large.size());
  pair.settle();
  CHECK(pair.server.handler.tooLarge == 1);
  CHECK(pair.server.message(id).data.empty());
  CHECK(pair.server.message(id).done);
  CHECK(pair.client.message(id).head == "431");
  CHECK(pair.client.message(id).reset);
  CHECK(pair.client.message(id).code == ErrorCode::NoError);
  // The connection goes on.
  const StreamId next = pair.client.session->openStream(Request().head, "http", End::Last);
  pair.settle();
  CHECK(pair.server.message(next).head == "GET / a.example");
  CHECK(pair.server.pool.inUseBytes() == 0);
}

TEST_CASE("one field too many is too large a head") {
  Settings settings;
  settings.maxFields = 3;
  Pair pair({}, settings);
  const StreamId fits = pair.client.session->openStream(
      Request().with("a", "1").with("b", "2").with("c", "3").head, "http", End::Last);
  pair.client.session->openStream(
      Request().with("a", "1").with("b", "2").with("c", "3").with("d", "4").head, "http",
      End::Last);
  pair.settle();
  CHECK(pair.server.message(fits).fields == "a=1|b=2|c=3");
  CHECK(pair.server.handler.tooLarge == 1);
}

TEST_CASE("of a head above the limits its size is known, and whether it is gRPC's") {
  Settings settings;
  settings.maxFields = 1;
  Pair pair({}, settings);
  pair.client.session->openStream(
      Request().with("a", "1").with("content-type", "application/grpc+proto").head, "http",
      End::Last);
  pair.settle();
  CHECK(pair.server.handler.large.grpc);
  // ":method GET" and the like count, too: each field is 32 bytes more than its text.
  CHECK(pair.server.handler.large.bytes > 6 * 32);
  pair.client.session->openStream(Request().with("a", "1").with("b", "2").head, "http", End::Last);
  pair.settle();
  CHECK(pair.server.handler.tooLarge == 2);
  CHECK(!pair.server.handler.large.grpc);
}

TEST_CASE("a response or trailers above the limits are a stream error") {
  Settings settings;
  settings.maxHeadBytes = 4'096;
  Pair pair(settings, settings);
  const std::string large(5'000, 'x');
  const StreamId id = pair.client.session->openStream(Request().head, "http", End::Last);
  const StreamId other = pair.client.session->openStream(Request("POST").head, "http", End::More);
  FieldTable trailers;
  addTo(trailers, "x", large);
  pair.client.session->sendEnd(other, &trailers);
  pair.settle();
  CHECK(pair.server.message(other).reset);
  CHECK(pair.server.message(other).code == ErrorCode::EnhanceYourCalm);
  CHECK_FALSE(pair.server.message(other).byPeer);
  CHECK(pair.client.message(other).byPeer);
  pair.server.session->respond(id, Response().with("x", large).head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).reset);
  CHECK_FALSE(pair.client.message(id).byPeer);
  CHECK(pair.client.message(id).heads == 0);
  // It had sent everything.
  CHECK(pair.server.message(id).done);
}

TEST_CASE("the largest head of the limits goes through in CONTINUATION frames") {
  Pair pair;
  const std::string large(60'000, '\xe9');
  const StreamId id =
      pair.client.session->openStream(Request().with("x", large).head, "http", End::Last);
  pair.settle();
  CHECK(pair.server.message(id).fields.size() == large.size() + 2);
  pair.server.session->respond(id, Response().with("y", large).head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).fields.size() == large.size() + 2);
}

TEST_CASE("a reset arrives with its code, and is the last of its stream") {
  Pair pair;
  const StreamId one = pair.client.session->openStream(Request("POST").head, "http", End::More);
  const StreamId two = pair.client.session->openStream(Request("POST").head, "http", End::More);
  pair.settle();
  pair.client.session->reset(one, ErrorCode::Cancel);
  pair.server.session->reset(two, ErrorCode::RefusedStream);
  pair.settle();
  CHECK(pair.server.message(one).code == ErrorCode::Cancel);
  CHECK(pair.server.message(one).byPeer);
  CHECK(pair.client.message(two).code == ErrorCode::RefusedStream);
  CHECK(pair.client.message(two).byPeer);
  // Who resets is told nothing.
  CHECK_FALSE(pair.client.message(one).reset);
  CHECK_FALSE(pair.server.message(two).reset);
  CHECK(pair.client.session->sendData(one, "x") == 0);
  CHECK(pair.client.session->sendData(two, "x") == 0);
  pair.client.session->sendEnd(two, nullptr);
  pair.server.session->respond(one, Response().head, End::Last, false);
  pair.server.session->consumed(one, 5);
  pair.settle();
  CHECK(pair.client.session->streams() == 0);
  CHECK(pair.server.session->streams() == 0);
  CHECK_FALSE(pair.client.session->failed());
}

TEST_CASE("a stream cancelled before its head was sent is never seen by the peer") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request().head, "http", End::Last);
  pair.client.session->reset(id, ErrorCode::Cancel);
  pair.settle();
  CHECK(pair.server.handler.messages.empty());
  CHECK(pair.client.session->streams() == 0);
}

TEST_CASE("NO_ERROR after a complete response ends the stream only when all is sent") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request("POST").head, "http", End::More);
  pair.settle();
  pair.server.session->respond(id, Response(413).head, End::More, false);
  CHECK(pair.server.session->sendData(id, "too much") == 8);
  pair.server.session->sendEnd(id, nullptr);
  pair.server.session->reset(id, ErrorCode::NoError);
  pair.settle();
  CHECK(pair.client.message(id).head == "413");
  CHECK(pair.client.message(id).data == "too much");
  CHECK(pair.client.message(id).ended);
  CHECK(pair.client.message(id).reset);
  CHECK(pair.client.message(id).code == ErrorCode::NoError);
  CHECK(pair.server.session->streams() == 0);
}

TEST_CASE("handlers may reset or answer the stream they are told of, in any call") {
  for (const std::string_view at : {"request", "data", "end", "done", "room"}) {
    CAPTURE(at);
    Pair pair;
    pair.server.handler.during = [&](StreamId id, std::string_view call) {
      if (call == "request") {
        pair.server.session->respond(id, Response().head, End::More, false);
        const std::string much(300'000, 'y');
        CHECK(pair.server.session->sendData(id, much) < much.size());
      }
      if (call == at) pair.server.session->reset(id, ErrorCode::InternalError);
      // Bytes of other streams may not be asked for from here; those there are may.
      (void)pair.server.session->output();
    };
    const StreamId id = pair.client.session->openStream(Request("POST").head, "http", End::More);
    CHECK(pair.client.session->sendData(id, "abc") == 3);
    pair.client.session->sendEnd(id, nullptr);
    const StreamId other = pair.client.session->openStream(Request("GET").head, "http", End::Last);
    pair.settle();
    if (at != "done") {
      CHECK(pair.client.message(id).reset);
      CHECK(pair.client.message(id).code == ErrorCode::InternalError);
    }
    CHECK(pair.server.handler.messages.count(other) == 1);
    CHECK(pair.server.message(id).afterEnd == 0);
    CHECK_FALSE(pair.server.session->failed());
  }
}

TEST_CASE("clients may open the next stream when one is done") {
  Pair pair;
  size_t opened = 1;
  pair.server.handler.during = [&](StreamId id, std::string_view call) {
    if (call == "request") pair.server.session->respond(id, Response().head, End::Last, false);
  };
  pair.client.handler.during = [&](StreamId, std::string_view call) {
    if (call != "done" || opened == 10'000) return;
    ++opened;
    CHECK(pair.client.session->openStream(Request().head, "http", End::Last) != 0);
  };
  CHECK(pair.client.session->openStream(Request().head, "http", End::Last) == 1);
  pair.settle();
  CHECK(opened == 10'000);
  CHECK(pair.server.handler.messages.size() == 10'000);
  CHECK(pair.client.handler.messages.rbegin()->first == 19'999);
  CHECK_FALSE(pair.server.session->failed());
}

TEST_CASE("no more streams are opened than the peer allows") {
  Settings settings;
  settings.maxConcurrentStreams = 3;
  Pair pair({}, settings);
  CHECK(pair.client.session->roomForStreams() == 100);
  pair.settle();
  CHECK(pair.client.session->roomForStreams() == 3);
  StreamId ids[3];
  for (StreamId& id : ids) {
    id = pair.client.session->openStream(Request("POST").head, "http", End::More);
    CHECK(id != 0);
  }
  CHECK(pair.client.session->roomForStreams() == 0);
  CHECK(pair.client.session->openStream(Request().head, "http", End::Last) == 0);
  pair.settle();
  CHECK(pair.server.handler.messages.size() == 3);
  pair.client.session->reset(ids[1], ErrorCode::Cancel);
  pair.settle();
  CHECK(pair.client.session->roomForStreams() == 1);
  CHECK(pair.client.session->openStream(Request().head, "http", End::Last) == 7);
  pair.settle();
  CHECK_FALSE(pair.server.session->failed());
}

TEST_CASE("PING is answered, and its answers are counted") {
  Pair pair;
  pair.client.session->ping();
  pair.server.session->ping();
  pair.server.session->ping();
  pair.settle();
  CHECK(pair.client.session->pongs() == 1);
  CHECK(pair.server.session->pongs() == 2);
}

// Going away, from either side: what is under way finishes, what was not processed is said to be so.
#include <doctest/doctest.h>

#include "http2/session.h"
#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;

TEST_CASE("a server goes away in two steps, and streams under way finish") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request().head, "http", End::Last);
  pair.settle();
  pair.server.session->goaway(ErrorCode::NoError);
  // On its way when the client learns of it: still served.
  const StreamId late = pair.client.session->openStream(Request().head, "http", End::Last);
  CHECK(late != 0);
  CHECK(Pair::pass(pair.client, pair.server, SIZE_MAX));
  pair.settle();
  CHECK(pair.server.handler.messages.size() == 2);
  CHECK(pair.client.handler.goaways.size() == 1);
  CHECK(pair.client.session->roomForStreams() == 0);
  CHECK(pair.client.session->openStream(Request().head, "http", End::Last) == 0);
  pair.server.session->goaway(ErrorCode::NoError);
  pair.settle();
  CHECK(pair.client.handler.goaways.size() == 2);
  CHECK_FALSE(pair.server.session->over());
  for (const StreamId one : {id, late}) {
    pair.server.session->respond(one, Response().head, End::Last, false);
  }
  pair.settle();
  CHECK(pair.client.message(id).done);
  CHECK(pair.client.message(late).done);
  CHECK(pair.server.session->over());
  CHECK(pair.client.session->over());
  CHECK_FALSE(pair.server.session->failed());
}

TEST_CASE("streams above the last one of a GOAWAY were refused by the peer") {
  Side client(Role::Client);
  for (int i = 0; i < 3; ++i) {
    CHECK(client.session->openStream(Request().head, "http", End::Last) != 0);
  }
  client.takeOutput();
  // Not sent when the GOAWAY comes.
  const StreamId unsent = client.session->openStream(Request().head, "http", End::Last);
  CHECK(client.receive(frames::settings() + frames::goaway(1, 0xb)));
  client.takeOutput();
  CHECK(client.handler.goaways == std::vector<ErrorCode>{ErrorCode::EnhanceYourCalm});
  CHECK(client.handler.messages.count(1) == 0);
  for (const StreamId id : {StreamId{3}, StreamId{5}, unsent}) {
    CHECK(client.message(id).reset);
    CHECK(client.message(id).byPeer);
    CHECK(client.message(id).code == ErrorCode::RefusedStream);
  }
  CHECK(client.session->streams() == 1);
  // The one that was processed finishes.
  client.receive(frames::headers(1, frames::block({{":status", "200"}}), frames::END_STREAM));
  CHECK(client.message(1).done);
  CHECK(client.session->over());
}

TEST_CASE("a client that goes away opens no more streams") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request().head, "http", End::Last);
  pair.client.session->goaway(ErrorCode::NoError);
  CHECK(pair.client.session->openStream(Request().head, "http", End::Last) == 0);
  pair.settle();
  CHECK(pair.server.handler.goaways.size() == 1);
  pair.server.session->respond(id, Response().head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).done);
  CHECK(pair.client.session->over());
}

TEST_CASE("a server that leaves with a code serves no stream that comes later") {
  Pair pair;
  const StreamId id = pair.client.session->openStream(Request().head, "http", End::Last);
  pair.settle();
  const StreamId late = pair.client.session->openStream(Request().head, "http", End::Last);
  const std::string onItsWay = pair.client.takeOutput();
  pair.server.session->goaway(ErrorCode::EnhanceYourCalm);
  CHECK(Pair::pass(pair.server, pair.client, SIZE_MAX));
  CHECK(pair.server.receive(onItsWay));
  pair.settle();
  CHECK(pair.client.handler.goaways == std::vector<ErrorCode>{ErrorCode::EnhanceYourCalm});
  CHECK(pair.client.message(late).code == ErrorCode::RefusedStream);
  CHECK(pair.client.message(late).byPeer);
  CHECK(pair.server.handler.messages.count(late) == 0);
  pair.server.session->respond(id, Response().head, End::Last, false);
  pair.settle();
  CHECK(pair.client.message(id).done);
  // It was asked for: no failure.
  CHECK_FALSE(pair.server.session->failed());
}

TEST_CASE("a connection error is told once, with GOAWAY as the last output") {
  Side server(Role::Server);
  server.receive(std::string(frames::PREFACE) + frames::settings() + frames::post(1));
  CHECK_FALSE(server.receive(frames::data(0, "x")));
  CHECK(server.session->failure() == ErrorCode::ProtocolError);
  CHECK_FALSE(server.session->failureDetail().empty());
  CHECK_FALSE(server.session->over());
  const std::vector<frames::Frame> sent = server.takeFrames();
  REQUIRE_FALSE(sent.empty());
  CHECK(sent.back().type == frames::GOAWAY);
  CHECK(sent.back().code() == 1);
  CHECK(sent.back().numberAt(0) == 1);
  CHECK(server.session->over());
  CHECK_FALSE(server.receive(frames::ping()));
  CHECK(server.takeOutput().empty());
  // Nothing of its streams is alive.
  server.session->respond(1, Response().head, End::Last, false);
  server.session->reset(1, ErrorCode::Cancel);
  server.session->consumed(1, 1);
  server.session->ping();
  server.session->goaway(ErrorCode::NoError);
  CHECK(server.takeOutput().empty());
}

TEST_CASE("every error code has its name") {
  CHECK(errorCodeName(ErrorCode::NoError) == "NO_ERROR");
  CHECK(errorCodeName(ErrorCode::Http11Required) == "HTTP_1_1_REQUIRED");
  CHECK(errorCodeName(static_cast<ErrorCode>(0x77)) == "UNKNOWN");
}

// Random lives of many streams between two sessions: bytes cut anywhere, either side slow, resets
// at any point. Every message arrives byte for byte or its end is told; nothing is left over.
#include <doctest/doctest.h>

#include "http2/session.h"
#include "http2/test-peers.h"

using namespace mesh;
using namespace mesh::http2;

namespace {

std::string randomBody(Random& random) {
  constexpr size_t SIZES[] = {0, 1, 100, 16'384, 65'535, 65'536, 200'000, 1 << 20};
  const size_t bound = SIZES[random.below(std::size(SIZES))];
  std::string body(
      bound == 0 ? 0 : bound - random.below(std::min<uint32_t>(static_cast<uint32_t>(bound), 3)),
      '\0');
  for (size_t i = 0; i < body.size(); i += 1 + i / 64) body[i] = static_cast<char>(random.next());
  return body;
}

// What one side has to send on a stream.
struct Plan {
  std::string body;
  size_t sent = 0;
  bool trailers = false;
  bool ended = false;
  bool blocked = false;
};

class Play {
 public:
  explicit Play(uint64_t seed) : random_(seed), pair_(settings(), settings()) {
    for (Side* side : {&pair_.client, &pair_.server}) {
      side->handler.consumes = false;
      side->handler.during = [this, side](StreamId id, std::string_view call) {
        on(*side, id, call);
      };
    }
  }

  void run(size_t streams) {
    constexpr size_t ENOUGH_STEPS = 2'000'000;
    size_t opened = 0;
    for (size_t step = 0; step < ENOUGH_STEPS; ++step) {
      if (opened < streams && random_.below(20) == 0) opened += open() ? 1 : 0;
      Side& side = random_.below(2) == 0 ? pair_.client : pair_.server;
      act(side);
      const bool moved = move();
      if (!moved && opened == streams && pair_.client.session->streams() == 0 &&
          pair_.server.session->streams() == 0 && plans_[0].empty() && plans_[1].empty()) {
        break;
      }
    }
    pair_.settle();
    check(opened);
  }
  size_t bytesReceived() const {
    size_t bytes = 0;
    for (const Side* side : {&pair_.client, &pair_.server}) {
      for (const auto& [id, message] : side->handler.messages) bytes += message.data.size();
    }
    return bytes;
  }
  size_t resets() const { return resets_[0].size() + resets_[1].size(); }

 private:
  Settings settings() {
    Settings settings;
    settings.streamWindowBytes = 1'000 + random_.below(200'000);
    settings.connectionWindowBytes = 65'535 + random_.below(400'000);
    settings.sendBufferBytes = 500 + random_.below(65'000);
    settings.connectionSendBufferBytes = 1'000 + random_.below(200'000);
    settings.maxConcurrentStreams = 1 + random_.below(40);
    return settings;
  }
  static size_t indexOf(const Side& side, const Pair& pair) { return &side == &pair.server; }
  std::map<StreamId, Plan>& plansOf(const Side& side) { return plans_[indexOf(side, pair_)]; }
  std::map<StreamId, size_t>& unreadOf(const Side& side) { return unread_[indexOf(side, pair_)]; }
  std::map<StreamId, std::string>& sentOf(const Side& side) { return sent_[indexOf(side, pair_)]; }

  bool open() {
    Plan plan{.body = randomBody(random_), .trailers = random_.below(3) == 0};
    const bool bare = plan.body.empty() && !plan.trailers;
    const StreamId id = pair_.client.session->openStream(
        Request("POST", "/x").with("x-n", std::to_string(random_.below(1000))).head, "http",
        bare ? End::Last : End::More);
    if (id == 0) return false;
    sent_[0][id] = plan.body;
    if (!bare) plans_[0][id] = std::move(plan);
    return true;
  }

  void on(Side& side, StreamId id, std::string_view call) {
    if (call == "request") {
      Plan plan{.body = randomBody(random_), .trailers = random_.below(3) == 0};
      if (random_.below(4) == 0) {
        side.session->respond(id, Response(103).with("link", "x").head, End::More, false);
      }
      const bool bare = plan.body.empty() && !plan.trailers;
      side.session->respond(id, Response().head, bare ? End::Last : End::More, false);
      sentOf(side)[id] = plan.body;
      if (!bare) plansOf(side)[id] = std::move(plan);
    } else if (call == "data") {
      // Everything was there before this call, and was counted.
      unreadOf(side)[id] = side.message(id).data.size() - readOf(side)[id];
    } else if (call == "room") {
      const auto found = plansOf(side).find(id);
      if (found != plansOf(side).end()) found->second.blocked = false;
    } else if (call == "reset") {
      plansOf(side).erase(id);
      unreadOf(side).erase(id);
    }
    if (call != "reset" && call != "done" && random_.below(resetOdds_) == 0) reset(side, id);
  }

  std::map<StreamId, size_t>& readOf(const Side& side) { return read_[indexOf(side, pair_)]; }

  void reset(Side& side, StreamId id) {
    side.session->reset(id, ErrorCode::Cancel);
    plansOf(side).erase(id);
    unreadOf(side).erase(id);
    resets_[indexOf(side, pair_)].insert({id, true});
  }

  // Sends some of one stream, reads some of another.
  void act(Side& side) {
    auto& plans = plansOf(side);
    if (!plans.empty()) {
      auto it = plans.begin();
      std::advance(it, random_.below(static_cast<uint32_t>(std::min<size_t>(plans.size(), 8))));
      auto& [id, plan] = *it;
      const std::string_view left = std::string_view(plan.body).substr(plan.sent);
      const std::string_view piece = left.substr(0, 1 + random_.below(100'000));
      if (!plan.blocked && !piece.empty()) {
        const size_t taken = side.session->sendData(id, piece);
        plan.sent += taken;
        plan.blocked = taken < piece.size();
      }
      if (plan.sent == plan.body.size()) {
        FieldTable trailers;
        addTo(trailers, "X-Size", "t");
        side.session->sendEnd(id, plan.trailers ? &trailers : nullptr);
        plans.erase(it);
      }
    }
    auto& unread = unreadOf(side);
    if (unread.empty()) return;
    auto it = unread.begin();
    std::advance(it, random_.below(static_cast<uint32_t>(std::min<size_t>(unread.size(), 8))));
    const size_t some = std::min<size_t>(it->second, 1 + random_.below(150'000));
    side.session->consumed(it->first, some);
    readOf(side)[it->first] += some;
    it->second -= some;
    if (it->second == 0) unread.erase(it);
  }

  bool move() {
    const size_t most = random_.below(4) == 0 ? 1 + random_.below(40) : 1 + random_.below(70'000);
    return random_.below(2) == 0 ? Pair::pass(pair_.client, pair_.server, most) ||
                                       Pair::pass(pair_.server, pair_.client, most)
                                 : Pair::pass(pair_.server, pair_.client, most) ||
                                       Pair::pass(pair_.client, pair_.server, most);
  }

  bool wasReset(StreamId id) const { return resets_[0].count(id) + resets_[1].count(id) > 0; }

  void check(size_t opened) {
    CHECK_FALSE(pair_.client.session->failed());
    CHECK_FALSE(pair_.server.session->failed());
    CHECK(pair_.client.session->streams() == 0);
    CHECK(pair_.server.session->streams() == 0);
    CHECK(sent_[0].size() == opened);
    for (const Side* side : {&pair_.client, &pair_.server}) {
      const size_t other = 1 - indexOf(*side, pair_);
      for (const auto& entry : side->handler.messages) {
        const StreamId id = entry.first;
        const Recorder::Message& message = entry.second;
        CAPTURE(id);
        CHECK(message.afterEnd == 0);
        const std::string& sent = sent_[other][id];
        if (wasReset(id)) {
          CHECK(sent.compare(0, message.data.size(), message.data) == 0);
          continue;
        }
        CHECK(message.done);
        CHECK(message.ended);
        CHECK(message.data == sent);
      }
      CHECK(side->pool.inUseBytes() == 0);
    }
    // Nothing is told to one side alone.
    for (const auto& [id, body] : sent_[0]) {
      if (!wasReset(id)) CHECK(pair_.server.handler.messages.count(id) == 1);
    }
  }

  Random random_;
  Pair pair_;
  uint32_t resetOdds_ = 60;
  std::map<StreamId, Plan> plans_[2];
  std::map<StreamId, size_t> unread_[2];
  std::map<StreamId, size_t> read_[2];
  std::map<StreamId, std::string> sent_[2];
  std::map<StreamId, bool> resets_[2];
};

}  // namespace

TEST_CASE("whatever happens to streams, each arrives whole or its end is told") {
  size_t bytes = 0;
  size_t resets = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Play play(seed);
    play.run(30);
    bytes += play.bytesReceived();
    resets += play.resets();
  }
  CHECK(bytes > 50'000'000);
  CHECK(resets > 100);
}

// Frames from an endpoint, while four requests are under way. The input follows SETTINGS. What holds
// is as for http2-server; besides, no response is told of that was not asked for.
#include <memory>
#include <string>

#include "fuzz/http2-session.h"
#include "fuzz/splits.h"
#include "http2/test-frames.h"

using namespace mesh;

namespace {

constexpr size_t MAX_POOL_BYTES = 65'536 + 4 * 16'384 + 16'384 + 4'096;

RequestHead& request(std::string_view method) {
  static RequestHead head;
  head.methodText = method;
  head.method = method == "HEAD" ? Method::Head : Method::Other;
  head.authority = "a.example";
  head.path = head.target = "/";
  head.majorVersion = 2;
  head.minorVersion = 0;
  return head;
}

void run(std::string_view input, const std::vector<size_t>& ends) {
  BufferBudget budget{.limitBytes = 1 << 30, .usedBytes = {}};
  BufferPool pool(budget);
  fuzz::CheckingHandler handler;
  const std::unique_ptr<http2::Session> session =
      http2::Session::create(http2::Role::Client, fuzz::smallSettings(), pool, handler);
  handler.session = session.get();
  // With a body, cancelled, without, and to be answered without one.
  const http2::StreamId upload = session->openStream(request("PUT"), "http", http2::End::More);
  handler.opened(upload);
  MESH_CHECK(session->sendData(upload, "body") == 4);
  const http2::StreamId unwanted = session->openStream(request("GET"), "http", http2::End::Last);
  handler.opened(session->openStream(request("GET"), "http", http2::End::Last));
  handler.opened(session->openStream(request("HEAD"), "http", http2::End::Last));
  session->wrote(session->output().size());
  session->reset(unwanted, http2::ErrorCode::Cancel);
  bool goesOn = session->receive(http2::frames::settings() + http2::frames::settingsAck());
  MESH_CHECK(goesOn);
  size_t fed = 0;
  auto feed = [&](size_t end) {
    if (!goesOn) return;
    const std::string piece(input.substr(fed, end - fed));
    goesOn = session->receive(piece);
    fed = end;
    MESH_CHECK(pool.inUseBytes() <= MAX_POOL_BYTES);
    MESH_CHECK(goesOn != session->failed());
    if (end % 3 != 0) session->wrote(session->output().size());
  };
  for (const size_t end : ends) feed(end);
  session->sendEnd(upload, nullptr);
  feed(input.size());
  while (!session->output().empty()) session->wrote(session->output().size());
  if (session->failed()) {
    MESH_CHECK(session->failure() != http2::ErrorCode::NoError);
    MESH_CHECK(session->failure() != http2::ErrorCode::InternalError);
    MESH_CHECK(session->over());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  run(input, {});
  run(input, fuzz::splitsOf(input));
  return 0;
}

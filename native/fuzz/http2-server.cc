// Frames from a client. The input follows a valid preface and SETTINGS unless its first byte is 'P'.
// Whatever comes: handlers are told in order and of complete, valid messages only, memory stays
// bounded, and a failed connection says GOAWAY and is over.
#include <memory>
#include <string>

#include "fuzz/http2-session.h"
#include "fuzz/splits.h"
#include "http2/test-frames.h"

using namespace mesh;

namespace {

// More than this the buffers of one connection cannot be with these settings: output, what waits to
// be sent, a head.
constexpr size_t MAX_POOL_BYTES = 65'536 + 20 * 16'384 + 16'384 + 4'096;

void run(std::string_view input, const std::vector<size_t>& ends) {
  BufferBudget budget{.limitBytes = 1 << 30, .usedBytes = {}};
  BufferPool pool(budget);
  fuzz::CheckingHandler handler;
  const std::unique_ptr<http2::Session> session =
      http2::Session::create(http2::Role::Server, fuzz::smallSettings(), pool, handler);
  handler.session = session.get();
  const std::string hello = std::string(http2::frames::PREFACE) + http2::frames::settings() +
                            http2::frames::settingsAck();
  bool goesOn = (!input.empty() && input[0] == 'P') || session->receive(hello);
  MESH_CHECK(goesOn);
  size_t fed = 0;
  auto feed = [&](size_t end) {
    if (!goesOn) return;
    // A copy of exactly the piece: reading past it is found.
    const std::string piece(input.substr(fed, end - fed));
    goesOn = session->receive(piece);
    fed = end;
    MESH_CHECK(pool.inUseBytes() <= MAX_POOL_BYTES);
    MESH_CHECK(goesOn != session->failed());
    // Sometimes the peer reads slowly.
    if (end % 3 != 0) session->wrote(session->output().size() / 2);
  };
  for (const size_t end : ends) feed(end);
  feed(input.size());
  std::string sent;
  for (std::string_view bytes; !(bytes = session->output()).empty();) {
    sent.append(bytes);
    session->wrote(bytes.size());
  }
  if (session->failed()) {
    MESH_CHECK(session->failure() != http2::ErrorCode::NoError);
    MESH_CHECK(session->failure() != http2::ErrorCode::InternalError);
    MESH_CHECK(session->over());
  } else {
    MESH_CHECK(handler.streams() <= 20);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  run(input, {});
  run(input, fuzz::splitsOf(input));
  return 0;
}

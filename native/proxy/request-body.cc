// See request-body.h.
#include "proxy/request-body.h"

#include <algorithm>

#include "base/check.h"

namespace mesh {

void RequestBody::keep(size_t limitBytes) { limitBytes_ = std::min(limitBytes, MOST_KEPT_BYTES); }

void RequestBody::forget() {
  keeps_ = false;
  kept_.release();
}

void RequestBody::append(std::string_view data) {
  if (data.empty()) return;
  received_ += data.size();
  if (keeps_ && kept_.size() + data.size() > limitBytes_) forget();
  if (keeps_) {
    buffers_.makeRoom(kept_, data.size());
    kept_.append(data);
  }
  buffers_.makeRoom(pending_, data.size());
  pending_.append(data);
}

size_t RequestBody::send(EndpointStream& stream, bool ended, const FieldTable& trailers) {
  if (!replay_.empty()) {
    stream.send(replay_, false, trailers);
    if (!replay_.empty()) return 0;
    replay_.release();
  }
  const size_t before = pending_.size();
  stream.send(pending_, ended, trailers);
  const size_t sent = before - pending_.size();
  gone_ += sent;
  if (pending_.empty()) pending_.release();
  return sent;
}

void RequestBody::rewind() {
  MESH_CHECK(keeps_);
  replay_.release();
  if (gone_ == 0) return;
  replay_ = buffers_.take(gone_);
  replay_.append(kept_.view().substr(0, gone_));
}

void RequestBody::release() {
  forget();
  replay_.release();
  pending_.release();
}

}  // namespace mesh

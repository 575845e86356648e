// What the proxy's HTTP/2 connections have in common, on either side.
#pragma once

#include <algorithm>

#include "contract/commands.h"
#include "http2/session.h"

namespace mesh {

constexpr size_t HTTP2_READ_BYTES = 65'536;
// What one connection may read before others get their turn.
constexpr size_t HTTP2_TURN_BYTES = 1 << 20;

inline http2::Settings http2Settings(const contract::Settings& settings) {
  http2::Settings http2;
  http2.maxHeadBytes = settings.http.maxHeadBytes;
  http2.maxFields = settings.http.maxFields;
  // The window is what an unread stream may hold: the budget of a direction.
  http2.streamWindowBytes = std::min<uint32_t>(settings.directionBudgetBytes, 262'144);
  // Goes on over HTTP/1.1 as an upgrade where the endpoint speaks that.
  http2.extendedConnect = true;
  return http2;
}

}  // namespace mesh

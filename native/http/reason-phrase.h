// The phrase of a status line (RFC 9110 §15) for responses that came without one, over HTTP/2.
#pragma once

#include <cstdint>
#include <string_view>

namespace mesh {

// Empty for a status that is not registered.
std::string_view reasonPhrase(uint16_t status);

}  // namespace mesh

// SHA-1 (FIPS 180-4), for handshakes that are defined by it (RFC 6455); proves nothing to anybody.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mesh {

std::array<uint8_t, 20> sha1(std::string_view text);

}  // namespace mesh

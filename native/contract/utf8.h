// Bytes of a peer as text of the contract: proto3 strings are UTF-8, peers send what they like.
#pragma once

#include <string>
#include <string_view>

namespace mesh::contract {

// `bytes`, with every byte that is not part of well-formed UTF-8 (RFC 3629) replaced by U+FFFD.
std::string toUtf8(std::string_view bytes);

}  // namespace mesh::contract

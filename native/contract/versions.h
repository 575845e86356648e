// What the contract was generated from and with.
#pragma once

#include <string>
#include <string_view>

namespace mesh::contract {

// The hash of contract.proto that scripts/gen-protocols put on both sides of the border.
std::string_view contractHash();
// Of the headers this was compiled with, such as "3.21.12". Loading checks that the library fits.
std::string protobufVersion();

}  // namespace mesh::contract

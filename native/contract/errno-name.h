// Names of errno values, as metrics and failures carry them.
#pragma once

#include <string>

namespace mesh::contract {

// "ECONNRESET"; "errno 200" when there is no name for it.
std::string errnoName(int error);

}  // namespace mesh::contract

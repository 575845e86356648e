// What encoding answers and encoding events share.
#pragma once

#include "contract/enums.h"

namespace mesh::contract {

// `address` is valid.
void fillAddress(const SocketAddress& address, pb::SocketAddress& message);

}  // namespace mesh::contract

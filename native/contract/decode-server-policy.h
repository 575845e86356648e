// What a port asks of its clients: authorizations and rate limits (ServerPolicy).
#pragma once

#include "contract/problems.h"

namespace mesh::contract {

authz::ServerPolicySpec readServerPolicy(const Path& path, const pb::ServerPolicy& message,
                                         Problems& problems);

}  // namespace mesh::contract

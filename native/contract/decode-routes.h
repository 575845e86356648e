// PutRouteTable in full; decode-command.cc reads the other commands. What only compiling can tell
// (regular expressions, fields that filters must not touch) is not asked here.
#pragma once

#include "contract/problems.h"

namespace mesh::contract {

route::TableSpec readRouteTable(const Path& path, const pb::PutRouteTable& message,
                                Problems& problems);

}  // namespace mesh::contract

// The filters of a route's rules and backends.
#pragma once

#include <vector>

#include "contract/problems.h"

namespace mesh::contract {

// The field `filters` of the message at `path`.
std::vector<route::Filter> readFilters(
    const Path& path, const google::protobuf::RepeatedPtrField<pb::RouteFilter>& messages,
    Problems& problems);

}  // namespace mesh::contract

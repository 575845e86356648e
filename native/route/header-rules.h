// Filters before they are used: what they would write into a message is checked once, so that
// applying them cannot break one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "route/route-error.h"
#include "route/spec.h"

namespace mesh::route {

// Brings names of fields into lower case (HTTP/2 has no other). Refused: fields that belong to the
// framing or to one connection, Host, and those of the proxy itself; what is no name, value, host
// or path. `field` is the path of the list.
std::optional<RouteError> prepareFilters(std::vector<Filter>& filters, const std::string& field);

}  // namespace mesh::route

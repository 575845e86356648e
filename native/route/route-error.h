// What a route table could not be compiled for: the path of the bad field within the table, such as
// "hosts[2].entries[0].match.path_regex", and what is wrong with it.
#pragma once

#include <string>

namespace mesh::route {

struct RouteError {
  std::string field;
  std::string message;
};

}  // namespace mesh::route

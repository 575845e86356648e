// Where a redirect sends a request.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"
#include "route/spec.h"

namespace mesh::route {

// Both empty: the request is already there, and goes on.
struct Redirection {
  std::string location;
  std::string_view problem;  // a literal
};

// `prefix` is the path prefix by which the request's route was found, or null. What the redirect
// does not give stays as the request has it, but for ports that go without saying.
Redirection redirection(const Redirect& redirect, const RequestHead& head,
                        std::string_view authority, const std::string* prefix);

}  // namespace mesh::route

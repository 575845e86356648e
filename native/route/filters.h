// Applies the filters of a rule or of a backend to a request and to its response. What is written
// into a table of fields are views into the filters: they live as long as the route table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.h"
#include "http/head.h"
#include "route/spec.h"

namespace mesh::route {

struct Proceed {};
struct RedirectTo {
  uint16_t status;
  std::string location;
};
// INVALID_POLICY; the text lives as long as the table.
struct Invalid {
  std::string_view message;
};
// The failures are those of an injector: INJECTED_FAILURE.
using FilterOutcome =
    std::variant<Proceed, RedirectTo, const HttpFailure*, const GrpcFailure*, Invalid>;

struct FilterContext {
  std::string_view authority;           // of the request, host[:port]; may be empty
  const std::string* prefix = nullptr;  // RouteMatch::prefix
  Random& random;
};

// In order, up to the first that ends the request. Changes `head.fields` only.
FilterOutcome filterRequest(const std::vector<Filter>& filters, const FilterContext& context,
                            RequestHead& head);
// Nothing: the response goes on.
std::optional<Invalid> filterResponse(const std::vector<Filter>& filters, FieldTable& fields);

}  // namespace mesh::route

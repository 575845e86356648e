// See filters.h.
#include "route/filters.h"

#include <algorithm>

#include "route/redirect.h"

namespace mesh::route {
namespace {

constexpr std::string_view TOO_MANY_FIELDS =
    "header filters add more fields than a message may have";

void removeNamed(FieldTable& fields, std::string_view name, size_t from) {
  Field* begin = fields.items.data();
  Field* end = std::remove_if(begin + from, begin + fields.count, [&](const Field& field) {
    return equalsIgnoreCase(field.name, name);
  });
  fields.count = static_cast<size_t>(end - begin);
}

bool append(FieldTable& fields, std::string_view name, std::string_view value) {
  if (fields.count == MAX_FIELDS) return false;
  fields.items[fields.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
  return true;
}

// The first of this name gets the value in its place, the others go.
bool replace(FieldTable& fields, std::string_view name, std::string_view value) {
  for (size_t i = 0; i < fields.count; ++i) {
    if (!equalsIgnoreCase(fields.items[i].name, name)) continue;
    fields.items[i].value = value;
    removeNamed(fields, name, i + 1);
    return true;
  }
  return append(fields, name, value);
}

// False when there are too many fields.
bool modify(const HeaderModifier& modifier, FieldTable& fields) {
  for (const auto& [name, value] : modifier.add) {
    if (!append(fields, name, value)) return false;
  }
  for (const auto& [name, value] : modifier.set) {
    if (!replace(fields, name, value)) return false;
  }
  for (const std::string& name : modifier.remove) removeNamed(fields, name, 0);
  return true;
}

bool strikes(const FailureInjector& injector, Random& random) {
  if (injector.numerator >= injector.denominator) return true;  // both 0: always
  return random.below(injector.denominator) < injector.numerator;
}

}  // namespace

FilterOutcome filterRequest(const std::vector<Filter>& filters, const FilterContext& context,
                            RequestHead& head) {
  for (const Filter& filter : filters) {
    if (const auto* headers = std::get_if<RequestHeaders>(&filter)) {
      if (!modify(headers->modifier, head.fields)) return Invalid{TOO_MANY_FIELDS};
    } else if (const auto* redirect = std::get_if<Redirect>(&filter)) {
      Redirection to = redirection(*redirect, head, context.authority, context.prefix);
      if (!to.problem.empty()) return Invalid{to.problem};
      if (!to.location.empty()) return RedirectTo{redirect->status, std::move(to.location)};
    } else if (const auto* injector = std::get_if<FailureInjector>(&filter)) {
      if (!strikes(*injector, context.random)) continue;
      if (const auto* grpc = std::get_if<GrpcFailure>(&injector->failure)) return grpc;
      return std::get_if<HttpFailure>(&injector->failure);
    } else if (const auto* invalid = std::get_if<InvalidFilter>(&filter)) {
      return Invalid{invalid->message};
    }
  }
  return Proceed{};
}

std::optional<Invalid> filterResponse(const std::vector<Filter>& filters, FieldTable& fields) {
  for (const Filter& filter : filters) {
    const auto* headers = std::get_if<ResponseHeaders>(&filter);
    if (headers != nullptr && !modify(headers->modifier, fields)) return Invalid{TOO_MANY_FIELDS};
  }
  return std::nullopt;
}

}  // namespace mesh::route

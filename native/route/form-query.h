// Queries as HTML forms write them: name=value pairs joined by '&', with '+' for a space and %XX
// for any other byte. Nothing is refused: a '%' without two digits stands for itself.
#pragma once

#include <string>
#include <string_view>

namespace mesh::route {

// The pairs of a query, still encoded; empty ones are skipped, a name without '=' has no value.
class FormPairs {
 public:
  explicit FormPairs(std::string_view query) : rest_(query) {}
  // False after the last pair.
  bool next(std::string_view& name, std::string_view& value);

 private:
  std::string_view rest_;
};

// Whether `encoded` says `text`. Does not allocate.
bool decodesTo(std::string_view encoded, std::string_view text);
std::string decodeForm(std::string_view encoded);

}  // namespace mesh::route

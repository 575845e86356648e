// What fuzzers hold true of any outcome of the head parsers, whatever the input was.
#pragma once

#include <string_view>

#include "base/check.h"
#include "http1/parser.h"

namespace mesh::fuzz {

// `view` lies inside `whole`, or is empty.
inline void checkInside(std::string_view whole, std::string_view view) {
  MESH_CHECK(view.empty() || (view.data() >= whole.data() &&
                              view.data() + view.size() <= whole.data() + whole.size()));
}

inline void checkSameOutcome(const http1::ParseOutcome& a, const http1::ParseOutcome& b) {
  MESH_CHECK(a.state == b.state);
  MESH_CHECK(a.violation == b.violation);
  MESH_CHECK(a.consumed == b.consumed);
}

// A state says exactly what it should.
inline void checkOutcome(const http1::ParseOutcome& outcome, std::string_view input) {
  const bool invalid = outcome.state == http1::ParseState::Invalid;
  MESH_CHECK((outcome.violation != http1::Violation::None) == invalid);
  MESH_CHECK(outcome.consumed <= input.size());
  MESH_CHECK((outcome.consumed > 0) == (outcome.state == http1::ParseState::Complete));
}

// No byte of a field that could end its line early survives the parser.
inline void checkFields(std::string_view input, const FieldTable& fields) {
  MESH_CHECK(fields.count <= MAX_FIELDS);
  for (const Field& field : fields) {
    checkInside(input, field.name);
    checkInside(input, field.value);
    MESH_CHECK(!field.name.empty());
    MESH_CHECK(field.name.find_first_of(std::string_view("\0\r\n\t :", 6)) ==
               std::string_view::npos);
    MESH_CHECK(field.value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos);
    MESH_CHECK(field.id == fieldIdOf(field.name));
  }
}

// The field lines of a trailer section or of a re-serialised head, for comparing two heads.
inline bool sameFields(const FieldTable& a, const FieldTable& b) {
  if (a.count != b.count) return false;
  for (size_t i = 0; i < a.count; ++i) {
    if (a.items[i].name != b.items[i].name || a.items[i].value != b.items[i].value) return false;
  }
  return true;
}

}  // namespace mesh::fuzz

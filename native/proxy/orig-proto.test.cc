// What l5d-orig-proto says, read and written.
#include "proxy/orig-proto.h"

#include <doctest/doctest.h>

using namespace mesh;

namespace {
OrigProto read(std::string_view value) {
  FieldTable fields;
  fields.add("l5d-orig-proto", value, FieldId::L5dOrigProto);
  return readOrigProto(fields);
}
}  // namespace

TEST_CASE("what is written is read again") {
  for (const uint8_t minor : {uint8_t{0}, uint8_t{1}}) {
    for (const bool absolute : {false, true}) {
      const OrigProto proto = read(origProtoText(minor, absolute));
      CHECK(proto.said);
      CHECK(proto.known);
      CHECK(proto.minorVersion == minor);
      CHECK(proto.absoluteForm == absolute);
    }
  }
}

TEST_CASE("another value says something, but no version of HTTP/1") {
  const OrigProto proto = read("HTTP/3; absolute-form");
  CHECK(proto.said);
  CHECK_FALSE(proto.known);
  CHECK_FALSE(proto.absoluteForm);
}

TEST_CASE("without the field nothing is said") {
  FieldTable fields;
  CHECK_FALSE(readOrigProto(fields).said);
}

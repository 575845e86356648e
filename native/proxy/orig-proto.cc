// See orig-proto.h.
#include "proxy/orig-proto.h"

namespace mesh {

namespace {
constexpr std::string_view HTTP_1_1 = "HTTP/1.1";
constexpr std::string_view HTTP_1_0 = "HTTP/1.0";
constexpr std::string_view ABSOLUTE = "absolute-form";
}  // namespace

OrigProto readOrigProto(const FieldTable& fields) {
  OrigProto proto;
  const Field* field = fields.find(FieldId::L5dOrigProto);
  if (field == nullptr) return proto;
  proto.said = true;
  const bool newer = field->value.starts_with(HTTP_1_1);
  proto.known = newer || field->value.starts_with(HTTP_1_0);
  if (!proto.known) return proto;
  proto.minorVersion = newer ? 1 : 0;
  proto.absoluteForm = field->value.find(ABSOLUTE) != std::string_view::npos;
  return proto;
}

std::string_view origProtoText(uint8_t minorVersion, bool absoluteForm) {
  if (minorVersion == 0) return absoluteForm ? "HTTP/1.0; absolute-form" : HTTP_1_0;
  return absoluteForm ? "HTTP/1.1; absolute-form" : HTTP_1_1;
}

}  // namespace mesh

// HTTP/1 messages that travel over HTTP/2 between two proxies of the mesh say what they were in
// `l5d-orig-proto` (reference §3.9): "HTTP/1.1" or "HTTP/1.0", a request with "; absolute-form"
// where its target was. Applications neither set nor see it.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"

namespace mesh {

struct OrigProto {
  bool said = false;   // the field was there
  bool known = false;  // with a version of HTTP/1
  uint8_t minorVersion = 1;
  bool absoluteForm = false;
};

// Of the first such field.
OrigProto readOrigProto(const FieldTable& fields);
// How it is written of a request or, without a form, of a response.
std::string_view origProtoText(uint8_t minorVersion, bool absoluteForm);

}  // namespace mesh

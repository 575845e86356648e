// For the tests of this folder: requests and filters written briefly.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/head.h"
#include "route/spec.h"

namespace mesh::route {

using Pairs = std::initializer_list<std::pair<const char*, const char*>>;

inline void addFields(FieldTable& table, Pairs fields) {
  for (const auto& [name, value] : fields) {
    table.items[table.count++] = {.name = name, .value = value, .id = fieldIdOf(name)};
  }
}

// Views into what is given, so into literals. On the heap: a head is ten kilobytes.
inline std::unique_ptr<RequestHead> request(std::string_view method, std::string_view authority,
                                            std::string_view path, Pairs fields = {}) {
  auto head = std::make_unique<RequestHead>();
  head->methodText = method;
  head->method = method == "GET" ? Method::Get : method == "POST" ? Method::Post : Method::Other;
  head->target = path;
  head->path = path;
  head->authority = authority;
  addFields(head->fields, fields);
  return head;
}

// "name: value|name: value", in order.
inline std::string written(const FieldTable& fields) {
  std::string out;
  for (const Field& field : fields) {
    if (!out.empty()) out += '|';
    out.append(field.name).append(": ").append(field.value);
  }
  return out;
}

}  // namespace mesh::route

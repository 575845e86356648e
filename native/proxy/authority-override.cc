// See authority-override.h.
#include "proxy/authority-override.h"

namespace mesh {

namespace {
constexpr std::string_view LINE_END = "\r\n";

bool isReplaced(std::string_view name) {
  return equalsIgnoreCase(name, "host") || equalsIgnoreCase(name, "l5d-dst-canonical");
}

// In absolute-form (RFC 9112 §3.2.2): what stands between scheme and path is replaced.
std::string absoluteTarget(std::string_view target, std::string_view authority) {
  constexpr std::string_view SLASHES = "://";
  const size_t begin = target.find(SLASHES) + SLASHES.size();
  const size_t end = target.find_first_of("/?#", begin);
  std::string out(target.substr(0, begin));
  out.append(authority);
  if (end != std::string_view::npos) out.append(target.substr(end));
  return out;
}
}  // namespace

void overrideAuthority(RequestHead& head, std::string_view authority, std::string& target) {
  size_t kept = 0;
  for (size_t i = 0; i < head.fields.count; ++i) {
    if (isReplaced(head.fields.items[i].name)) continue;
    if (kept != i) head.fields.items[kept] = head.fields.items[i];
    ++kept;
  }
  head.fields.count = kept;
  head.authority = authority;
  if (head.form == TargetForm::Authority) head.target = authority;
  if (head.form == TargetForm::Absolute && head.majorVersion == 1) {
    target = absoluteTarget(head.target, authority);
    head.target = target;
  }
}

std::string withAuthority(std::string_view head, std::string_view authority) {
  const size_t method = head.find(' ') + 1;
  const size_t version = head.find(' ', method);
  const std::string_view target = head.substr(method, version - method);
  std::string out(head.substr(0, method));
  if (out == "CONNECT ") {
    out.append(authority);
  } else if (target.find("://") < target.find_first_of("/?*")) {
    out.append(absoluteTarget(target, authority));
  } else {
    out.append(target);
  }
  size_t line = head.find(LINE_END) + LINE_END.size();
  out.append(head.substr(version, line - version));
  out.append("Host: ").append(authority).append(LINE_END);
  while (line < head.size()) {
    const size_t next = head.find(LINE_END, line) + LINE_END.size();
    const std::string_view whole = head.substr(line, next - line);
    if (!isReplaced(whole.substr(0, whole.find(':')))) out.append(whole);
    line = next;
  }
  return out;
}

}  // namespace mesh

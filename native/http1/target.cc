// Targets and authorities. A target has to be of the one form its method allows; an authority has
// to be what RFC 3986 says, because routing and every later hop read it again.
#include "http1/target.h"

#include <algorithm>

#include "http/authority.h"
#include "http1/characters.h"

namespace mesh::http1 {
namespace {

bool isRegName(std::string_view host) {
  const char* at = host.data();
  const char* end = at + host.size();
  for (;;) {
    at = skipRun(at, end, REG_NAME);
    if (at == end) return true;
    if (*at != '%' || end - at < 3 || !isIn(at[1], HEX) || !isIn(at[2], HEX)) return false;
    at += 3;
  }
}

bool isZero(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

// http and https are the schemes whose requests an HTTP/1 proxy can forward; 0 for any other.
size_t schemeLength(std::string_view target) {
  constexpr std::string_view HTTP = "http://";
  constexpr std::string_view HTTPS = "https://";
  if (equalsIgnoreCase(target.substr(0, HTTP.size()), HTTP)) return HTTP.size();
  if (equalsIgnoreCase(target.substr(0, HTTPS.size()), HTTPS)) return HTTPS.size();
  return 0;
}

Violation resolveAbsolute(RequestHead& head) {
  const size_t scheme = schemeLength(head.target);
  if (scheme == 0) return Violation::BadTarget;
  const std::string_view rest = head.target.substr(scheme);
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  // RFC 9110 §4.2.1 (no empty host) and §4.2.4 (no user information).
  if (!isAuthority(authority) || splitAuthority(authority).host.empty()) {
    return Violation::BadTarget;
  }
  head.form = TargetForm::Absolute;
  head.authority = authority;
  head.path = rest.substr(end);
  return Violation::None;
}

// The same server: RFC 9110 §4.2.3, an absent or empty port is the scheme's own.
bool sameAuthority(std::string_view a, std::string_view b, std::string_view defaultPort) {
  HostAndPort left = splitAuthority(a);
  HostAndPort right = splitAuthority(b);
  if (left.port.empty()) left.port = defaultPort;
  if (right.port.empty()) right.port = defaultPort;
  return left.port == right.port && equalsIgnoreCase(left.host, right.host);
}

}  // namespace

bool isAuthority(std::string_view text) {
  size_t hostEnd;
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return false;
    if (!isIpv6(text.substr(1, bracket - 1))) return false;
    hostEnd = bracket + 1;
  } else {
    hostEnd = std::min(text.find(':'), text.size());
    if (!isRegName(text.substr(0, hostEnd))) return false;
  }
  if (hostEnd == text.size()) return true;
  // A port without a host names nothing.
  return text[hostEnd] == ':' && hostEnd > 0 && isPort(text.substr(hostEnd + 1));
}

Violation resolveTarget(RequestHead& head) {
  const std::string_view target = head.target;
  head.authority = {};
  if (head.method == Method::Connect) {
    if (!isAuthority(target)) return Violation::BadTarget;
    const HostAndPort parts = splitAuthority(target);
    // RFC 9110 §9.3.6: there is no default port.
    if (parts.host.empty() || isZero(parts.port)) return Violation::BadTarget;
    head.form = TargetForm::Authority;
    head.authority = target;
    head.path = {};
    return Violation::None;
  }
  if (target.front() == '/') {
    head.form = TargetForm::Origin;
    head.path = target;
    return Violation::None;
  }
  if (target == "*") {
    if (head.method != Method::Options) return Violation::BadTarget;
    head.form = TargetForm::Asterisk;
    head.path = target;
    return Violation::None;
  }
  return resolveAbsolute(head);
}

Violation resolveHost(RequestHead& head, size_t hosts, std::string_view host) {
  if (hosts == 0) return head.minorVersion == 0 ? Violation::None : Violation::MissingHost;
  if (hosts > 1) return Violation::DuplicateHost;
  if (!isAuthority(host)) return Violation::BadHost;
  switch (head.form) {
    case TargetForm::Origin:
    case TargetForm::Asterisk:
      head.authority = host;
      return Violation::None;
    case TargetForm::Absolute: {
      // "https://" is one byte longer than "http://".
      const bool secure = head.authority.data() - head.target.data() == 8;
      return sameAuthority(host, head.authority, secure ? "443" : "80") ? Violation::None
                                                                        : Violation::HostMismatch;
    }
    case TargetForm::Authority:
      return Violation::None;
  }
  return Violation::None;
}

}  // namespace mesh::http1

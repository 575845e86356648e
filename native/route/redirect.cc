// See redirect.h. Locations are absolute, as the redirects of Gateway API are: their scheme and
// host may be other than the request's.
#include "route/redirect.h"

#include "http/authority.h"
#include "route/request-match.h"

namespace mesh::route {
namespace {

constexpr std::string_view NO_PREFIX =
    "a redirect replaces a path prefix, and the route was not found by one";
constexpr std::string_view NO_HOST = "a redirect needs a host, and the request has none";

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

// "" for schemes that have none.
std::string_view defaultPort(std::string_view scheme) {
  if (scheme == "http") return "80";
  return scheme == "https" ? "443" : "";
}

// Of HTTP/1 requests only those in absolute form say their scheme; the others came in the clear.
std::string schemeOf(const RequestHead& head) {
  if (!head.scheme.empty()) return lowered(head.scheme);
  if (head.form != TargetForm::Absolute) return "http";
  return lowered(head.target.substr(0, head.target.find(':')));
}

std::string place(std::string_view scheme, std::string_view host, std::string_view port,
                  std::string_view path, std::string_view query) {
  std::string out;
  out.reserve(scheme.size() + host.size() + port.size() + path.size() + query.size() + 5);
  out.append(scheme).append("://").append(host);
  if (!port.empty()) out.append(1, ':').append(port);
  out.append(path);
  if (!query.empty()) out.append(1, '?').append(query);
  return out;
}

// The path with its first `prefix`, which it has, replaced.
std::string withPrefix(std::string_view path, std::string_view prefix,
                       std::string_view replacement) {
  const std::string_view rest = path.substr(prefix.size());
  if (rest.empty()) return std::string(replacement.empty() ? "/" : replacement);
  // What is left begins with a slash.
  const size_t last = replacement.find_last_not_of('/');
  std::string out(replacement.substr(0, last == std::string_view::npos ? 0 : last + 1));
  out.append(rest);
  return out;
}

}  // namespace

Redirection redirection(const Redirect& redirect, const RequestHead& head,
                        std::string_view authority, const std::string* prefix) {
  PathAndQuery target = splitTarget(head);
  if (!target.path.starts_with('/')) target.path = "/";  // CONNECT and "*"

  const std::string ownScheme = schemeOf(head);
  const HostAndPort own = splitAuthority(authority);
  const std::string ownHost = lowered(own.host);
  const std::string_view ownPort = own.port == defaultPort(ownScheme) ? "" : own.port;

  const std::string scheme = redirect.scheme.empty() ? ownScheme : lowered(redirect.scheme);
  const std::string host = redirect.host.empty() ? ownHost : lowered(redirect.host);
  if (host.empty()) return {.location = {}, .problem = NO_HOST};
  std::string port(ownPort);
  if (redirect.port != 0) port = std::to_string(redirect.port);
  if (port == defaultPort(scheme)) port.clear();

  std::string path(target.path);
  if (redirect.replacePath) {
    path = *redirect.replacePath;
  } else if (redirect.replacePrefix) {
    if (prefix == nullptr) return {.location = {}, .problem = NO_PREFIX};
    path = withPrefix(target.path, *prefix, *redirect.replacePrefix);
  }

  std::string location = place(scheme, host, port, path, target.query);
  if (location == place(ownScheme, ownHost, ownPort, target.path, target.query)) return {};
  return {.location = std::move(location), .problem = {}};
}

}  // namespace mesh::route

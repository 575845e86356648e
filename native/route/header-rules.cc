// See header-rules.h.
#include "route/header-rules.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/head.h"

namespace mesh::route {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool isAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

// RFC 9110 §5.6.2.
bool isToken(std::string_view text) {
  static constexpr std::string_view PUNCTUATION = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return isAlphanumeric(c) || PUNCTUATION.find(c) != std::string_view::npos;
  });
}

// RFC 9110 §5.5.
bool isFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= ' ' && byte != 0x7f) || c == '\t';
  });
}

// Nothing that would end a Location field, or its URI, early.
bool isUriText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view BLANKS = " \t";
  const size_t first = text.find_first_not_of(BLANKS);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(BLANKS) - first + 1);
}

// Why a field of this name, in lower case, is not for filters; null when it is.
const char* whyRefused(std::string_view name) {
  if (!isToken(name)) return "is not a field name";
  if (name.starts_with("l5d-")) return "is refused: l5d- fields belong to the proxy";
  if (name.starts_with("proxy-")) return "is refused: it is between one client and one proxy";
  switch (fieldIdOf(name)) {
    case FieldId::ContentLength:
    case FieldId::TransferEncoding:
    case FieldId::Trailer:
    case FieldId::Expect:
      return "is refused: it belongs to the framing of the message";
    case FieldId::Connection:
    case FieldId::Upgrade:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::Te:
    case FieldId::ProxyAuthorization:
    case FieldId::ProxyAuthenticate:
    case FieldId::Http2Settings:
      return "is refused: it belongs to one connection";
    case FieldId::Host:
      return "is refused: requests keep their host; a redirect can change it";
    case FieldId::Other:
    case FieldId::L5dClientId:
    case FieldId::L5dProxyError:
    case FieldId::L5dProxyConnection:
    case FieldId::L5dOrigProto:
      return nullptr;
  }
  return nullptr;
}

std::optional<RouteError> prepareName(std::string& name, const std::string& field) {
  std::transform(name.begin(), name.end(), name.begin(), lower);
  if (const char* why = whyRefused(name)) return RouteError{field, why};
  return std::nullopt;
}

using Values = std::vector<std::pair<std::string, std::string>>;

std::optional<RouteError> prepareValues(Values& values, const std::string& field) {
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string at = field + '[' + std::to_string(i) + ']';
    auto& [name, value] = values[i];
    if (auto error = prepareName(name, at + ".name")) return error;
    value = std::string(trimmed(value));
    if (!isFieldValue(value)) return RouteError{at + ".value", "is not a field value"};
  }
  return std::nullopt;
}

std::optional<RouteError> prepareModifier(HeaderModifier& modifier, const std::string& field) {
  if (auto error = prepareValues(modifier.add, field + ".add")) return error;
  if (auto error = prepareValues(modifier.set, field + ".set")) return error;
  for (size_t i = 0; i < modifier.remove.size(); ++i) {
    const std::string at = field + ".remove[" + std::to_string(i) + ']';
    if (auto error = prepareName(modifier.remove[i], at)) return error;
  }
  return std::nullopt;
}

std::optional<RouteError> checkRedirect(const Redirect& redirect, const std::string& field) {
  const auto isSchemeCharacter = [](char c) {
    return isAlphanumeric(c) || c == '+' || c == '-' || c == '.';
  };
  const auto isHostCharacter = [](char c) {
    return isAlphanumeric(c) ||
           std::string_view("-._~!$&'()*+,;=%[]:").find(c) != std::string::npos;
  };
  const std::string& scheme = redirect.scheme;
  const std::string& host = redirect.host;
  if (!std::all_of(scheme.begin(), scheme.end(), isSchemeCharacter)) {
    return RouteError{field + ".scheme", "is not a scheme"};
  }
  if (!std::all_of(host.begin(), host.end(), isHostCharacter)) {
    return RouteError{field + ".host", "is not a host"};
  }
  // A port has a field of its own.
  if (host.find(':') != std::string::npos && !(host.front() == '[' && host.back() == ']')) {
    return RouteError{field + ".host", "is not a host without a port"};
  }
  if (redirect.replacePath) {
    const std::string& path = *redirect.replacePath;
    if (path.empty() || path.front() != '/' || !isUriText(path)) {
      return RouteError{field + ".replace_path", "is not a path that begins with a slash"};
    }
  }
  if (redirect.replacePrefix) {
    const std::string& prefix = *redirect.replacePrefix;
    if ((!prefix.empty() && prefix.front() != '/') || !isUriText(prefix)) {
      return RouteError{field + ".replace_prefix", "is not a path that begins with a slash"};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<RouteError> prepareFilters(std::vector<Filter>& filters, const std::string& field) {
  for (size_t i = 0; i < filters.size(); ++i) {
    const std::string at = field + '[' + std::to_string(i) + ']';
    std::optional<RouteError> error;
    if (auto* request = std::get_if<RequestHeaders>(&filters[i])) {
      error = prepareModifier(request->modifier, at + ".request_headers");
    } else if (auto* response = std::get_if<ResponseHeaders>(&filters[i])) {
      error = prepareModifier(response->modifier, at + ".response_headers");
    } else if (const auto* redirect = std::get_if<Redirect>(&filters[i])) {
      error = checkRedirect(*redirect, at + ".redirect");
    }
    if (error) return error;
  }
  return std::nullopt;
}

}  // namespace mesh::route

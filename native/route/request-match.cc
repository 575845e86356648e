// See request-match.h.
#include "route/request-match.h"

#include <algorithm>
#include <utility>

#include "route/form-query.h"

namespace mesh::route {
namespace {

std::string_view withoutSlashesAtEnd(std::string_view path) {
  const size_t last = path.find_last_not_of('/');
  return path.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// By segments; `prefix` has no slashes at its end.
bool hasPrefix(std::string_view path, std::string_view prefix) {
  const std::string_view trimmed = withoutSlashesAtEnd(path);
  if (!trimmed.starts_with(prefix)) return false;
  return trimmed.size() == prefix.size() || prefix.empty() || trimmed[prefix.size()] == '/';
}

// Takes "/segment" off the front; empty when there is none.
std::string_view takeSegment(std::string_view& path) {
  if (path.empty() || path.front() != '/') return {};
  const size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

bool isCallOf(const GrpcMatch& match, const RequestHead& head, std::string_view path) {
  if (head.method != Method::Post) return false;
  const std::string_view service = takeSegment(path);
  const std::string_view method = takeSegment(path);
  if (service.empty() || method.empty()) return false;
  return (match.service.empty() || match.service == service) &&
         (match.method.empty() || match.method == method);
}

}  // namespace

PathAndQuery splitTarget(const RequestHead& head) {
  const size_t mark = head.path.find('?');
  PathAndQuery out{.path = head.path.substr(0, mark), .query = {}};
  if (mark != std::string_view::npos) out.query = head.path.substr(mark + 1);
  // RFC 9110 §4.2.3: an empty path of an http URI is "/".
  if (out.path.empty() && head.form == TargetForm::Absolute) out.path = "/";
  return out;
}

Result<CompiledMatch, RouteError> CompiledMatch::compile(RequestMatch spec,
                                                         const std::string& field) {
  CompiledMatch out;
  if (auto* exact = std::get_if<PathExact>(&spec.path)) {
    out.path_.emplace<Exact>();
    out.text_ = std::move(exact->path);
  } else if (auto* prefix = std::get_if<PathPrefix>(&spec.path)) {
    out.path_.emplace<Prefix>();
    out.text_ = withoutSlashesAtEnd(prefix->prefix);
  } else if (auto* regex = std::get_if<PathRegex>(&spec.path)) {
    Result<TextPattern, std::string> pattern = TextPattern::compile(regex->pattern);
    if (!pattern) return RouteError{field + ".path_regex", pattern.error()};
    out.path_.emplace<TextPattern>(std::move(pattern).value());
  } else if (auto* grpc = std::get_if<GrpcMatch>(&spec.path)) {
    out.path_.emplace<GrpcMatch>(std::move(*grpc));
  }
  out.method_ = std::move(spec.method);
  out.httpVersion_ = spec.httpVersion;
  if (auto error = compileNamed(spec.headers, field + ".headers", out.headers_)) return *error;
  if (auto error = compileNamed(spec.queries, field + ".queries", out.queries_)) return *error;
  if (auto error = compileEach(spec.all, field + ".all", out.all_)) return *error;
  if (auto error = compileEach(spec.none, field + ".none", out.none_)) return *error;
  return out;
}

std::optional<RouteError> CompiledMatch::compileEach(std::vector<RequestMatch>& specs,
                                                     const std::string& field,
                                                     std::vector<CompiledMatch>& out) {
  out.reserve(specs.size());
  for (size_t index = 0; index < specs.size(); ++index) {
    Result<CompiledMatch, RouteError> match =
        compile(std::move(specs[index]), field + '[' + std::to_string(index) + ']');
    if (!match) return match.error();
    out.push_back(std::move(match).value());
  }
  return std::nullopt;
}

std::optional<RouteError> CompiledMatch::compileNamed(std::vector<NamedMatch>& specs,
                                                      const std::string& field,
                                                      std::vector<Named>& out) {
  for (size_t index = 0; index < specs.size(); ++index) {
    NamedMatch& spec = specs[index];
    Named& named = out.emplace_back();
    named.name = std::move(spec.name);
    if (!spec.value.regex) {
      named.exact = std::move(spec.value.text);
      continue;
    }
    Result<TextPattern, std::string> pattern = TextPattern::compile(spec.value.text);
    if (!pattern) {
      return RouteError{field + '[' + std::to_string(index) + "].regex", pattern.error()};
    }
    named.pattern.emplace(std::move(pattern).value());
  }
  return std::nullopt;
}

bool CompiledMatch::Named::accepts(std::string_view value) const {
  return pattern ? pattern->matches(value) : value == exact;
}

bool CompiledMatch::matches(const RequestHead& head, const PathAndQuery& target) const {
  const auto holds = [&](const CompiledMatch& match) { return match.matches(head, target); };
  return matchesItself(head, target) && std::all_of(all_.begin(), all_.end(), holds) &&
         std::none_of(none_.begin(), none_.end(), holds);
}

bool CompiledMatch::matchesItself(const RequestHead& head, const PathAndQuery& target) const {
  if (httpVersion_ != 0 && httpVersion_ != head.majorVersion) return false;
  if (!pathMatches(head, target.path)) return false;
  if (!method_.empty() && method_ != head.methodText) return false;
  const auto headerMatches = [&](const Named& wanted) {
    return std::any_of(head.fields.begin(), head.fields.end(), [&](const Field& field) {
      return equalsIgnoreCase(field.name, wanted.name) && wanted.accepts(field.value);
    });
  };
  const auto queryMatches = [&](const Named& wanted) {
    FormPairs pairs(target.query);
    for (std::string_view name, value; pairs.next(name, value);) {
      if (!decodesTo(name, wanted.name)) continue;
      if (wanted.pattern ? wanted.pattern->matches(decodeForm(value))
                         : decodesTo(value, wanted.exact)) {
        return true;
      }
    }
    return false;
  };
  return std::all_of(headers_.begin(), headers_.end(), headerMatches) &&
         std::all_of(queries_.begin(), queries_.end(), queryMatches);
}

bool CompiledMatch::pathMatches(const RequestHead& head, std::string_view path) const {
  if (std::holds_alternative<Exact>(path_)) return path == text_;
  if (std::holds_alternative<Prefix>(path_)) return hasPrefix(path, text_);
  if (const auto* pattern = std::get_if<TextPattern>(&path_)) return pattern->matches(path);
  if (const auto* grpc = std::get_if<GrpcMatch>(&path_)) return isCallOf(*grpc, head, path);
  return true;
}

}  // namespace mesh::route

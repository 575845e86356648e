// One entry of a route table: what a request must look like. Compiled once, asked for every
// request; asking allocates only where a query is compared with a regular expression.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "http/head.h"
#include "route/route-error.h"
#include "route/spec.h"
#include "route/text-pattern.h"

namespace mesh::route {

// A request's target as routes see it. The path is empty for CONNECT, and "/" where an absolute
// target has none; the query is without its '?'.
struct PathAndQuery {
  std::string_view path;
  std::string_view query;
};
PathAndQuery splitTarget(const RequestHead& head);

class CompiledMatch {
 public:
  // `field` is the path of the match, for errors.
  static Result<CompiledMatch, RouteError> compile(RequestMatch spec, const std::string& field);

  bool matches(const RequestHead& head, const PathAndQuery& target) const;
  // Without slashes at its end; null when the entry does not match by prefix.
  const std::string* prefix() const { return std::get_if<Prefix>(&path_) ? &text_ : nullptr; }

 private:
  struct Any {};
  struct Exact {};
  struct Prefix {};
  using Path = std::variant<Any, Exact, Prefix, TextPattern, GrpcMatch>;
  struct Named {
    std::string name;
    std::string exact;
    std::optional<TextPattern> pattern;
    bool accepts(std::string_view value) const;
  };

  CompiledMatch() = default;
  static std::optional<RouteError> compileNamed(std::vector<NamedMatch>& specs,
                                                const std::string& field, std::vector<Named>& out);
  static std::optional<RouteError> compileEach(std::vector<RequestMatch>& specs,
                                               const std::string& field,
                                               std::vector<CompiledMatch>& out);
  // Without further matches.
  bool matchesItself(const RequestHead& head, const PathAndQuery& target) const;
  bool pathMatches(const RequestHead& head, std::string_view path) const;

  Path path_;
  std::string text_;  // of Exact and Prefix
  std::string method_;
  std::vector<Named> headers_;
  std::vector<Named> queries_;
  uint8_t httpVersion_ = 0;  // 0: any
  std::vector<CompiledMatch> all_;
  std::vector<CompiledMatch> none_;
};

}  // namespace mesh::route

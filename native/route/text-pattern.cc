// See text-pattern.h.
#include "route/text-pattern.h"

#include <re2/re2.h>

#include <utility>

namespace mesh::route {
namespace {

// For the program and what it caches while it runs. A pattern that needs more is refused; one that
// would like to cache more runs slower instead.
constexpr int64_t MAX_BYTES = 1 << 20;

}  // namespace

TextPattern::TextPattern(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
TextPattern::~TextPattern() = default;
TextPattern::TextPattern(TextPattern&& other) noexcept = default;
TextPattern& TextPattern::operator=(TextPattern&& other) noexcept = default;

Result<TextPattern, std::string> TextPattern::compile(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(MAX_BYTES);
  // Nobody asks what a group matched.
  options.set_never_capture(true);
  auto compiled = std::make_unique<re2::RE2>(pattern, options);
  if (!compiled->ok()) return compiled->error();
  return TextPattern(std::move(compiled));
}

bool TextPattern::matches(std::string_view text) const {
  const re2::StringPiece piece(text.data(), text.size());
  return compiled_->Match(piece, 0, text.size(), re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

}  // namespace mesh::route

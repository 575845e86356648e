// A regular expression in RE2's syntax that has to match a whole text. Linear in the text, bounded
// in memory, and free for all threads to use at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace mesh::route {

class TextPattern {
 public:
  // The error is what is wrong with it.
  static Result<TextPattern, std::string> compile(const std::string& pattern);
  ~TextPattern();
  TextPattern(TextPattern&& other) noexcept;
  TextPattern& operator=(TextPattern&& other) noexcept;

  bool matches(std::string_view text) const;

 private:
  explicit TextPattern(std::unique_ptr<re2::RE2> compiled);
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace mesh::route

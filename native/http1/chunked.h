// Incremental chunked decoder (RFC 9112 §7.1). Takes bytes as they come, hands back pieces of data in place.
// Chunk extensions are checked for syntax and dropped. Trailers are kept (within the head limits)
// until the body is complete, and are checked against RFC 9110 §6.5.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http1/parser.h"

namespace mesh::http1 {

class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(Limits limits = {}) : limits_(limits) {}
  void reset();

  struct Step {
    ParseState state = ParseState::Incomplete;  // Complete: the body has ended, trailers included
    size_t consumed = 0;                        // bytes of the input used by this step
    std::string_view data;                      // decoded bytes, inside the input; may be empty
    Violation violation = Violation::None;
  };
  // Call again with the rest while `consumed` > 0 and not Complete or Invalid. A step that consumes
  // nothing and is Incomplete needs more input. The decoder itself keeps unfinished size and trailer
  // lines, so the caller never has to hold input back: all input is always consumed eventually.
  Step next(std::string_view input);

  // The trailer section as received, field lines with CRLF, without the final empty line. Valid
  // after Complete; re-serialised from parsed fields, so it is safe to forward verbatim.
  std::string_view trailers() const { return trailers_; }

 private:
  enum class State : uint8_t { Size, Data, DataEnd, Trailers, Done };
  Step fail(Violation violation, size_t consumed);

  Limits limits_;
  State state_ = State::Size;
  uint64_t left_ = 0;
  std::string line_;
  std::string trailers_;
};

}  // namespace mesh::http1

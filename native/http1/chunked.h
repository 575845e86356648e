// Incremental chunked decoder (RFC 9112 §7.1). Takes bytes as they come, hands back pieces of data
// in place. Chunk extensions are checked for syntax, bounded and dropped. Trailers are kept (within
// the head limits) until the body is complete, and are checked against RFC 9110 §6.5.1. Allocates
// only for a trailer section that is not empty.
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
  // nothing and is Incomplete needs more input. The decoder itself keeps unfinished lines, so the
  // caller never has to hold input back: all input up to the end of the body is always consumed
  // eventually. After Invalid every step is Invalid until reset.
  Step next(std::string_view input);

  // The trailer section as received, field lines with CRLF, without the final empty line. Valid
  // after Complete; re-serialised from parsed fields, so it is safe to forward verbatim.
  std::string_view trailers() const { return trailers_; }

 private:
  enum class State : uint8_t {
    Size,             // hexadecimal digits
    ExtensionStart,   // white space after the size or an extension: only ';' may follow
    ExtensionName,    // after ';', before or in the name
    ExtensionEquals,  // white space after a name: '=' or ';'
    ExtensionValue,   // after '=', before or in a token
    Quoted,           // in a quoted string
    QuotedPair,       // after its backslash
    QuotedEnd,        // after its end
    SizeEnd,          // after the CR of the size line
    Data,
    DataEnd,  // before CR LF after the data
    DataEndLf,
    Trailers,
    Done,
    Failed,
  };

  Step fail(Violation violation, size_t consumed);
  Violation takeSizeLineByte(char c);
  Violation takeExtensionByte(char c);
  Violation afterSize(char c, Violation otherwise);
  Violation endSizeLine(char c);
  Step takeTrailers(std::string_view input, size_t consumed);
  Violation keepTrailers(const FieldTable& fields);

  Limits limits_;
  State state_ = State::Size;
  Violation violation_ = Violation::None;
  uint8_t digits_ = 0;           // of the size so far
  bool inToken_ = false;         // the extension's name or value has begun
  uint64_t left_ = 0;            // of the chunk
  uint64_t extensionBytes_ = 0;  // that no data has paid for yet
  HeadProgress progress_;
  std::string line_;  // an unfinished trailer section
  std::string trailers_;
};

}  // namespace mesh::http1

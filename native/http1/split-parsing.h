// For unit tests and fuzzers: parses an input that arrives in pieces, from a fresh copy of exactly
// the bytes that have arrived, so that AddressSanitizer sees every read past them and every view
// that outlived its bytes.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "http1/chunked.h"
#include "http1/parser.h"

namespace mesh::http1 {

// Owns the bytes that the parsed head points into.
struct Arrival {
  std::unique_ptr<char[]> bytes;
  size_t calls = 0;
  ParseOutcome outcome;
};

// `ends` are the lengths of the input at each call, ascending; the whole input follows them.
// `parse` is one of the functions of parser.h.
template <typename Parse, typename Head>
Arrival parseInPieces(std::string_view input, const std::vector<size_t>& ends, const Limits& limits,
                      Parse parse, Head& head) {
  Arrival arrival;
  HeadProgress progress;
  auto step = [&](size_t length) {
    std::unique_ptr<char[]> bytes(new char[length]);
    if (length > 0) std::memcpy(bytes.get(), input.data(), length);
    arrival.outcome = parse({bytes.get(), length}, limits, progress, head);
    arrival.bytes = std::move(bytes);
    ++arrival.calls;
    return arrival.outcome.state != ParseState::Incomplete;
  };
  for (const size_t end : ends) {
    if (end < input.size() && step(end)) return arrival;
  }
  step(input.size());
  return arrival;
}

struct Decoded {
  ParseState state = ParseState::Incomplete;
  Violation violation = Violation::None;
  size_t consumed = 0;
  std::string data;
  std::string trailers;
};

// Feeds a chunked body piece by piece, each in a buffer of its own.
inline Decoded decodeInPieces(std::string_view input, const std::vector<size_t>& ends,
                              const Limits& limits = {}) {
  ChunkedDecoder decoder(limits);
  Decoded decoded;
  auto feed = [&](std::string_view piece) {
    std::unique_ptr<char[]> bytes(new char[piece.size()]);
    if (!piece.empty()) std::memcpy(bytes.get(), piece.data(), piece.size());
    std::string_view rest(bytes.get(), piece.size());
    for (;;) {
      const ChunkedDecoder::Step step = decoder.next(rest);
      decoded.data.append(step.data);
      decoded.consumed += step.consumed;
      decoded.state = step.state;
      decoded.violation = step.violation;
      rest.remove_prefix(step.consumed);
      if (step.state != ParseState::Incomplete) return true;
      if (step.consumed == 0) return false;
    }
  };
  size_t fed = 0;
  bool over = false;
  for (const size_t end : ends) {
    if (over || end >= input.size()) break;
    over = feed(input.substr(fed, end - fed));
    fed = end;
  }
  if (!over) feed(input.substr(fed));
  decoded.trailers = decoder.trailers();
  return decoded;
}

// 1, 2, … size-1: every byte in a call of its own.
inline std::vector<size_t> byteByByte(std::string_view input) {
  std::vector<size_t> ends;
  for (size_t i = 1; i < input.size(); ++i) ends.push_back(i);
  return ends;
}

}  // namespace mesh::http1

// Chunked bodies as tables of accepted and refused inputs, each at every split.
#include "http1/chunked.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "http1/split-parsing.h"

using namespace mesh::http1;
using namespace std::string_literals;

namespace {

// The outcome with the whole input at once, with every split in two, and byte by byte.
Decoded checkEverySplit(const std::string& input, const Limits& limits = {}) {
  CAPTURE(input);
  const Decoded whole = decodeInPieces(input, {}, limits);
  std::vector<std::vector<size_t>> ways = {byteByByte(input)};
  for (size_t split = 1; split < input.size(); ++split) ways.push_back({split});
  for (const auto& ends : ways) {
    const Decoded parts = decodeInPieces(input, ends, limits);
    CHECK(parts.state == whole.state);
    CHECK(parts.violation == whole.violation);
    CHECK(parts.data == whole.data);
    CHECK(parts.trailers == whole.trailers);
    if (whole.state == ParseState::Complete) CHECK(parts.consumed == whole.consumed);
  }
  return whole;
}

}  // namespace

TEST_CASE("a chunked body is decoded however it is split, without the bytes after it") {
  struct Row {
    std::string body;
    std::string data;
    std::string trailers;
  };
  const std::vector<Row> rows = {
      {"0\r\n\r\n", "", ""},
      {"0000000000000000\r\n\r\n", "", ""},
      {"3\r\nabc\r\n0\r\n\r\n", "abc", ""},
      {"a\r\n0123456789\r\nB\r\nhello world\r\n00\r\n\r\n", "0123456789hello world", ""},
      {"0000000000000001\r\n\n\r\n0\r\n\r\n", "\n", ""},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
      {"1;a\r\nx\r\n0;b\r\n\r\n", "x", ""},
      {"1;a=b;c=\"d \\\" \xc3\xa4\";e\r\nx\r\n0\r\n\r\n", "x", ""},
      {"1 \t; a \t= b ; c = \"\" ;d\r\nx\r\n0\r\n\r\n", "x", ""},
      {"0\r\nA:b\r\nC: \t d \r\nE:\r\n\r\n", "", "A: b\r\nC: d\r\nE: \r\n"},
      {"1\r\nx\r\n0\r\nETag: \"x\"\r\n\r\n", "x", "ETag: \"x\"\r\n"},
  };
  for (const Row& row : rows) {
    const Decoded decoded = checkEverySplit(row.body);
    CHECK(decoded.state == ParseState::Complete);
    CHECK(decoded.data == row.data);
    CHECK(decoded.trailers == row.trailers);
    const Decoded followed = decodeInPieces(row.body + "GET / HTTP/1.1\r\n", {});
    CHECK(followed.state == ParseState::Complete);
    CHECK(followed.consumed == row.body.size());
  }
}

TEST_CASE("a malformed chunked body is refused for the same rule however it is split") {
  const std::vector<std::pair<std::string, Violation>> rows = {
      {"\r\n", Violation::BadChunkSize},
      {" 1\r\nx\r\n", Violation::BadChunkSize},
      {"\t1\r\n", Violation::BadChunkSize},
      {"+1\r\nx\r\n", Violation::BadChunkSize},
      {"-1\r\nx\r\n", Violation::BadChunkSize},
      {"0x1\r\nx\r\n", Violation::BadChunkSize},
      {"1h\r\nx\r\n", Violation::BadChunkSize},
      {"g\r\n", Violation::BadChunkSize},
      {"1_0\r\n", Violation::BadChunkSize},
      {"1,2\r\n", Violation::BadChunkSize},
      {"1\0\r\n"s, Violation::BadChunkSize},
      {";a\r\n", Violation::BadChunkSize},
      {"00000000000000001\r\nx", Violation::BadChunkSize},
      {"10000000000000000\r\n", Violation::BadChunkSize},
      {"1\nx\r\n0\r\n\r\n", Violation::BareLineFeed},
      {"\n", Violation::BareLineFeed},
      {"1;a\nx", Violation::BareLineFeed},
      {"1;a=b\nx", Violation::BareLineFeed},
      {"1;a=\"b\"\nx", Violation::BareLineFeed},
      {"1\rx", Violation::BareCarriageReturn},
      {"1\r\r\nx", Violation::BareCarriageReturn},
      {"1;a\rx", Violation::BareCarriageReturn},
      {"1 \r\nx\r\n", Violation::BadChunkExtension},
      {"1 2\r\n", Violation::BadChunkExtension},
      {"1;\r\nx\r\n", Violation::BadChunkExtension},
      {"1; \r\nx\r\n", Violation::BadChunkExtension},
      {"1;;a\r\n", Violation::BadChunkExtension},
      {"1;a=\r\n", Violation::BadChunkExtension},
      {"1;a=;b\r\n", Violation::BadChunkExtension},
      {"1;=a\r\n", Violation::BadChunkExtension},
      {"1;a \r\n", Violation::BadChunkExtension},
      {"1;a b\r\n", Violation::BadChunkExtension},
      {"1;a=b c\r\n", Violation::BadChunkExtension},
      {"1;a==b\r\n", Violation::BadChunkExtension},
      {"1;a(b\r\n", Violation::BadChunkExtension},
      {"1;a\"b\"\r\n", Violation::BadChunkExtension},
      {"1;a=\"b\"c\r\n", Violation::BadChunkExtension},
      {"1;a=\"b\r\n", Violation::BadChunkExtension},
      {"1;a=\"\n\"\r\n", Violation::BadChunkExtension},
      {"1;a=\"\\\r\"\r\n", Violation::BadChunkExtension},
      {"1;a=\"\0\"\r\n"s, Violation::BadChunkExtension},
      {"1;a=\x01\r\n", Violation::BadChunkExtension},
      {"1\r\nxy", Violation::BadChunkEnd},
      {"1\r\nx\n0\r\n\r\n", Violation::BadChunkEnd},
      {"1\r\nx\rz", Violation::BadChunkEnd},
      {"1\r\nx0\r\n\r\n", Violation::BadChunkEnd},
      {"2\r\nx\r\n0\r\n\r\n", Violation::BadChunkEnd},
      {"0\r\n\n", Violation::BareLineFeed},
      {"0\r\n\rx", Violation::BareCarriageReturn},
      {"0\r\nA : b\r\n\r\n", Violation::BadFieldName},
      {"0\r\nA: b\r\n c\r\n\r\n", Violation::ObsoleteFolding},
      {"0\r\nA: \x01\r\n\r\n", Violation::BadFieldValue},
      {"0\r\nGET / HTTP/1.1\r\n\r\n", Violation::BadFieldName},
  };
  for (const auto& row : rows) {
    const std::string& body = row.first;
    const Decoded decoded = checkEverySplit(body);
    CAPTURE(body);
    CHECK(decoded.state == ParseState::Invalid);
    CHECK(decoded.violation == row.second);
  }
}

TEST_CASE("fields for framing, routing, authentication and the connection are no trailers") {
  for (const std::string name : {"Content-Length",
                                 "transfer-encoding",
                                 "Trailer",
                                 "Content-Encoding",
                                 "Content-Type",
                                 "Content-Range",
                                 "Host",
                                 "Forwarded",
                                 "X-Forwarded-For",
                                 "Via",
                                 "Max-Forwards",
                                 "l5d-dst-override",
                                 "l5d-client-id",
                                 "L5D-Proxy-Error",
                                 "Authorization",
                                 "Cookie",
                                 "Set-Cookie",
                                 "WWW-Authenticate",
                                 "Proxy-Authorization",
                                 "Proxy-Authenticate",
                                 "Connection",
                                 "Keep-Alive",
                                 "Proxy-Connection",
                                 "TE",
                                 "Upgrade",
                                 "Expect",
                                 "HTTP2-Settings"}) {
    const Decoded decoded = checkEverySplit("0\r\nOk: 1\r\n" + name + ": 1\r\n\r\n");
    CAPTURE(name);
    CHECK(decoded.violation == Violation::BadTrailer);
    CHECK(decoded.trailers.empty());
  }
}

TEST_CASE("the largest chunk size that fits is accepted") {
  ChunkedDecoder decoder;
  const ChunkedDecoder::Step step = decoder.next("ffffffffffffffff\r\nabc");
  CHECK(step.state == ParseState::Incomplete);
  CHECK(step.data == "abc");
}

TEST_CASE("extensions may not outweigh the data") {
  const std::string extension = ";a=" + std::string(4000, 'b');
  const std::string empty = "1" + extension + "\r\nx\r\n";
  CHECK(decodeInPieces(empty + empty + "0\r\n\r\n", {}).state == ParseState::Complete);
  CHECK(decodeInPieces(empty + empty + empty, {}).violation == Violation::BadChunkExtension);
  CHECK(decodeInPieces("1;a=\"" + std::string(9000, ' '), {}).violation ==
        Violation::BadChunkExtension);
  std::string paid;
  for (int i = 0; i < 20; ++i)
    paid += "1000" + extension + "\r\n" + std::string(4096, 'x') + "\r\n";
  const Decoded decoded = decodeInPieces(paid + "0\r\n\r\n", {});
  CHECK(decoded.state == ParseState::Complete);
  CHECK(decoded.data.size() == 20 * 4096);
}

TEST_CASE("a trailer section has the limits of a head") {
  Limits limits;
  limits.maxHeadBytes = 20;
  CHECK(checkEverySplit("0\r\nA: 0123456789abc\r\n\r\nrest", limits).state == ParseState::Complete);
  CHECK(checkEverySplit("0\r\nA: 0123456789abcd\r\n\r\n", limits).violation ==
        Violation::HeadTooLarge);
  limits = {};
  limits.maxFields = 1;
  CHECK(checkEverySplit("0\r\nA: b\r\nC: d\r\n\r\n", limits).violation == Violation::TooManyFields);
}

TEST_CASE("data comes back in place and nothing of it is kept") {
  ChunkedDecoder decoder;
  const std::string_view input = "5\r\nabcde\r\n0\r\n\r\nnext";
  ChunkedDecoder::Step step = decoder.next(input);
  CHECK(step.data.data() == input.data() + 3);
  CHECK(step.data == "abcde");
  CHECK(step.consumed == 8);
  step = decoder.next(input.substr(8));
  CHECK(step.state == ParseState::Complete);
  CHECK(step.consumed == 7);
  CHECK(step.data.empty());
}

TEST_CASE("a finished decoder takes nothing more, a failed one stays failed, a reset one is new") {
  ChunkedDecoder decoder;
  CHECK(decoder.next("0\r\nA: b\r\n\r\n").state == ParseState::Complete);
  CHECK(decoder.next("0\r\n\r\n").consumed == 0);
  CHECK(decoder.next("0\r\n\r\n").state == ParseState::Complete);
  CHECK(decoder.trailers() == "A: b\r\n");
  decoder.reset();
  CHECK(decoder.trailers().empty());
  CHECK(decoder.next("0\r\nA: \x01").violation == Violation::BadFieldValue);
  CHECK(decoder.next("0\r\n\r\n").violation == Violation::BadFieldValue);
  CHECK(decoder.next("").state == ParseState::Invalid);
  decoder.reset();
  CHECK(decoder.next("1;a=\"b").state == ParseState::Incomplete);
  decoder.reset();
  CHECK(decoder.next("0\r\n\r\n").state == ParseState::Complete);
}

// Heads as tables of accepted and refused inputs, each at every split and byte by byte.
#include "http1/parser.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http1/split-parsing.h"

using namespace mesh;
using namespace mesh::http1;
using namespace std::string_literals;

namespace {

struct Refused {
  std::string input;
  Violation violation;
};

// With the fields that make a request complete.
std::string get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

const std::vector<Refused> REFUSED_REQUESTS = {
    // Start line.
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n", Violation::BadStartLine},
    {"\nGET / HTTP/1.1\r\n", Violation::BareLineFeed},
    {"\rGET / HTTP/1.1\r\n", Violation::BareCarriageReturn},
    {" GET / HTTP/1.1\r\n", Violation::BadMethod},
    {"GE\tT / HTTP/1.1\r\n", Violation::BadMethod},
    {"G(T / HTTP/1.1\r\n", Violation::BadMethod},
    {"G\x80T / HTTP/1.1\r\n", Violation::BadMethod},
    {"\x16\x03\x01"s, Violation::BadMethod},
    {"\0"s, Violation::BadMethod},
    {"GET\r\n", Violation::BadStartLine},
    {"GET /\r\n", Violation::BadStartLine},
    {"GET /\n", Violation::BadStartLine},
    {"GET  / HTTP/1.1\r\n", Violation::BadTarget},
    {"GET\t/ HTTP/1.1\r\n", Violation::BadMethod},
    {"GET / a HTTP/1.1\r\n", Violation::BadVersion},
    {"GET /\tHTTP/1.1\r\n", Violation::BadTarget},
    {"GET /a#b HTTP/1.1\r\n", Violation::BadTarget},
    {"GET /<a> HTTP/1.1\r\n", Violation::BadTarget},
    {"GET /a\\b HTTP/1.1\r\n", Violation::BadTarget},
    {"GET /\xc3\xa4 HTTP/1.1\r\n", Violation::BadTarget},
    {"GET /a\0b HTTP/1.1\r\n"s, Violation::BadTarget},
    {"GET /a\x7f HTTP/1.1\r\n", Violation::BadTarget},
    {"GET /a?b=\x01 HTTP/1.1\r\n", Violation::BadTarget},
    {"GET a HTTP/1.1\r\n", Violation::BadTarget},
    {"GET * HTTP/1.1\r\n", Violation::BadTarget},
    {"PRI * HTTP/1.1\r\n", Violation::BadTarget},
    {"OPTIONS *a HTTP/1.1\r\n", Violation::BadTarget},
    // Version.
    {"GET / http/1.1\r\n", Violation::BadVersion},
    {"GET / HTTP/1\r\n", Violation::BadVersion},
    {"GET / HTTP/1,1\r\n", Violation::BadVersion},
    {"GET / HTTP/1.a\r\n", Violation::BadVersion},
    {"GET / HTTP/a.1\r\n", Violation::BadVersion},
    {"GET / HTTP/11.1\r\n", Violation::BadVersion},
    {"GET / HTTP/1.11\r\n", Violation::BadVersion},
    {"GET / HTTP/1.1 \r\n", Violation::BadVersion},
    {"GET / HTTP/1.1\t\r\n", Violation::BadVersion},
    {"GET /  HTTP/1.1\r\n", Violation::BadVersion},
    {"GET / HTTPS/1.1\r\n", Violation::BadVersion},
    {"GET / HTTP/1.2\r\n", Violation::UnsupportedVersion},
    {"GET / HTTP/1.9\r\n", Violation::UnsupportedVersion},
    {"GET / HTTP/0.9\r\n", Violation::UnsupportedVersion},
    {"GET / HTTP/2.0\r\n", Violation::UnsupportedVersion},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Violation::UnsupportedVersion},
    {"GET / HTTP/1.1\n", Violation::BareLineFeed},
    {"GET / HTTP/1.1\rX", Violation::BareCarriageReturn},
    {"GET / HTTP/1.1\r\r\n", Violation::BareCarriageReturn},
    // Field lines.
    {get("A : b\r\n"), Violation::BadFieldName},
    {get("A\t: b\r\n"), Violation::BadFieldName},
    {get(": b\r\n"), Violation::BadFieldName},
    {get("A\r\n"), Violation::BadFieldName},
    {get("A\nB: c\r\n"), Violation::BadFieldName},
    {get("A b: c\r\n"), Violation::BadFieldName},
    {get("A\0: c\r\n"s), Violation::BadFieldName},
    {get("A\x80: c\r\n"), Violation::BadFieldName},
    {get("A@: c\r\n"), Violation::BadFieldName},
    {get("(A): c\r\n"), Violation::BadFieldName},
    {get("A: b\0c\r\n"s), Violation::BadFieldValue},
    {get("A: b\x01\r\n"), Violation::BadFieldValue},
    {get("A: b\x0b\r\n"), Violation::BadFieldValue},
    {get("A: b\x7f\r\n"), Violation::BadFieldValue},
    {get("A: b\x1b and enough bytes after it\r\n"), Violation::BadFieldValue},
    {get("A: b\n"), Violation::BareLineFeed},
    {get("A: b\nTransfer-Encoding: chunked\r\n"), Violation::BareLineFeed},
    {get("A: b\rc\r\n"), Violation::BareCarriageReturn},
    {get("A: b\r\r\n"), Violation::BareCarriageReturn},
    {get("A: b\r\n c\r\n"), Violation::ObsoleteFolding},
    {get("A: b\r\n\tc\r\n"), Violation::ObsoleteFolding},
    {get("A: b\r\n \r\n"), Violation::ObsoleteFolding},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Violation::BadFieldName},
    {"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", Violation::BadFieldName},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", Violation::BareLineFeed},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", Violation::BareCarriageReturn},
    // Host.
    {"GET / HTTP/1.1\r\n\r\n", Violation::MissingHost},
    {"GET http://a/ HTTP/1.1\r\n\r\n", Violation::MissingHost},
    {get("Host: a\r\n"), Violation::DuplicateHost},
    {get("hOST: b\r\n"), Violation::DuplicateHost},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Violation::DuplicateHost},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Violation::BadHost},
    {"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", Violation::BadHost},
    {"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", Violation::HostMismatch},
};

const std::vector<Refused> REFUSED_RESPONSES = {
    {"HTTP/1.1", Violation::None},
    {"ICY 200 OK\r\n", Violation::BadStartLine},
    {"http/1.1 200 OK\r\n", Violation::BadStartLine},
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", Violation::BadStartLine},
    {" HTTP/1.1 200 OK\r\n\r\n", Violation::BadStartLine},
    {"HTTP/1.x 200 OK\r\n", Violation::BadVersion},
    {"HTTP/1.1\t200 OK\r\n", Violation::BadVersion},
    {"HTTP/1.10 200 OK\r\n", Violation::BadVersion},
    {"HTTP/1.1\r\n", Violation::BadVersion},
    {"HTTP/2.0 200 OK\r\n", Violation::UnsupportedVersion},
    {"HTTP/1.2 200 OK\r\n", Violation::UnsupportedVersion},
    {"HTTP/1.1 20\r\n", Violation::BadStatus},
    {"HTTP/1.1  200 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 099 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 000 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 2x0 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 +20 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 2000 OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 200OK\r\n", Violation::BadStatus},
    {"HTTP/1.1 200\tOK\r\n", Violation::BadStatus},
    {"HTTP/1.1 200 O\0K\r\n"s, Violation::BadStartLine},
    {"HTTP/1.1 200 O\x7fK\r\n", Violation::BadStartLine},
    {"HTTP/1.1 200 OK\n", Violation::BareLineFeed},
    {"HTTP/1.1 200\n", Violation::BareLineFeed},
    {"HTTP/1.1 200 OK\rX", Violation::BareCarriageReturn},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Violation::BadFieldName},
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Violation::ObsoleteFolding},
    {"HTTP/1.1 200 OK\r\nA: b\n\r\n", Violation::BareLineFeed},
};

const std::vector<std::string> ACCEPTED_REQUESTS = {
    get(""),
    "\r\n" + get(""),
    "\r\n\r\n" + get(""),
    "GET / HTTP/1.0\r\n\r\n",
    "GET /a%zz?b=100%|{}\"^`[]\\ HTTP/1.1\r\nHost:\r\n\r\n",
    "get / HTTP/1.1\r\nHost: a:8080\r\n\r\n",
    "M-SEARCH /a;b=c/../d?e?f/g:@! HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    get("A:b\r\nC:\t d e \t\r\nF:\r\nG: \r\nH: \xc3\xa4,\"\r\n"),
};

const std::vector<std::string> ACCEPTED_RESPONSES = {
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.0 200\r\n\r\n",
    "HTTP/1.1 200 \r\nA: b\r\n\r\n",
    "HTTP/1.1 999 \tf\xc3\xbcr  immer \r\nServer: x\r\nA-Field-That-Is-Rather-Long: yes\r\n\r\n",
};

// The outcome with the whole input at once, with every split in two, and byte by byte.
template <typename Head, typename Parse>
void checkEverySplit(const std::string& input, Parse parse, ParseState state, Violation violation) {
  CAPTURE(input);
  static Head head;
  const ParseOutcome whole = parseInPieces(input, {}, {}, parse, head).outcome;
  CHECK(whole.state == state);
  CHECK(whole.violation == violation);
  std::vector<std::vector<size_t>> ways = {byteByByte(input)};
  for (size_t split = 1; split < input.size(); ++split) ways.push_back({split});
  for (const auto& ends : ways) {
    const ParseOutcome parts = parseInPieces(input, ends, {}, parse, head).outcome;
    CHECK(parts.state == whole.state);
    CHECK(parts.violation == whole.violation);
    CHECK(parts.consumed == whole.consumed);
  }
}

}  // namespace

TEST_CASE("a malformed request is refused for the same rule however it is split") {
  for (const Refused& refused : REFUSED_REQUESTS) {
    checkEverySplit<RequestHead>(refused.input, parseRequestHead, ParseState::Invalid,
                                 refused.violation);
  }
}

TEST_CASE("a malformed response is refused for the same rule however it is split") {
  for (const Refused& refused : REFUSED_RESPONSES) {
    const ParseState state =
        refused.violation == Violation::None ? ParseState::Incomplete : ParseState::Invalid;
    checkEverySplit<ResponseHead>(refused.input, parseResponseHead, state, refused.violation);
  }
}

TEST_CASE("a well-formed head is accepted however it is split, without the bytes after it") {
  for (const std::string& input : ACCEPTED_REQUESTS) {
    checkEverySplit<RequestHead>(input, parseRequestHead, ParseState::Complete, Violation::None);
    static RequestHead head;
    HeadProgress progress;
    const ParseOutcome outcome = parseRequestHead(input + "\n\0GET"s, {}, progress, head);
    CHECK(outcome.state == ParseState::Complete);
    CHECK(outcome.consumed == input.size());
  }
  for (const std::string& input : ACCEPTED_RESPONSES) {
    checkEverySplit<ResponseHead>(input, parseResponseHead, ParseState::Complete, Violation::None);
  }
}

TEST_CASE("no proper prefix of a head is complete or invalid") {
  for (const std::string& input : ACCEPTED_REQUESTS) {
    for (size_t length = 0; length < input.size(); ++length) {
      static RequestHead head;
      HeadProgress progress;
      const ParseOutcome outcome =
          parseRequestHead(std::string_view(input).substr(0, length), {}, progress, head);
      CHECK(outcome.state == ParseState::Incomplete);
    }
  }
}

TEST_CASE("the parts of a request are views of what was written") {
  static RequestHead head;
  HeadProgress progress;
  const std::string input =
      "\r\nPOST /p?q HTTP/1.0\r\nhOsT: A.b:1\r\nX:\t a b \r\nContent-length: 3\r\n\r\nabc";
  const ParseOutcome outcome = parseRequestHead(input, {}, progress, head);
  REQUIRE(outcome.state == ParseState::Complete);
  CHECK(outcome.consumed == input.size() - 3);
  CHECK(head.methodText == "POST");
  CHECK(head.method == Method::Post);
  CHECK(head.target == "/p?q");
  CHECK(head.path == "/p?q");
  CHECK(head.form == TargetForm::Origin);
  CHECK(head.authority == "A.b:1");
  CHECK(head.minorVersion == 0);
  REQUIRE(head.fields.count == 3);
  CHECK(head.fields.items[0].name == "hOsT");
  CHECK(head.fields.items[1].value == "a b");
  CHECK(head.fields.items[1].id == FieldId::Other);
  CHECK(head.fields.items[2].name == "Content-length");
  CHECK(head.fields.items[2].id == FieldId::ContentLength);
}

TEST_CASE("a head that was of HTTP/2 before is of HTTP/1 alone when it is parsed") {
  RequestHead head;
  head.majorVersion = 2;
  head.scheme = "https";
  head.protocol = "websocket";
  HeadProgress progress;
  const std::string text = get("");
  CHECK(parseRequestHead(text, Limits{}, progress, head).state == ParseState::Complete);
  CHECK(head.majorVersion == 1);
  CHECK(head.scheme.empty());
  CHECK(head.protocol.empty());
}

TEST_CASE("the parts of a response are views of what was written") {
  static ResponseHead head;
  HeadProgress progress;
  ParseOutcome outcome =
      parseResponseHead("HTTP/1.0 404 Not  here\r\nA: b\r\n\r\n", {}, progress, head);
  REQUIRE(outcome.state == ParseState::Complete);
  CHECK(head.status == 404);
  CHECK(head.reason == "Not  here");
  CHECK(head.minorVersion == 0);
  CHECK(head.fields.count == 1);
  outcome = parseResponseHead("HTTP/1.1 100\r\n\r\n", {}, progress, head);
  REQUIRE(outcome.state == ParseState::Complete);
  CHECK(head.status == 100);
  CHECK(head.reason.empty());
  CHECK(head.fields.count == 0);
}

TEST_CASE("methods are known by their exact spelling") {
  const std::vector<std::pair<std::string, Method>> methods = {
      {"GET", Method::Get},         {"HEAD", Method::Head},     {"POST", Method::Post},
      {"PUT", Method::Put},         {"PATCH", Method::Patch},   {"DELETE", Method::Delete},
      {"OPTIONS", Method::Options}, {"TRACE", Method::Trace},   {"get", Method::Other},
      {"GETS", Method::Other},      {"PROPFIND", Method::Other}};
  for (const auto& row : methods) {
    const std::string& text = row.first;
    static RequestHead head;
    HeadProgress progress;
    parseRequestHead(text + " / HTTP/1.1\r\nHost: a\r\n\r\n", {}, progress, head);
    CAPTURE(text);
    CHECK(head.method == row.second);
  }
}

TEST_CASE("a head may be exactly as large as the limit and not a byte larger") {
  const std::string input = get("A: 0123456789\r\n");
  Limits limits;
  static RequestHead head;
  for (const auto& ends : {std::vector<size_t>{}, byteByByte(input)}) {
    limits.maxHeadBytes = input.size();
    CHECK(parseInPieces(input, ends, limits, parseRequestHead, head).outcome.state ==
          ParseState::Complete);
    CHECK(parseInPieces(input + "more", ends, limits, parseRequestHead, head).outcome.state ==
          ParseState::Complete);
    limits.maxHeadBytes = input.size() - 1;
    CHECK(parseInPieces(input, ends, limits, parseRequestHead, head).outcome.violation ==
          Violation::HeadTooLarge);
  }
}

TEST_CASE("an endless line is refused at the limit, in the time its bytes take") {
  Limits limits;
  static RequestHead head;
  for (const std::string start :
       {"G", "GET /", "GET /?", "GET / HTTP/1.1\r\nHost", "GET / HTTP/1.1\r\nA: "}) {
    HeadProgress progress;
    std::string input = start + std::string(limits.maxHeadBytes, 'a');
    ParseOutcome outcome;
    size_t length = start.size();
    while (outcome.state == ParseState::Incomplete) {
      outcome =
          parseRequestHead(std::string_view(input).substr(0, length++), limits, progress, head);
      // The run is continued, not begun again.
      CHECK((outcome.state != ParseState::Incomplete || progress.run != 0));
    }
    CHECK(outcome.violation == Violation::HeadTooLarge);
    CHECK(length - 1 == limits.maxHeadBytes);
  }
}

TEST_CASE("the number of fields is limited, also when they come one by one") {
  Limits limits;
  static RequestHead head;
  std::string fields;
  for (size_t i = 1; i < MAX_FIELDS; ++i) fields += "A: b\r\n";
  for (const size_t piece : {7, 100000}) {
    std::vector<size_t> ends;
    for (size_t end = piece; end < fields.size() + 100; end += piece) ends.push_back(end);
    const Arrival full = parseInPieces(get(fields), ends, limits, parseRequestHead, head);
    CHECK(full.outcome.state == ParseState::Complete);
    CHECK(head.fields.count == MAX_FIELDS);
    CHECK(parseInPieces(get(fields + "A: b\r\n"), ends, limits, parseRequestHead, head)
              .outcome.violation == Violation::TooManyFields);
  }
  limits.maxFields = 1;
  HeadProgress progress;
  CHECK(parseRequestHead(get(""), limits, progress, head).state == ParseState::Complete);
  CHECK(parseRequestHead(get("A:\r\n"), limits, progress, head).violation ==
        Violation::TooManyFields);
}

TEST_CASE("field lines of a trailer section are read up to the empty line") {
  static FieldTable fields;
  HeadProgress progress;
  ParseOutcome outcome = parseFields("A: b\r\nC: d\r\n\r\nrest", {}, progress, fields);
  CHECK(outcome.state == ParseState::Complete);
  CHECK(outcome.consumed == 14);
  CHECK(fields.count == 2);
  outcome = parseFields("\r\n", {}, progress, fields);
  CHECK(outcome.consumed == 2);
  CHECK(fields.count == 0);
  const std::string input = "A: b\r\nC : d\r\n\r\n";
  CHECK(parseInPieces(input, byteByByte(input), {}, parseFields, fields).outcome.violation ==
        Violation::BadFieldName);
}

TEST_CASE("what can become a request is told from what cannot, at every length") {
  for (const std::string& input : ACCEPTED_REQUESTS) {
    for (size_t length = 0; length <= input.size(); ++length) {
      CAPTURE(input.substr(0, length));
      CHECK(couldBeRequest(std::string_view(input).substr(0, length)));
    }
  }
  // Malformed later on, but HTTP all the same: to be refused with a reason, not passed on unread.
  for (const std::string_view input : {"GET / HTTP/1.1\n", "GET / HTTP/9.9\r\n",
                                       "GET / HTTP/1.1\r\nA : b\r\n", "GET http:// HTTP/1.1"}) {
    CHECK(couldBeRequest(input));
  }
  for (const std::string& input :
       {"\x16\x03\x01"s, "\0"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s, "PRI *"s, "PING\r\n"s,
        "GET foo\r\n"s, "EHLO example.com\r\n"s, "SSH-2.0-x\r\n"s, "GET /\r\n"s, "\n"s,
        "\r\n\r\n\r\n"s, "GET / FTP/1.0"s, "*1\r\n$4\r\nPING\r\n"s, "a b"s, "GET htp://"s,
        "AMQP\x00\x00\x09\x01"s, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH"s, "HTTP/1.1 200 OK\r\n"s}) {
    CAPTURE(input);
    CHECK_FALSE(couldBeRequest(input));
  }
}

// Answers of the proxy on the wire: what they say, and whether the connection goes on.
#include "proxy/answer-rendering.h"

#include <doctest/doctest.h>

using namespace mesh;

namespace {
const Answer CLOSING{
    .status = 502, .grpcStatus = 14, .closes = true, .message = "endpoint gone", .location = {}};
const Answer KEEPING{
    .status = 404, .grpcStatus = 5, .closes = false, .message = "no route", .location = {}};

// name: value, one a line.
std::string textOf(const FieldTable& fields) {
  std::string text;
  for (const Field& field : fields) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

std::string rendered(const Answer& answer, bool grpc, bool emitHeaders) {
  ResponseHead head;
  fillAnswerHead(answer, grpc, emitHeaders, head);
  return std::to_string(head.status) + "\n" + textOf(head.fields);
}
}  // namespace

TEST_CASE("an HTTP/1 answer closes when it must or its client wants to, and says so") {
  struct Case {
    const Answer& answer;
    Http1AnswerOptions options;
    const char* text;
  };
  const Case cases[] = {
      {CLOSING,
       {.clientMinorVersion = 1, .keepAlive = true, .emitHeaders = true},
       "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n"
       "l5d-proxy-error: endpoint gone\r\nl5d-proxy-connection: close\r\n\r\n"},
      {CLOSING,
       {.clientMinorVersion = 0, .keepAlive = true, .emitHeaders = false},
       "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"},
      {KEEPING,
       {.clientMinorVersion = 1, .keepAlive = true, .emitHeaders = true},
       "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nl5d-proxy-error: no route\r\n\r\n"},
      {KEEPING,
       {.clientMinorVersion = 0, .keepAlive = true, .emitHeaders = false},
       "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n"},
      // The client's own wish is no error of the connection.
      {KEEPING,
       {.clientMinorVersion = 1, .keepAlive = false, .emitHeaders = true},
       "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n"
       "l5d-proxy-error: no route\r\n\r\n"},
  };
  for (const Case& one : cases) CHECK(http1Answer(one.answer, one.options) == one.text);
}

TEST_CASE("a redirect has its location, but for gRPC") {
  const Answer redirect = redirectAnswer(307, "http://b.example/");
  CHECK(http1Answer(redirect, {.clientMinorVersion = 1, .keepAlive = true, .emitHeaders = false}) ==
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://b.example/\r\n"
        "content-length: 0\r\n\r\n");
  CHECK(rendered(redirect, false, false) ==
        "307\nlocation: http://b.example/\ncontent-length: 0\n");
  CHECK(rendered(redirect, true, false) ==
        "200\ncontent-length: 0\ncontent-type: application/grpc\ngrpc-status: 5\n");
}

TEST_CASE("a status that may have no length has none") {
  for (const uint16_t status : {204, 304}) {
    CAPTURE(status);
    const Answer answer = injectedAnswer(route::HttpFailure{.status = status, .message = ""});
    CHECK(http1Answer(answer, {}).find("content-length") == std::string::npos);
    CHECK(rendered(answer, false, false) == std::to_string(status) + "\n");
  }
}

TEST_CASE("a status without a phrase is said without one") {
  const Answer answer = injectedAnswer(route::HttpFailure{.status = 599, .message = ""});
  CHECK(http1Answer(answer, {}).starts_with("HTTP/1.1 599 \r\n"));
}

TEST_CASE("an HTTP/2 answer has the same in fields, without those of a connection") {
  CHECK(rendered(CLOSING, false, true) ==
        "502\ncontent-length: 0\nl5d-proxy-error: endpoint gone\nl5d-proxy-connection: close\n");
  CHECK(rendered(KEEPING, false, true) == "404\ncontent-length: 0\nl5d-proxy-error: no route\n");
  CHECK(rendered(KEEPING, false, false) == "404\ncontent-length: 0\n");
}

TEST_CASE("a gRPC request is answered in gRPC's terms under status 200") {
  CHECK(rendered(CLOSING, true, true) ==
        "200\ncontent-length: 0\ncontent-type: application/grpc\ngrpc-status: 14\n"
        "grpc-message: endpoint gone\nl5d-proxy-error: endpoint gone\n"
        "l5d-proxy-connection: close\n");
  CHECK(rendered(KEEPING, true, false) ==
        "200\ncontent-length: 0\ncontent-type: application/grpc\ngrpc-status: 5\n");
}

TEST_CASE("every gRPC status is written as its number") {
  for (uint8_t code = 0; code <= 16; ++code) {
    const Answer answer = injectedAnswer(route::GrpcFailure{.code = code, .message = ""});
    CHECK(rendered(answer, true, false).ends_with("grpc-status: " + std::to_string(code) + "\n"));
  }
}

TEST_CASE("a gRPC response that fails after its head ends with trailers") {
  FieldTable trailers;
  fillAnswerTrailers(CLOSING, true, trailers);
  CHECK(textOf(trailers) == "grpc-status: 14\ngrpc-message: endpoint gone\n");
  fillAnswerTrailers(CLOSING, false, trailers);
  CHECK(textOf(trailers) == "grpc-status: 14\n");
}

TEST_CASE("a message that is no field value is not put into a field") {
  const Answer hostile =
      injectedAnswer(route::HttpFailure{.status = 503, .message = "a\r\nset-cookie: b"});
  const std::string text =
      http1Answer(hostile, {.clientMinorVersion = 1, .keepAlive = false, .emitHeaders = true});
  CHECK(text.find("set-cookie") == std::string::npos);
  CHECK(text.find("l5d-proxy-error: unexpected error\r\n") != std::string::npos);
  CHECK(rendered(hostile, true, true).find("set-cookie") == std::string::npos);
}

// From a reason to a status, a sentence and a response.
#include "proxy/error-response.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace mesh;

TEST_CASE("reasons map to the statuses of the reference") {
  CHECK(statusOf(Reason::ConnectRefused) == 502);
  CHECK(statusOf(Reason::ConnectTimeout) == 504);
  CHECK(statusOf(Reason::FailFast) == 504);
  CHECK(statusOf(Reason::QueueFull) == 503);
  CHECK(statusOf(Reason::NoEndpoints) == 503);
  CHECK(statusOf(Reason::MalformedRequest) == 400);
  CHECK(statusOf(Reason::RequestHeadTooLarge) == 431);
  CHECK(statusOf(Reason::LoopRefused) == 508);
}

TEST_CASE("a failure is described from the service down to the system's word") {
  CHECK(describeFailure({.reason = Reason::ConnectRefused,
                         .error = ECONNREFUSED,
                         .detail = "",
                         .endpoint = SocketAddress::v4(0x7f000001, 81),
                         .authority = "web:80"}) ==
        "logical service web:80: endpoint 127.0.0.1:81: connection refused: Connection refused "
        "(os error 111)");
}

TEST_CASE("a synthesized response says why, has no body and closes") {
  CHECK(errorResponse(502, "endpoint gone", true) ==
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n"
        "l5d-proxy-error: endpoint gone\r\nl5d-proxy-connection: close\r\n\r\n");
  CHECK(errorResponse(504, "x", false) ==
        "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST_CASE("a message that is no field value is not put into a header") {
  const std::string response = errorResponse(502, "a\r\nset-cookie: b", true);
  CHECK(response.find("set-cookie") == std::string::npos);
  CHECK(response.find("l5d-proxy-error: unexpected error\r\n") != std::string::npos);
}

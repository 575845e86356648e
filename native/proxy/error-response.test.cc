// From a reason to a status, a sentence and an answer.
#include "proxy/error-response.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace mesh;

namespace {
struct Row {
  Reason reason;
  uint16_t status;
  uint8_t grpcStatus;
  bool closes;
};

// Reference §7.2 and §7.4; what it does not know is told by RFC 9110 and its nearest neighbour.
constexpr Row EVERY_REASON[] = {
    {Reason::None, 500, 13, true},
    {Reason::ClientClosed, 500, 13, true},
    {Reason::ClientReset, 500, 13, true},
    {Reason::ClientHeadTimeout, 408, 4, true},
    {Reason::ClientIdleTimeout, 500, 13, true},
    {Reason::MalformedRequest, 400, 13, true},
    {Reason::RequestHeadTooLarge, 431, 8, true},
    {Reason::UnsupportedVersion, 505, 13, true},
    {Reason::DetectTimeout, 500, 13, true},
    {Reason::KeepaliveTimeout, 502, 14, true},
    {Reason::NoOriginalDestination, 502, 14, true},
    {Reason::LoopRefused, 508, 10, true},
    {Reason::DiscoveryTimeout, 504, 4, true},
    {Reason::DiscoveryFailed, 502, 14, true},
    {Reason::NoRoute, 404, 5, false},
    {Reason::NoEndpoints, 503, 14, true},
    {Reason::FailFast, 504, 4, true},
    {Reason::QueueFull, 503, 14, true},
    {Reason::NoReadyBackend, 503, 14, true},
    {Reason::NoDispatcher, 502, 14, true},
    {Reason::InvalidPolicy, 500, 13, true},
    {Reason::InjectedFailure, 500, 9, false},
    {Reason::Forbidden, 403, 7, false},
    {Reason::ConnectRefused, 502, 14, true},
    {Reason::ConnectTimeout, 504, 4, true},
    {Reason::ConnectFailed, 502, 14, true},
    {Reason::EndpointRemoved, 502, 14, true},
    {Reason::EndpointClosed, 502, 14, true},
    {Reason::EndpointReset, 502, 14, true},
    {Reason::MalformedResponse, 502, 14, true},
    {Reason::ResponseHeadTooLarge, 502, 14, true},
    {Reason::ResponseTimeout, 504, 4, false},
    {Reason::RequestTimeout, 504, 4, false},
    {Reason::ResponseHeadersTimeout, 504, 4, false},
    {Reason::StreamIdleTimeout, 504, 4, false},
    {Reason::HalfCloseTimeout, 500, 13, true},
    {Reason::IdleTimeout, 500, 13, true},
    {Reason::OutOfDescriptors, 503, 14, true},
    {Reason::OutOfMemoryBudget, 503, 14, true},
    {Reason::Draining, 503, 14, true},
    {Reason::Internal, 500, 13, true},
};
}  // namespace

TEST_CASE("every reason has its status, its gRPC status, and closes or does not") {
  for (const Row& row : EVERY_REASON) {
    CAPTURE(reasonName(row.reason));
    const Answer answer = answerFor({.reason = row.reason});
    CHECK(answer.status == row.status);
    CHECK(answer.grpcStatus == row.grpcStatus);
    CHECK(answer.closes == row.closes);
    CHECK(statusOf(row.reason) == row.status);
    CHECK(grpcStatusOf(row.reason) == row.grpcStatus);
  }
}

TEST_CASE("every reason has a sentence of its own") {
  for (const Row& row : EVERY_REASON) {
    const std::string sentence = answerFor({.reason = row.reason}).message;
    CAPTURE(sentence);
    CHECK_FALSE(sentence.empty());
    for (const Row& other : EVERY_REASON) {
      if (other.reason != row.reason) CHECK(describeFailure({.reason = other.reason}) != sentence);
    }
  }
}

TEST_CASE("a failure is described from the service down to the system's word") {
  CHECK(describeFailure({.reason = Reason::ConnectRefused,
                         .error = ECONNREFUSED,
                         .detail = "",
                         .endpoint = SocketAddress::v4(0x7f000001, 81),
                         .authority = "web:80"}) ==
        "logical service web:80: endpoint 127.0.0.1:81: connection refused: Connection refused "
        "(os error 111)");
  CHECK(describeFailure({.reason = Reason::FailFast,
                         .error = 0,
                         .detail = "",
                         .endpoint = {},
                         .authority = "web:80",
                         .route = "HTTPRoute.default.web",
                         .backend = "Service.default.web:80"}) ==
        "logical service web:80: route HTTPRoute.default.web: backend Service.default.web:80: "
        "service in fail-fast");
  CHECK(describeFailure({.reason = Reason::NoRoute,
                         .error = 0,
                         .detail = "web:81",
                         .endpoint = {},
                         .authority = "",
                         .route = "",
                         .backend = "",
                         .serverName = "web.example"}) == "SNI web.example: no route: web:81");
}

TEST_CASE("a detail that says the reason itself is said alone") {
  struct Row {
    Reason reason;
    const char* detail;
  };
  for (const Row& row : {Row{Reason::Unauthorized, "unauthorized request on route"},
                         Row{Reason::Unauthorized, "unauthorized connection on server/web"},
                         Row{Reason::RateLimited, "override rate limit exceeded: 5rps"},
                         Row{Reason::NoRoute, "no route found for request"}}) {
    CHECK(describeFailure({.reason = row.reason, .detail = row.detail}) == row.detail);
  }
  CHECK(describeFailure({.reason = Reason::RateLimited}) == "rate limit exceeded");
  CHECK(describeFailure({.reason = Reason::AddressNotAllowed, .detail = "of another pod"}) ==
        "inbound connections are not allowed on this IP address: of another pod");
}

TEST_CASE("what policies refuse has its class") {
  struct Row {
    Reason reason;
    uint16_t status;
    uint8_t grpcStatus;
    bool closes;
  };
  for (const Row& row :
       {Row{Reason::Unauthorized, 403, 7, false}, Row{Reason::RateLimited, 429, 8, false},
        Row{Reason::TooManyInFlight, 503, 14, true}}) {
    const Answer answer = answerFor({.reason = row.reason});
    CHECK(answer.status == row.status);
    CHECK(answer.grpcStatus == row.grpcStatus);
    CHECK(answer.closes == row.closes);
  }
}

TEST_CASE("a redirect says where to and keeps the connection") {
  const Answer answer = redirectAnswer(301, "http://b.example/x");
  CHECK(answer.status == 301);
  CHECK(answer.grpcStatus == 5);
  CHECK_FALSE(answer.closes);
  CHECK(answer.message == "redirected");
  CHECK(answer.location == "http://b.example/x");
}

TEST_CASE("a redirect to what is no field value is an internal error") {
  for (const char* location : {"", "http://a/\r\nset-cookie: b", "http://a/\xc3\xbc"}) {
    const Answer answer = redirectAnswer(302, location);
    CHECK(answer.status == 500);
    CHECK(answer.grpcStatus == 13);
    CHECK(answer.closes);
    CHECK(answer.location.empty());
  }
}

TEST_CASE("an injected failure is what its filter says and keeps the connection") {
  const Answer http = injectedAnswer(route::HttpFailure{.status = 418, .message = "teapot"});
  CHECK(http.status == 418);
  CHECK(http.grpcStatus == 9);
  CHECK(http.message == "teapot");
  CHECK_FALSE(http.closes);
  const Answer grpc = injectedAnswer(route::GrpcFailure{.code = 14, .message = "not today"});
  CHECK(grpc.status == 200);
  CHECK(grpc.grpcStatus == 14);
  CHECK(grpc.message == "not today");
  CHECK_FALSE(grpc.closes);
}

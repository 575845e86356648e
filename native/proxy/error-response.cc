// See error-response.h.
#include "proxy/error-response.h"

#include <cstring>

namespace mesh {

uint16_t statusOf(Reason reason) {
  switch (reason) {
    case Reason::MalformedRequest:
      return 400;
    case Reason::RequestHeadTooLarge:
      return 431;
    case Reason::UnsupportedVersion:
      return 505;
    case Reason::ClientHeadTimeout:
      return 408;
    case Reason::LoopRefused:
      return 508;
    case Reason::NoRoute:
      return 404;
    case Reason::Forbidden:
      return 403;
    case Reason::NoOriginalDestination:
    case Reason::DiscoveryFailed:
    case Reason::NoDispatcher:
    case Reason::ConnectRefused:
    case Reason::ConnectFailed:
    case Reason::EndpointRemoved:
    case Reason::EndpointClosed:
    case Reason::EndpointReset:
    case Reason::MalformedResponse:
    case Reason::ResponseHeadTooLarge:
    case Reason::KeepaliveTimeout:
      return 502;
    case Reason::NoEndpoints:
    case Reason::QueueFull:
    case Reason::NoReadyBackend:
    case Reason::OutOfDescriptors:
    case Reason::OutOfMemoryBudget:
    case Reason::Draining:
      return 503;
    case Reason::DiscoveryTimeout:
    case Reason::FailFast:
    case Reason::ConnectTimeout:
    case Reason::ResponseTimeout:
    case Reason::RequestTimeout:
    case Reason::ResponseHeadersTimeout:
    case Reason::StreamIdleTimeout:
      return 504;
    // The filter has the status; this is what is said when it cannot be had.
    case Reason::InjectedFailure:
    case Reason::InvalidPolicy:
    // Ends of connections that no request waits behind.
    case Reason::None:
    case Reason::ClientClosed:
    case Reason::ClientReset:
    case Reason::ClientIdleTimeout:
    case Reason::DetectTimeout:
    case Reason::HalfCloseTimeout:
    case Reason::IdleTimeout:
    case Reason::Internal:
      return 500;
  }
  return 500;
}

uint8_t grpcStatusOf(Reason reason) {
  constexpr uint8_t deadlineExceeded = 4;
  constexpr uint8_t notFound = 5;
  constexpr uint8_t resourceExhausted = 8;
  constexpr uint8_t aborted = 10;
  constexpr uint8_t internal = 13;
  constexpr uint8_t unavailable = 14;
  switch (statusOf(reason)) {
    case 404:
      return notFound;
    case 431:
      return resourceExhausted;
    case 502:
    case 503:
      return unavailable;
    case 504:
      return deadlineExceeded;
    case 508:
      return aborted;
    default:
      return internal;
  }
}

namespace {
std::string_view leafText(Reason reason) {
  switch (reason) {
    case Reason::None:
      return "no failure";
    case Reason::ClientClosed:
      return "client closed the connection";
    case Reason::ClientReset:
      return "client reset the connection";
    case Reason::ClientHeadTimeout:
      return "request head not complete in time";
    case Reason::ClientIdleTimeout:
      return "connection idle for too long";
    case Reason::MalformedRequest:
      return "malformed request";
    case Reason::RequestHeadTooLarge:
      return "request head too large";
    case Reason::UnsupportedVersion:
      return "unsupported HTTP version";
    case Reason::DetectTimeout:
      return "protocol detection timed out";
    case Reason::KeepaliveTimeout:
      return "keep-alive PING not answered in time";
    case Reason::NoOriginalDestination:
      return "original destination unknown";
    case Reason::LoopRefused:
      return "destination is the proxy itself";
    case Reason::DiscoveryTimeout:
      return "discovery timed out";
    case Reason::DiscoveryFailed:
      return "discovery failed";
    case Reason::NoRoute:
      return "no route";
    case Reason::NoEndpoints:
      return "no endpoints";
    case Reason::FailFast:
      return "service in fail-fast";
    case Reason::QueueFull:
      return "service unavailable";
    case Reason::NoReadyBackend:
      return "service unavailable: no backend is ready";
    case Reason::NoDispatcher:
      return "backend has no dispatcher";
    case Reason::InvalidPolicy:
      return "invalid client policy";
    case Reason::InjectedFailure:
      return "injected failure";
    case Reason::Forbidden:
      return "forbidden TCP route";
    case Reason::ConnectRefused:
      return "connection refused";
    case Reason::ConnectTimeout:
      return "connect timed out";
    case Reason::ConnectFailed:
      return "connect failed";
    case Reason::EndpointRemoved:
      return "endpoint removed by discovery";
    case Reason::EndpointClosed:
      return "endpoint closed the connection before a complete response";
    case Reason::EndpointReset:
      return "endpoint reset the connection";
    case Reason::MalformedResponse:
      return "malformed response";
    case Reason::ResponseHeadTooLarge:
      return "response head too large";
    case Reason::ResponseTimeout:
      return "timed out waiting for the end of the response";
    case Reason::RequestTimeout:
      return "timed out waiting for the whole request";
    case Reason::ResponseHeadersTimeout:
      return "timed out waiting for response headers";
    case Reason::StreamIdleTimeout:
      return "stream idle for too long";
    case Reason::HalfCloseTimeout:
      return "half-closed for too long";
    case Reason::IdleTimeout:
      return "idle for too long";
    case Reason::OutOfDescriptors:
      return "out of file descriptors";
    case Reason::OutOfMemoryBudget:
      return "out of buffer memory";
    case Reason::Draining:
      return "proxy is shutting down";
    case Reason::Internal:
      return "internal error";
  }
  return "internal error";
}

std::string_view statusText(uint16_t status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 508:
      return "Loop Detected";
    default:
      return "Internal Server Error";
  }
}

// RFC 9110 §5.5, without the obsolete bytes.
bool isFieldValue(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}
}  // namespace

std::string describeFailure(const FailureFacts& facts) {
  std::string text;
  if (!facts.authority.empty()) text += "logical service " + facts.authority + ": ";
  if (facts.endpoint.valid()) text += "endpoint " + facts.endpoint.toString() + ": ";
  text += leafText(facts.reason);
  if (!facts.detail.empty()) text += ": " + facts.detail;
  if (facts.error != 0) {
    text += ": ";
    text += std::strerror(facts.error);
    text += " (os error " + std::to_string(facts.error) + ")";
  }
  return text;
}

std::string_view fieldValueOf(std::string_view message) {
  return isFieldValue(message) ? message : "unexpected error";
}

std::string errorResponse(uint16_t status, std::string_view message, bool emitHeaders) {
  std::string response = "HTTP/1.1 " + std::to_string(status) + " ";
  response += statusText(status);
  response += "\r\ncontent-length: 0\r\nconnection: close\r\n";
  if (emitHeaders) {
    response += "l5d-proxy-error: ";
    response += fieldValueOf(message);
    response += "\r\nl5d-proxy-connection: close\r\n";
  }
  response += "\r\n";
  return response;
}

}  // namespace mesh

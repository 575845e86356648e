// See answer-rendering.h.
#include "proxy/answer-rendering.h"

#include <iterator>

namespace mesh {

namespace {
// Those the proxy says by itself, and those that filters are usually made to say; RFC 9112 §4 lets
// the rest have none.
std::string_view phraseOf(uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 418:
      return "I'm a teapot";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
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
      return "";
  }
}

std::string_view grpcStatusText(uint8_t status) {
  constexpr std::string_view texts[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                        "9", "10", "11", "12", "13", "14", "15", "16"};
  constexpr size_t unknown = 2;
  return texts[status < std::size(texts) ? status : unknown];
}

// RFC 9110 §8.6 forbids it with 204; with 304 it would speak of the representation.
bool hasLength(uint16_t status) { return status >= 200 && status != 204 && status != 304; }

void addField(FieldTable& fields, std::string_view name, std::string_view value) {
  fields.items[fields.count++] = {.name = name, .value = value, .id = FieldId::Other};
}

void addLine(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ").append(value).append("\r\n");
}
}  // namespace

std::string http1Answer(const Answer& answer, const Http1AnswerOptions& options) {
  const bool close = answer.closes || !options.keepAlive;
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  text.append(phraseOf(answer.status)).append("\r\n");
  if (!answer.location.empty()) addLine(text, "location", answer.location);
  if (hasLength(answer.status)) addLine(text, "content-length", "0");
  if (close) {
    addLine(text, "connection", "close");
  } else if (options.clientMinorVersion == 0) {
    // RFC 9112 §9.3: without it such a client takes the connection for closed.
    addLine(text, "connection", "keep-alive");
  }
  if (options.emitHeaders) {
    addLine(text, "l5d-proxy-error", fieldValueOf(answer.message));
    if (answer.closes) addLine(text, "l5d-proxy-connection", "close");
  }
  text += "\r\n";
  return text;
}

void fillAnswerHead(const Answer& answer, bool grpc, bool emitHeaders, ResponseHead& head) {
  const std::string_view message = fieldValueOf(answer.message);
  FieldTable& fields = head.fields;
  fields.count = 0;
  head.status = grpc ? 200 : answer.status;
  head.reason = phraseOf(head.status);
  if (!grpc && !answer.location.empty()) addField(fields, "location", answer.location);
  if (hasLength(head.status)) addField(fields, "content-length", "0");
  if (grpc) {
    addField(fields, "content-type", "application/grpc");
    addField(fields, "grpc-status", grpcStatusText(answer.grpcStatus));
    if (emitHeaders) addField(fields, "grpc-message", message);
  }
  if (emitHeaders) {
    addField(fields, "l5d-proxy-error", message);
    if (answer.closes) addField(fields, "l5d-proxy-connection", "close");
  }
}

void fillAnswerTrailers(const Answer& answer, bool emitHeaders, FieldTable& trailers) {
  trailers.count = 0;
  addField(trailers, "grpc-status", grpcStatusText(answer.grpcStatus));
  if (emitHeaders) addField(trailers, "grpc-message", fieldValueOf(answer.message));
}

}  // namespace mesh

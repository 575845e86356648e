// Answers of the proxy itself on the wire (reference §7.1): as HTTP/1 text, as fields of an HTTP/2
// response, and in gRPC's terms. None has a body.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"
#include "proxy/error-response.h"

namespace mesh {

struct Http1AnswerOptions {
  uint8_t clientMinorVersion = 1;
  // The request has been read to its end and its client wants to go on. An answer that closes does
  // so anyway.
  bool keepAlive = false;
  bool emitHeaders = false;  // `l5d-proxy-error`, `l5d-proxy-connection`
};

std::string http1Answer(const Answer& answer, const Http1AnswerOptions& options);

// A whole HTTP/2 response. Its fields are views into `answer`. `grpc`: of a gRPC request.
void fillAnswerHead(const Answer& answer, bool grpc, bool emitHeaders, ResponseHead& head);

// The end of a gRPC response that failed after its head had gone: trailers, likewise views.
void fillAnswerTrailers(const Answer& answer, bool emitHeaders, FieldTable& trailers);

}  // namespace mesh

// See protocol-detector.h.
#include "proxy/protocol-detector.h"

#include <algorithm>

#include "http1/parser.h"

namespace mesh {

namespace {
// RFC 9113 §3.4.
constexpr std::string_view HTTP2_PREFACE = "PRI * HTTP/2.0";
}  // namespace

ProtocolDetector::Finding ProtocolDetector::look(std::string_view bytes) {
  if (bytes.empty()) return Finding::Unsure;
  switch (hello_.read(bytes)) {
    case tls::ClientHelloReader::State::NeedMore:
      return Finding::PartOfHello;
    case tls::ClientHelloReader::State::Hello:
      return Finding::Tls;
    case tls::ClientHelloReader::State::NotTls:
      break;
  }
  const size_t compared = std::min(bytes.size(), HTTP2_PREFACE.size());
  if (bytes.substr(0, compared) == HTTP2_PREFACE.substr(0, compared)) {
    return compared == HTTP2_PREFACE.size() ? Finding::Http2 : Finding::Unsure;
  }
  if (!http1::couldBeRequest(bytes)) return Finding::Opaque;
  // A request line decides; until it is complete it could still be anything that begins alike.
  return bytes.find('\n') != std::string_view::npos ? Finding::Http1 : Finding::Unsure;
}

}  // namespace mesh

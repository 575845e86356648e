// One reading of a message's framing, or none: two Content-Lengths, equal or not, any
// Transfer-Encoding but a single "chunked", and both together are refused, in requests and in
// responses, because the next hop may read them differently (RFC 9112 §11.2).
#include "http1/framing.h"

#include "http1/characters.h"

namespace mesh::http1 {
namespace {

// What the fields of a head say about its framing, before the rules for the kind of message.
struct Facts {
  size_t lengths = 0;
  uint64_t length = 0;
  bool chunked = false;
  bool close = false;
  bool keepAlive = false;
  bool upgradeOption = false;
  bool upgradeProtocol = false;
  bool expectContinue = false;
  bool otherExpectation = false;
  size_t options = 0;
  Violation violation = Violation::None;
};

void readConnection(std::string_view value, Facts& facts) {
  ListMembers members(value);
  for (std::string_view option; members.next(option); ++facts.options) {
    switch (option.size()) {
      case 5:
        facts.close |= equalsIgnoreCase(option, "close");
        break;
      case 7:
        facts.upgradeOption |= equalsIgnoreCase(option, "upgrade");
        break;
      case 10:
        facts.keepAlive |= equalsIgnoreCase(option, "keep-alive");
        break;
      default:
        break;
    }
  }
  if (facts.options > MAX_CONNECTION_OPTIONS) facts.violation = Violation::TooManyFields;
}

void readLength(std::string_view value, Facts& facts) {
  const std::optional<uint64_t> length = parseContentLength(value);
  if (++facts.lengths > 1 || !length) {
    facts.violation = Violation::BadContentLength;
    return;
  }
  facts.length = *length;
}

void readEncoding(std::string_view value, uint8_t minorVersion, Facts& facts) {
  if (minorVersion == 0) {
    facts.violation = Violation::EncodingInHttp10;
  } else if (facts.chunked || !equalsIgnoreCase(value, "chunked")) {
    facts.violation = Violation::BadTransferEncoding;
  }
  facts.chunked = true;
}

// The first violation stands.
Facts readFacts(const FieldTable& fields, uint8_t minorVersion) {
  Facts facts;
  for (const Field& field : fields) {
    switch (field.id) {
      case FieldId::Connection:
        readConnection(field.value, facts);
        break;
      case FieldId::ContentLength:
        readLength(field.value, facts);
        break;
      case FieldId::TransferEncoding:
        readEncoding(field.value, minorVersion, facts);
        break;
      case FieldId::Upgrade:
        facts.upgradeProtocol |= !field.value.empty() && !equalsIgnoreCase(field.value, "h2c");
        break;
      case FieldId::Expect:
        if (equalsIgnoreCase(field.value, "100-continue")) {
          facts.expectContinue = true;
        } else {
          facts.otherExpectation = true;
        }
        break;
      case FieldId::Other:
      case FieldId::Host:
      case FieldId::KeepAlive:
      case FieldId::ProxyConnection:
      case FieldId::Te:
      case FieldId::Trailer:
      case FieldId::ProxyAuthorization:
      case FieldId::ProxyAuthenticate:
      case FieldId::Http2Settings:
      case FieldId::L5dClientId:
      case FieldId::L5dProxyError:
      case FieldId::L5dProxyConnection:
      case FieldId::L5dOrigProto:
        break;
    }
    if (facts.violation != Violation::None) return facts;
  }
  if (facts.chunked && facts.lengths > 0) facts.violation = Violation::LengthAndEncoding;
  return facts;
}

// RFC 9112 §9.3. To its client this proxy is the origin server (RFC 9110 §3.7, gateway), so it
// honours keep-alive of HTTP/1.0 clients too.
bool staysOpen(const Facts& facts, uint8_t minorVersion) {
  return !facts.close && (minorVersion == 1 || facts.keepAlive);
}

Framing refused(Violation violation) {
  Framing framing;
  framing.violation = violation;
  return framing;
}

}  // namespace

std::optional<uint64_t> parseContentLength(std::string_view value) {
  if (value.empty()) return std::nullopt;
  uint64_t length = 0;
  for (const char c : value) {
    if (!isIn(c, DIGIT)) return std::nullopt;
    if (__builtin_mul_overflow(length, uint64_t{10}, &length)) return std::nullopt;
    if (__builtin_add_overflow(length, static_cast<uint64_t>(c - '0'), &length))
      return std::nullopt;
  }
  return length;
}

Framing framingOfRequest(const RequestHead& head) {
  const Facts facts = readFacts(head.fields, head.minorVersion);
  if (facts.violation != Violation::None) return refused(facts.violation);
  if (facts.otherExpectation) return refused(Violation::BadExpectation);
  const bool bodyPossible = head.method != Method::Connect && head.method != Method::Trace;
  // RFC 9110 §9.3.6, §9.3.8. A length of zero says the same as none: clients send it with CONNECT.
  if (!bodyPossible && (facts.chunked || facts.length > 0))
    return refused(Violation::ForbiddenBody);
  Framing framing;
  if (facts.chunked) {
    framing.kind = BodyKind::Chunked;
  } else if (facts.lengths > 0 && bodyPossible) {
    framing.kind = BodyKind::Length;
    framing.length = facts.length;
  }
  framing.keepAlive = staysOpen(facts, head.minorVersion);
  framing.upgrade = facts.upgradeOption && facts.upgradeProtocol && head.minorVersion == 1;
  // RFC 9110 §10.1.1: ignored in HTTP/1.0, and there is nothing to wait for without a body.
  framing.expectContinue =
      facts.expectContinue && head.minorVersion == 1 && (facts.chunked || framing.length > 0);
  return framing;
}

Framing framingOfResponse(const ResponseHead& head, Method requestMethod, bool requestUpgrade) {
  const Facts facts = readFacts(head.fields, head.minorVersion);
  if (facts.violation != Violation::None) return refused(facts.violation);
  Framing framing;
  const uint16_t status = head.status;
  framing.keepAlive = staysOpen(facts, head.minorVersion);
  if (status == 101) {
    // RFC 9110 §15.2.2: only to a protocol that the client asked for.
    if (!requestUpgrade) return refused(Violation::BadStatus);
    framing.upgrade = true;
    return framing;
  }
  if (status < 200 || status == 304) return framing;
  if (status == 204) {
    // Has no body whatever it says; a server that says so nevertheless may send one.
    if (facts.chunked || facts.length > 0) framing.keepAlive = false;
    return framing;
  }
  if (requestMethod == Method::Head) return framing;
  if (requestMethod == Method::Connect && status < 300) {
    framing.upgrade = true;
    return framing;
  }
  if (facts.chunked) {
    framing.kind = BodyKind::Chunked;
  } else if (facts.lengths > 0) {
    framing.kind = BodyKind::Length;
    framing.length = facts.length;
  } else {
    framing.kind = BodyKind::UntilClose;
    framing.keepAlive = false;
  }
  return framing;
}

}  // namespace mesh::http1

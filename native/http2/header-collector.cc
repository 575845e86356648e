// nghttp2 has checked by then: names in lower case, values without control bytes, the set and order
// of pseudo-fields, connection-specific fields, content-length, status (RFC 9113 §8.1–8.3). What it
// leaves to its users is checked here: authority, path, Host.
#include "http2/header-collector.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "http2/target-syntax.h"

namespace mesh::http2 {
namespace {

// RFC 9113 §10.5.1 counts so much for each field.
constexpr size_t FIELD_OVERHEAD = 32;
// A block that unpacks to this many times the limit is no accident.
constexpr size_t BOMB_FACTOR = 8;
constexpr size_t MAX_PSEUDO = 6;
constexpr std::string_view COOKIE = "cookie";
constexpr std::string_view COOKIE_SEPARATOR = "; ";

std::string_view textOf(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// What one request says twice must not be two things: RFC 9113 §8.3.1.
bool isRequestTarget(RequestHead& head) {
  const Field* host = head.fields.find(FieldId::Host);
  if (head.authority.empty()) {
    if (host == nullptr) return false;
    head.authority = host->value;
  } else if (host != nullptr && !equalsIgnoreCase(host->value, head.authority)) {
    return false;
  }
  if (!isAuthority(head.authority)) return false;
  if (head.method == Method::Connect && head.protocol.empty()) {
    head.form = TargetForm::Authority;
    head.target = head.authority;
    return isConnectAuthority(head.authority);
  }
  head.target = head.path;
  if (head.path == "*") {
    head.form = TargetForm::Asterisk;
    return head.method == Method::Options;
  }
  head.form = TargetForm::Origin;
  return isOriginPath(head.path);
}

}  // namespace

bool isAllowedInTrailers(const Field& field) {
  constexpr std::string_view NAMES[] = {
      "authorization", "www-authenticate", "cookie",       "set-cookie", "content-encoding",
      "content-type",  "content-range",    "max-forwards", "forwarded",  "via",
  };
  if (field.id != FieldId::Other) return false;
  auto startsWith = [&field](std::string_view prefix) {
    return equalsIgnoreCase(field.name.substr(0, prefix.size()), prefix);
  };
  if (startsWith("l5d-") || startsWith("x-forwarded-")) return false;
  return std::none_of(std::begin(NAMES), std::end(NAMES), [&field](std::string_view name) {
    return equalsIgnoreCase(name, field.name);
  });
}

// Lies in pooled memory as it is found there: all of its types are aggregates, whose lifetime needs
// no constructor, and clearing 256 fields for each head would cost more than decoding it.
struct HeaderCollector::Storage {
  nghttp2_rcbuf* held[2 * (MAX_FIELDS + MAX_PSEUDO)];
  union Head {
    RequestHead request;
    ResponseHead response;
    FieldTable trailers;
  } head;
};

HeaderCollector::HeaderCollector(const Settings& settings, BufferPool& pool)
    : maxBytes_(settings.maxHeadBytes),
      maxFields_(std::min(settings.maxFields, MAX_FIELDS)),
      pool_(pool) {}

HeaderCollector::Storage& HeaderCollector::storage() {
  return *reinterpret_cast<Storage*>(memory_.tail());
}

FieldTable& HeaderCollector::fields() {
  switch (kind_) {
    case Kind::Request:
      return storage().head.request.fields;
    case Kind::Response:
      return storage().head.response.fields;
    case Kind::Trailers:
    case Kind::Nothing:
      break;
  }
  return storage().head.trailers;
}

void HeaderCollector::begin(StreamId stream, Kind kind) {
  drop();
  stream_ = stream;
  kind_ = kind;
  if (kind == Kind::Nothing) return;
  memory_ = pool_.take(sizeof(Storage));
  if (kind == Kind::Request) {
    RequestHead& head = storage().head.request;
    head.methodText = head.target = head.authority = head.path = {};
    head.scheme = head.protocol = {};
    head.method = Method::Other;
    head.form = TargetForm::Origin;
    head.majorVersion = 2;
    head.minorVersion = 0;
  } else if (kind == Kind::Response) {
    ResponseHead& head = storage().head.response;
    head.status = 0;
    head.reason = {};
    head.minorVersion = 1;
  }
  fields().count = 0;
}

void HeaderCollector::drop() {
  if (memory_) {
    for (size_t i = 0; i < held_; ++i) nghttp2_rcbuf_decref(storage().held[i]);
  }
  memory_.release();
  cookies_.release();
  kind_ = Kind::Nothing;
  stream_ = 0;
  tooLarge_ = false;
  grpc_ = false;
  cookieCount_ = 0;
  bytes_ = held_ = 0;
}

HeaderCollector::Verdict HeaderCollector::add(nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                                              bool neverIndexed) {
  const std::string_view nameText = textOf(name);
  const std::string_view valueText = textOf(value);
  bytes_ += nameText.size() + valueText.size() + FIELD_OVERHEAD;
  if (bytes_ > BOMB_FACTOR * maxBytes_) return Verdict::Bomb;
  if (nameText == "content-type" && isGrpcContentType(valueText)) grpc_ = true;
  if (kind_ == Kind::Nothing || tooLarge_) return Verdict::Fine;
  const bool pseudo = nameText.front() == ':';
  if (bytes_ > maxBytes_ || (!pseudo && fields().count == maxFields_)) {
    // Only its size is of interest from here on.
    for (; held_ > 0; --held_) nghttp2_rcbuf_decref(storage().held[held_ - 1]);
    fields().count = 0;
    tooLarge_ = true;
    return Verdict::Fine;
  }
  // There are no more pseudo-fields than nghttp2 lets through.
  MESH_CHECK(held_ + 2 <= std::size(storage().held));
  nghttp2_rcbuf_incref(name);
  nghttp2_rcbuf_incref(value);
  storage().held[held_++] = name;
  storage().held[held_++] = value;
  if (pseudo) {
    addPseudo(nameText, valueText);
    return Verdict::Fine;
  }
  FieldTable& table = fields();
  table.items[table.count++] = {.name = nameText,
                                .value = valueText,
                                .id = fieldIdOf(nameText),
                                .neverIndexed = neverIndexed};
  if (nameText == COOKIE) ++cookieCount_;
  return Verdict::Fine;
}

void HeaderCollector::addPseudo(std::string_view name, std::string_view value) {
  if (kind_ == Kind::Response) {
    // Three digits.
    uint16_t status = 0;
    for (const char c : value) status = static_cast<uint16_t>(status * 10 + (c - '0'));
    storage().head.response.status = status;
    return;
  }
  if (kind_ != Kind::Request) return;
  RequestHead& head = storage().head.request;
  if (name == ":method") {
    head.methodText = value;
    head.method = methodOf(value);
  } else if (name == ":path") {
    head.path = value;
  } else if (name == ":scheme") {
    head.scheme = value;
  } else if (name == ":authority") {
    head.authority = value;
  } else if (name == ":protocol") {
    head.protocol = value;
  }
}

// RFC 9113 §8.2.3: one field, in the place of the first.
void HeaderCollector::joinCookies(FieldTable& fields) {
  if (cookieCount_ < 2) return;
  size_t size = 0;
  for (const Field& field : fields) {
    if (field.name == COOKIE) size += field.value.size() + COOKIE_SEPARATOR.size();
  }
  cookies_ = pool_.take(size);
  Field* joined = nullptr;
  size_t kept = 0;
  for (size_t i = 0; i < fields.count; ++i) {
    const Field& field = fields.items[i];
    const bool cookie = field.name == COOKIE;
    if (cookie) {
      if (joined != nullptr) joined->neverIndexed |= field.neverIndexed;
      if (joined != nullptr) cookies_.append(COOKIE_SEPARATOR);
      cookies_.append(field.value);
    }
    if (cookie && joined != nullptr) continue;
    fields.items[kept] = field;
    if (cookie) joined = &fields.items[kept];
    ++kept;
  }
  fields.count = kept;
  MESH_CHECK(joined != nullptr);
  joined->value = cookies_.view();
}

const RequestHead* HeaderCollector::request() {
  RequestHead& head = storage().head.request;
  joinCookies(head.fields);
  return isRequestTarget(head) ? &head : nullptr;
}

const ResponseHead* HeaderCollector::response() {
  const ResponseHead& head = storage().head.response;
  return head.status >= 100 ? &head : nullptr;
}

const FieldTable& HeaderCollector::trailers() {
  FieldTable& table = storage().head.trailers;
  size_t kept = 0;
  for (size_t i = 0; i < table.count; ++i) {
    if (isAllowedInTrailers(table.items[i])) table.items[kept++] = table.items[i];
  }
  table.count = kept;
  return table;
}

}  // namespace mesh::http2

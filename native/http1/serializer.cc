// One walk over the fields: each is relayed, replaced in its place by what the proxy says instead,
// or left out. What the proxy adds follows at the end.
#include "http1/serializer.h"

#include <array>
#include <charconv>
#include <cstring>

namespace mesh::http1 {
namespace {

constexpr std::string_view CONTENT_LENGTH = "Content-Length";
constexpr std::string_view TRANSFER_ENCODING = "Transfer-Encoding";

// Names and values are short: two overlapping words cost less than a call.
inline void copy(char* to, std::string_view from) {
  const size_t size = from.size();
  const char* data = from.data();
  if (size > 16) {
    std::memcpy(to, data, size);
  } else if (size >= 8) {
    uint64_t first;
    uint64_t last;
    std::memcpy(&first, data, 8);
    std::memcpy(&last, data + size - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + size - 8, &last, 8);
  } else if (size >= 4) {
    uint32_t first;
    uint32_t last;
    std::memcpy(&first, data, 4);
    std::memcpy(&last, data + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
  } else {
    for (size_t i = 0; i < size; ++i) to[i] = data[i];
  }
}

// The fields that Connection names, without the options that have no field of their own.
class Nominations {
 public:
  explicit Nominations(const FieldTable& fields) {
    for (const Field& field : fields) {
      if (field.id == FieldId::Connection) add(field.value);
    }
  }
  bool has(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i) {
      if (equalsIgnoreCase({names_[i].data, names_[i].size}, name)) return !isGoverned(name);
    }
    return false;
  }

 private:
  void add(std::string_view value) {
    ListMembers members(value);
    for (std::string_view name; members.next(name);) {
      if (equalsIgnoreCase(name, "keep-alive") || equalsIgnoreCase(name, "close")) continue;
      // framingOf… refuses heads with more options.
      if (count_ < names_.size()) names_[count_++] = {name.data(), name.size()};
    }
  }
  // The mesh routes by its own fields; the rest is decided by FieldId before this is asked.
  static bool isGoverned(std::string_view name) {
    return name.size() > 4 && equalsIgnoreCase(name.substr(0, 4), "l5d-");
  }

  // Not a string_view: its constructor would clear the whole array for every message.
  struct Name {
    const char* data;
    size_t size;
  };
  std::array<Name, MAX_CONNECTION_OPTIONS> names_;
  size_t count_ = 0;
};

// The Connection field that this proxy sends on its own behalf.
void putConnection(Output& out, bool close, bool keepAlive, bool upgrade, bool te) {
  if (!close && !keepAlive && !upgrade && !te) return;
  std::string_view separator;
  out.put("Connection: ");
  auto option = [&out, &separator](bool wanted, std::string_view name) {
    if (!wanted) return;
    out.put(separator);
    out.put(name);
    separator = ", ";
  };
  option(close, "close");
  option(keepAlive, "keep-alive");
  option(upgrade, "upgrade");
  option(te, "te");
  out.put("\r\n");
}

// A number as text, in a place of its own.
class Digits {
 public:
  explicit Digits(uint64_t value, int base = 10)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value, base).ptr) {}
  std::string_view view() const { return {text_.data(), static_cast<size_t>(end_ - text_.data())}; }

 private:
  std::array<char, 20> text_;
  char* end_;
};

// Writes the framing once: in the place and spelling of the peer's field, else at the end.
class FramingFields {
 public:
  FramingFields(Output& out, BodyKind kind, uint64_t length)
      : out_(out), kind_(kind), length_(length) {}
  void atLength(std::string_view name) {
    if (kind_ == BodyKind::Length) write(name);
  }
  void atEncoding(std::string_view name) {
    if (kind_ == BodyKind::Chunked) write(name);
  }
  void atEnd() {
    if (kind_ == BodyKind::Length) write(CONTENT_LENGTH);
    if (kind_ == BodyKind::Chunked) write(TRANSFER_ENCODING);
  }

 private:
  void write(std::string_view name) {
    if (written_) return;
    written_ = true;
    if (kind_ == BodyKind::Length) {
      out_.putField(name, Digits(length_).view());
    } else {
      out_.putField(name, "chunked");
    }
  }

  Output& out_;
  BodyKind kind_;
  uint64_t length_;
  bool written_ = false;
};

void putTarget(Output& out, const RequestHead& head, bool originForm) {
  if (!originForm) {
    out.put(head.target);
    return;
  }
  if (head.path.empty()) {
    // RFC 9112 §3.2.4: the last proxy turns OPTIONS without a path into "*".
    out.put(head.method == Method::Options ? "*" : "/");
    return;
  }
  if (head.path.front() == '?') out.put("/");
  out.put(head.path);
}

// An authority the endpoint must be told although no Host field came along.
std::string_view missingHost(const RequestHead& head, std::string_view fallback) {
  if (head.fields.find(FieldId::Host) != nullptr) return {};
  return head.authority.empty() ? fallback : head.authority;
}

}  // namespace

char* Output::take(size_t bytes) {
  if (overflowed_ || bytes > capacity_ - size_) {
    overflowed_ = true;
    return nullptr;
  }
  char* place = data_ + size_;
  size_ += bytes;
  return place;
}

void Output::put(std::string_view text) {
  char* place = take(text.size());
  if (place != nullptr) copy(place, text);
}

void Output::putField(std::string_view name, std::string_view value) {
  char* place = take(name.size() + value.size() + 4);
  if (place == nullptr) return;
  copy(place, name);
  place += name.size();
  *place++ = ':';
  *place++ = ' ';
  copy(place, value);
  place += value.size();
  *place++ = '\r';
  *place++ = '\n';
}

void Output::putNumber(uint64_t value) { put(Digits(value).view()); }

void Output::putHex(uint64_t value) { put(Digits(value, 16).view()); }

void writeRequestHead(Output& out, const RequestHead& head, const Framing& framing,
                      const RequestOptions& options) {
  const bool originForm = options.originForm && head.form == TargetForm::Absolute;
  const Nominations nominations(head.fields);
  FramingFields framingFields(out, framing.kind, framing.length);
  bool te = false;
  out.put(head.methodText);
  out.put(" ");
  putTarget(out, head, originForm);
  out.put(" HTTP/1.1\r\n");
  const std::string_view host = missingHost(head, options.fallbackHost);
  if (!host.empty()) out.putField("Host", host);
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::Other:
        if (!nominations.has(field.name)) out.putField(field.name, field.value);
        break;
      case FieldId::Host:
        out.putField(field.name, originForm ? head.authority : field.value);
        break;
      case FieldId::ContentLength:
        framingFields.atLength(field.name);
        break;
      case FieldId::TransferEncoding:
        framingFields.atEncoding(field.name);
        break;
      case FieldId::Upgrade:
        if (options.keepUpgrade) out.putField(field.name, field.value);
        break;
      case FieldId::Te:
        if (!te && listHasToken(field.value, "trailers")) {
          out.putField(field.name, "trailers");
          te = true;
        }
        break;
      case FieldId::Expect:
        if (head.minorVersion == 1 || head.majorVersion == 2) {
          out.putField(field.name, field.value);
        }
        break;
      case FieldId::ProxyAuthorization:
        if (!originForm) out.putField(field.name, field.value);
        break;
      case FieldId::Trailer:
      case FieldId::ProxyAuthenticate:
      case FieldId::L5dProxyError:
      case FieldId::L5dProxyConnection:
        out.putField(field.name, field.value);
        break;
      case FieldId::Connection:
      case FieldId::KeepAlive:
      case FieldId::ProxyConnection:
      case FieldId::Http2Settings:
      case FieldId::L5dClientId:
      case FieldId::L5dOrigProto:
        break;
    }
  }
  framingFields.atEnd();
  putConnection(out, !options.keepAlive, false, options.keepUpgrade, te);
  out.put("\r\n");
}

void writeResponseHead(Output& out, const ResponseHead& head, const Framing& framing,
                       const ResponseOptions& options) {
  const Nominations nominations(head.fields);
  FramingFields framingFields(out, options.bodyKind, framing.length);
  const bool lengthAllowed = options.bodyKind == BodyKind::None && head.status >= 200 &&
                             head.status != 204 && !framing.upgrade;
  out.put("HTTP/1.1 ");
  out.putNumber(head.status);
  out.put(" ");
  out.put(options.reason.empty() ? head.reason : options.reason);
  out.put("\r\n");
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::Other:
        if (!nominations.has(field.name)) out.putField(field.name, field.value);
        break;
      case FieldId::ContentLength:
        framingFields.atLength(field.name);
        if (lengthAllowed) out.putField(field.name, field.value);
        break;
      case FieldId::TransferEncoding:
        framingFields.atEncoding(field.name);
        break;
      case FieldId::Upgrade:
        if (options.keepUpgrade) out.putField(field.name, field.value);
        break;
      case FieldId::Host:
      case FieldId::Trailer:
      case FieldId::Expect:
      case FieldId::ProxyAuthorization:
      case FieldId::ProxyAuthenticate:
      case FieldId::L5dClientId:
        out.putField(field.name, field.value);
        break;
      case FieldId::Connection:
      case FieldId::KeepAlive:
      case FieldId::ProxyConnection:
      case FieldId::Te:
      case FieldId::Http2Settings:
      case FieldId::L5dOrigProto:
        break;
      case FieldId::L5dProxyError:
      case FieldId::L5dProxyConnection:
        if (options.synthesized) out.putField(field.name, field.value);
        break;
    }
  }
  framingFields.atEnd();
  const bool interim = head.status < 200;
  const bool close = !interim && (!options.keepAlive || options.bodyKind == BodyKind::UntilClose);
  const bool keepAlive = !interim && !close && options.clientMinorVersion == 0;
  putConnection(out, close, keepAlive, options.keepUpgrade, false);
  out.put("\r\n");
}

size_t serializedBound(const FieldTable& fields, size_t startLineBytes) {
  // The proxy's own: Host of up to 320 bytes, framing, Connection, the empty line, a longer start
  // line.
  constexpr size_t ADDED = 512;
  constexpr size_t PER_FIELD = 4;
  size_t bound = startLineBytes + ADDED;
  for (const Field& field : fields) {
    bound += field.name.size() + field.value.size() + PER_FIELD;
  }
  return bound;
}

}  // namespace mesh::http1

// One walk over the fields, as in http1/serializer.cc: each is passed on or left out by its id.
#include "http2/field-translation.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "http2/header-collector.h"

namespace mesh::http2 {
namespace {

bool hasUpperCase(std::string_view name) {
  return std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// The fields that Connection names. It cannot take away what the proxy or the mesh decides by: every
// field with an id, which is decided before this is asked, and l5d-*.
class Nominations {
 public:
  explicit Nominations(const FieldTable& fields) {
    for (const Field& field : fields) {
      if (field.id != FieldId::Connection) continue;
      ListMembers members(field.value);
      // HTTP/1 heads with more options were refused.
      for (std::string_view name; count_ < names_.size() && members.next(name);) {
        names_[count_++] = {name.data(), name.size()};
      }
    }
  }
  bool has(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i) {
      if (equalsIgnoreCase({names_[i].data, names_[i].size}, name)) {
        return !equalsIgnoreCase(name.substr(0, 4), "l5d-");
      }
    }
    return false;
  }

 private:
  static constexpr size_t MAX_OPTIONS = 64;
  // Not a string_view: its constructor would clear the whole array for every message.
  struct Name {
    const char* data;
    size_t size;
  };
  std::array<Name, MAX_OPTIONS> names_;
  size_t count_ = 0;
};

// RFC 9110 §8.6.
bool mayHaveLength(uint16_t status, bool toConnect) {
  return status >= 200 && status != 204 && !(toConnect && status < 300);
}

size_t namesSize(const FieldTable& fields) {
  size_t size = 0;
  for (const Field& field : fields) size += field.name.size();
  return size;
}

// RFC 9113 §8.3.1: ":path" is never empty.
enum class PathFix : uint8_t { None, Slash, Asterisk, BeforeQuery };

PathFix pathFixOf(const RequestHead& head) {
  if (head.path.empty()) {
    return head.method == Method::Options ? PathFix::Asterisk : PathFix::Slash;
  }
  return head.path.front() == '?' ? PathFix::BeforeQuery : PathFix::None;
}

}  // namespace

void OutgoingBlock::add(std::string_view name, std::string_view value, bool neverIndexed) {
  MESH_CHECK(count_ < fields_.size());
  // nghttp2 takes them without const and does not write.
  auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  fields_[count_++] = {
      bytes(name), bytes(value), name.size(), value.size(),
      neverIndexed ? uint8_t{NGHTTP2_NV_FLAG_NO_INDEX} : uint8_t{NGHTTP2_NV_FLAG_NONE}};
}

std::string_view OutgoingBlock::copy(std::string_view prefix, std::string_view text, bool lower) {
  if (!copies_) copies_ = pool_.take(copyBound_);
  char* const begin = copies_.tail();
  copies_.append(prefix);
  copies_.append(text);
  const size_t size = prefix.size() + text.size();
  MESH_CHECK(copies_.tail() == begin + size);
  if (lower) {
    std::transform(begin, begin + size, begin,
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  }
  return {begin, size};
}

void OutgoingBlock::request(const RequestHead& head, std::string_view scheme) {
  copyBound_ = namesSize(head.fields) + head.path.size() + 1;
  const bool tunnel = head.method == Method::Connect && head.protocol.empty();
  add(":method", head.methodText);
  if (!tunnel) add(":scheme", scheme);
  if (!head.authority.empty()) add(":authority", head.authority);
  if (!tunnel) {
    switch (pathFixOf(head)) {
      case PathFix::None:
        add(":path", head.path);
        break;
      case PathFix::Slash:
        add(":path", "/");
        break;
      case PathFix::Asterisk:
        add(":path", "*");
        break;
      case PathFix::BeforeQuery:
        add(":path", copy("/", head.path, false));
        break;
    }
  }
  if (!head.protocol.empty()) add(":protocol", head.protocol);

  const Nominations nominations(head.fields);
  // RFC 9110 §11.7.2: credentials for the proxy that was asked; origin servers get no others.
  const bool forProxy = head.majorVersion == 1 && head.form == TargetForm::Absolute;
  // RFC 9110 §10.1.1: an HTTP/1.0 client does not mean it.
  const bool mayExpect = head.majorVersion == 2 || head.minorVersion == 1;
  bool te = false;
  for (const Field& field : head.fields) {
    bool wanted = false;
    std::string_view value = field.value;
    switch (field.id) {
      case FieldId::Other:
        wanted = !nominations.has(field.name);
        break;
      case FieldId::Te:
        wanted = !te && listHasToken(field.value, "trailers");
        te = te || wanted;
        value = "trailers";
        break;
      case FieldId::Expect:
        wanted = mayExpect;
        break;
      case FieldId::ProxyAuthorization:
        wanted = !forProxy;
        break;
      case FieldId::ContentLength:
      case FieldId::Trailer:
      case FieldId::ProxyAuthenticate:
      case FieldId::L5dProxyError:
      case FieldId::L5dProxyConnection:
      case FieldId::L5dOrigProto:
        wanted = true;
        break;
      case FieldId::Host:
      case FieldId::Connection:
      case FieldId::TransferEncoding:
      case FieldId::Upgrade:
      case FieldId::KeepAlive:
      case FieldId::ProxyConnection:
      case FieldId::Http2Settings:
      case FieldId::L5dClientId:
        break;
    }
    if (!wanted) continue;
    add(hasUpperCase(field.name) ? copy("", field.name, true) : field.name, value,
        field.neverIndexed);
  }
}

void OutgoingBlock::response(const ResponseHead& head, bool toConnect, bool synthesized) {
  copyBound_ = namesSize(head.fields);
  status_ = {static_cast<char>('0' + head.status / 100 % 10),
             static_cast<char>('0' + head.status / 10 % 10),
             static_cast<char>('0' + head.status % 10)};
  add(":status", {status_.data(), status_.size()});
  const Nominations nominations(head.fields);
  for (const Field& field : head.fields) {
    bool wanted = false;
    switch (field.id) {
      case FieldId::Other:
        wanted = !nominations.has(field.name);
        break;
      case FieldId::ContentLength:
        wanted = mayHaveLength(head.status, toConnect);
        break;
      case FieldId::L5dProxyError:
      case FieldId::L5dProxyConnection:
        wanted = synthesized;
        break;
      case FieldId::Host:
      case FieldId::Trailer:
      case FieldId::Expect:
      case FieldId::ProxyAuthorization:
      case FieldId::ProxyAuthenticate:
      case FieldId::L5dOrigProto:
        wanted = true;
        break;
      case FieldId::Connection:
      case FieldId::TransferEncoding:
      case FieldId::Upgrade:
      case FieldId::KeepAlive:
      case FieldId::ProxyConnection:
      case FieldId::Te:
      case FieldId::Http2Settings:
      case FieldId::L5dClientId:
        break;
    }
    if (!wanted) continue;
    add(hasUpperCase(field.name) ? copy("", field.name, true) : field.name, field.value,
        field.neverIndexed);
  }
}

// A name and a value each come after their length.
std::string storeTrailers(const FieldTable& fields) {
  std::string stored;
  auto put = [&stored](std::string_view text) {
    const auto size = static_cast<uint32_t>(text.size());
    char bytes[sizeof size];
    std::memcpy(bytes, &size, sizeof size);
    stored.append(bytes, sizeof bytes).append(text);
  };
  for (const Field& field : fields) {
    if (!isAllowedInTrailers(field)) continue;
    put(field.name);
    put(field.value);
  }
  return stored;
}

void OutgoingBlock::trailers(std::string_view stored) {
  copyBound_ = stored.size();
  auto take = [&stored] {
    uint32_t size;
    std::memcpy(&size, stored.data(), sizeof size);
    const std::string_view text = stored.substr(sizeof size, size);
    stored.remove_prefix(sizeof size + size);
    return text;
  };
  while (!stored.empty()) {
    const std::string_view name = take();
    const std::string_view value = take();
    add(hasUpperCase(name) ? copy("", name, true) : name, value);
  }
}

}  // namespace mesh::http2

// Field names are told apart by length and first letter before any full comparison: a name that
// the proxy does not act on costs one switch.
#include "http/head.h"

#include <cstring>

namespace mesh {
namespace {

constexpr char lower(char c) {
  return static_cast<unsigned char>(c - 'A') < 26 ? static_cast<char>(c | 0x20) : c;
}

// The same for eight characters at once: 0x20 is added to the bytes between 'A' and 'Z' alone.
constexpr uint64_t lowerWord(uint64_t word) {
  constexpr uint64_t ONES = 0x0101010101010101ULL;
  constexpr uint64_t HIGHS = 0x8080808080808080ULL;
  const uint64_t low7 = word & ~HIGHS;
  const uint64_t fromA = low7 + ONES * (0x80 - 'A');
  const uint64_t afterZ = low7 + ONES * (0x7f - 'Z');
  const uint64_t isUpper = (fromA ^ afterZ) & ~word & HIGHS;
  return word | (isUpper >> 2);
}

uint64_t wordAt(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Of the same length; the last word overlaps the one before it.
bool sameName(std::string_view a, std::string_view b) {
  constexpr size_t WORD = sizeof(uint64_t);
  const size_t size = a.size();
  if (size < WORD) {
    for (size_t i = 0; i < size; ++i) {
      if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
  }
  for (size_t i = 0; i + WORD < size; i += WORD) {
    if (lowerWord(wordAt(a.data() + i)) != lowerWord(wordAt(b.data() + i))) return false;
  }
  const size_t last = size - WORD;
  return lowerWord(wordAt(a.data() + last)) == lowerWord(wordAt(b.data() + last));
}

FieldId idIf(std::string_view name, std::string_view lowered, FieldId id) {
  return sameName(name, lowered) ? id : FieldId::Other;
}

constexpr std::string_view CLIENT_PREFIX = "l5d-client-";

FieldId idOfMeshField(std::string_view name) {
  if (name.size() > CLIENT_PREFIX.size() &&
      sameName(name.substr(0, CLIENT_PREFIX.size()), CLIENT_PREFIX)) {
    return FieldId::L5dClientId;
  }
  if (name.size() == 14) return idIf(name, "l5d-orig-proto", FieldId::L5dOrigProto);
  if (name.size() == 15) return idIf(name, "l5d-proxy-error", FieldId::L5dProxyError);
  if (name.size() == 20) return idIf(name, "l5d-proxy-connection", FieldId::L5dProxyConnection);
  return FieldId::Other;
}

}  // namespace

FieldId fieldIdOf(std::string_view name) {
  if (name.empty()) return FieldId::Other;
  const char first = lower(name[0]);
  if (first == 'l') return idOfMeshField(name);
  switch (name.size()) {
    case 2:
      return first == 't' ? idIf(name, "te", FieldId::Te) : FieldId::Other;
    case 4:
      return first == 'h' ? idIf(name, "host", FieldId::Host) : FieldId::Other;
    case 6:
      return first == 'e' ? idIf(name, "expect", FieldId::Expect) : FieldId::Other;
    case 7:
      if (first == 't') return idIf(name, "trailer", FieldId::Trailer);
      return first == 'u' ? idIf(name, "upgrade", FieldId::Upgrade) : FieldId::Other;
    case 10:
      if (first == 'c') return idIf(name, "connection", FieldId::Connection);
      return first == 'k' ? idIf(name, "keep-alive", FieldId::KeepAlive) : FieldId::Other;
    case 14:
      if (first == 'c') return idIf(name, "content-length", FieldId::ContentLength);
      return first == 'h' ? idIf(name, "http2-settings", FieldId::Http2Settings) : FieldId::Other;
    case 16:
      return first == 'p' ? idIf(name, "proxy-connection", FieldId::ProxyConnection)
                          : FieldId::Other;
    case 17:
      return first == 't' ? idIf(name, "transfer-encoding", FieldId::TransferEncoding)
                          : FieldId::Other;
    case 18:
      return first == 'p' ? idIf(name, "proxy-authenticate", FieldId::ProxyAuthenticate)
                          : FieldId::Other;
    case 19:
      return first == 'p' ? idIf(name, "proxy-authorization", FieldId::ProxyAuthorization)
                          : FieldId::Other;
    default:
      return FieldId::Other;
  }
}

const Field* FieldTable::find(FieldId id) const {
  for (const Field& field : *this) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

void FieldTable::remove(FieldId id) {
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (items[i].id == id) continue;
    if (kept != i) items[kept] = items[i];
    ++kept;
  }
  count = kept;
}

bool FieldTable::add(std::string_view name, std::string_view value, FieldId id) {
  if (count == items.size()) return false;
  items[count++] = {.name = name, .value = value, .id = id};
  return true;
}

bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sameName(a, b);
}

bool listHasToken(std::string_view list, std::string_view token) {
  ListMembers members(list);
  for (std::string_view member; members.next(member);) {
    if (equalsIgnoreCase(member, token)) return true;
  }
  return false;
}

bool ListMembers::next(std::string_view& member) {
  while (!rest_.empty()) {
    const size_t comma = rest_.find(',');
    std::string_view found = rest_.substr(0, comma);
    rest_ = comma == std::string_view::npos ? std::string_view{} : rest_.substr(comma + 1);
    while (!found.empty() && (found.front() == ' ' || found.front() == '\t')) {
      found.remove_prefix(1);
    }
    while (!found.empty() && (found.back() == ' ' || found.back() == '\t')) {
      found.remove_suffix(1);
    }
    if (!found.empty()) {
      member = found;
      return true;
    }
  }
  return false;
}

bool isGrpcContentType(std::string_view value) {
  constexpr std::string_view GRPC = "application/grpc";
  return equalsIgnoreCase(value.substr(0, GRPC.size()), GRPC);
}

}  // namespace mesh

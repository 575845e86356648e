// HTTP message heads as values: views into the buffer they were parsed from, valid as long as
// its bytes stay where they are. Nothing here allocates; a head is reused from message to message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mesh {

// Fields the proxy itself acts on; everything else is Other and passes through.
enum class FieldId : uint8_t {
  Other,
  Connection,
  ContentLength,
  TransferEncoding,
  Host,
  Upgrade,
  KeepAlive,
  ProxyConnection,
  Te,
  Trailer,
  Expect,
  ProxyAuthorization,
  ProxyAuthenticate,
  Http2Settings,
  L5dClientId,    // l5d-client-id and every l5d-client-*: never accepted from a client
  L5dProxyError,  // l5d-proxy-error, l5d-proxy-connection: never relayed from an endpoint
  L5dProxyConnection,
  L5dOrigProto,  // between proxies of the mesh only: never from or to an application
};

// Case-insensitive.
FieldId fieldIdOf(std::string_view name);

struct Field {
  std::string_view name;   // as the peer wrote it
  std::string_view value;  // without surrounding white space
  FieldId id = FieldId::Other;
  bool neverIndexed = false;  // HTTP/2: must not enter a compression table (RFC 7541 §7.1.3)
};

constexpr size_t MAX_FIELDS = 256;

// The fields of one head or trailer section, in order. Items from `count` on are left over from
// an earlier message: never read, never cleared.
struct FieldTable {
  std::array<Field, MAX_FIELDS> items;
  size_t count = 0;
  const Field* begin() const { return items.data(); }
  const Field* end() const { return items.data() + count; }
  // The first with this id, or null.
  const Field* find(FieldId id) const;
  // Takes out all with this id; the others keep their order.
  void remove(FieldId id);
  // False when the table is full.
  bool add(std::string_view name, std::string_view value, FieldId id = FieldId::Other);
};

enum class Method : uint8_t { Other, Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch };

// RFC 9110 §9.2.2: sending it twice has the effect of sending it once.
constexpr bool isIdempotent(Method method) {
  return method == Method::Get || method == Method::Head || method == Method::Put ||
         method == Method::Delete || method == Method::Options || method == Method::Trace;
}

// RFC 9112 §3.2.
enum class TargetForm : uint8_t { Origin, Absolute, Authority, Asterisk };

struct RequestHead {
  std::string_view methodText;
  Method method = Method::Other;
  std::string_view target;  // as written
  TargetForm form = TargetForm::Origin;
  // host[:port] as written: from the target in absolute- and authority-form, else from Host; empty
  // when there is none (HTTP/1.0).
  std::string_view authority;
  std::string_view path;      // path and query of the target; empty in authority-form
  uint8_t majorVersion = 1;   // 1 or 2
  uint8_t minorVersion = 1;   // 0 or 1; 0 with HTTP/2
  std::string_view scheme;    // HTTP/2 only, as written; empty with plain CONNECT
  std::string_view protocol;  // HTTP/2 extended CONNECT (RFC 8441); empty otherwise
  FieldTable fields;
};

struct ResponseHead {
  uint16_t status = 0;  // 100..999
  std::string_view reason;
  uint8_t minorVersion = 1;
  FieldTable fields;
};

// Compares ASCII without regard to case.
bool equalsIgnoreCase(std::string_view a, std::string_view b);
// Whether a content-type is gRPC's, of whatever encoding.
bool isGrpcContentType(std::string_view value);
// Walks a comma-separated list (RFC 9110 §5.6.1): members without surrounding white space, empty
// ones skipped.
class ListMembers {
 public:
  explicit ListMembers(std::string_view list) : rest_(list) {}
  // False after the last member; `member` is then unchanged.
  bool next(std::string_view& member);

 private:
  std::string_view rest_;
};
// True when the comma-separated list has this token (case-insensitive).
bool listHasToken(std::string_view list, std::string_view token);

}  // namespace mesh

// Who may come in: an authorization allows a client by its address and by what is known of it from
// TLS. Immutable. Identities are compared byte for byte: they come from certificates, and from the
// control plane, in one spelling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "authz/network.h"

namespace mesh::authz {

// What is known of a client. `identity` is empty when its certificate has none, or there is none.
struct Client {
  SocketAddress address;
  bool meshTls = false;
  std::string_view identity;
};

enum class Authentication : uint8_t { Anyone = 0, MeshTls = 1, Identity = 2 };

struct AuthorizationSpec {
  uint32_t id = 0;
  std::string name;  // in messages
  std::vector<NetworkMatch> networks;
  Authentication authentication = Authentication::Anyone;
  std::vector<std::string> identities;
  // "a.b" is for names that end with ".a.b", the empty one for every name. Neither for URIs.
  std::vector<std::string> identitySuffixes;
  bool audit = false;

  bool operator==(const AuthorizationSpec&) const = default;
};

class Authorization {
 public:
  explicit Authorization(AuthorizationSpec spec);
  Authorization(Authorization&&) = default;

  uint32_t id() const { return spec_.id; }
  const std::string& name() const { return spec_.name; }
  bool audit() const { return spec_.audit; }
  const AuthorizationSpec& spec() const { return spec_; }

  bool allows(const Client& client) const;

 private:
  bool knows(std::string_view identity) const;

  AuthorizationSpec spec_;
  // Into `spec_`, whose vector keeps its elements where they are when it is moved.
  std::unordered_set<std::string_view> identities_;
};

}  // namespace mesh::authz

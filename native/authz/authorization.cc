// See authorization.h.
#include "authz/authorization.h"

#include <algorithm>
#include <utility>

namespace mesh::authz {

namespace {

// SPIFFE and other URIs; names of DNS have no colon.
bool isUri(std::string_view identity) { return identity.find(':') != std::string_view::npos; }

bool hasSuffix(std::string_view name, std::string_view suffix) {
  if (suffix.empty()) return true;
  return name.size() > suffix.size() + 1 && name.ends_with(suffix) &&
         name[name.size() - suffix.size() - 1] == '.';
}

}  // namespace

Authorization::Authorization(AuthorizationSpec spec)
    : spec_(std::move(spec)), identities_(spec_.identities.begin(), spec_.identities.end()) {}

bool Authorization::allows(const Client& client) const {
  const bool near =
      std::any_of(spec_.networks.begin(), spec_.networks.end(),
                  [&](const NetworkMatch& one) { return one.contains(client.address); });
  if (!near) return false;
  switch (spec_.authentication) {
    case Authentication::Anyone:
      return true;
    case Authentication::MeshTls:
      return client.meshTls;
    case Authentication::Identity:
      return client.meshTls && knows(client.identity);
  }
  return false;
}

bool Authorization::knows(std::string_view identity) const {
  if (identity.empty()) return false;
  if (identities_.contains(identity)) return true;
  if (isUri(identity)) return false;
  return std::any_of(spec_.identitySuffixes.begin(), spec_.identitySuffixes.end(),
                     [&](const std::string& suffix) { return hasSuffix(identity, suffix); });
}

}  // namespace mesh::authz

// See server-policy.h.
#include "authz/server-policy.h"

#include <utility>

#include "base/check.h"

namespace mesh::authz {

ServerPolicy::ServerPolicy(ServerPolicySpec spec) : spec_(std::move(spec)) {
  authorizations_.reserve(spec_.authorizations.size());
  for (const AuthorizationSpec& one : spec_.authorizations) authorizations_.emplace_back(one);
  if (spec_.rateLimit) limiter_ = std::make_unique<RateLimiter>(*spec_.rateLimit);
}

const Authorization* ServerPolicy::permit(std::span<const uint32_t> authorizations,
                                          const Client& client) const {
  for (const uint32_t index : authorizations) {
    MESH_CHECK(index < authorizations_.size());
    if (authorizations_[index].allows(client)) return &authorizations_[index];
  }
  return nullptr;
}

std::shared_ptr<ServerPolicy> PolicyRegistry::get(const ServerPolicySpec& spec) {
  std::weak_ptr<ServerPolicy>& known = policies_[spec.id];
  std::shared_ptr<ServerPolicy> policy = known.lock();
  if (policy && policy->spec() == spec) return policy;
  policy = std::make_shared<ServerPolicy>(spec);
  known = policy;
  // Of servers that are gone only the number would be left.
  std::erase_if(policies_, [](const auto& entry) { return entry.second.expired(); });
  return policy;
}

}  // namespace mesh::authz

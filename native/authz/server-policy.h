// What a port asks of its clients: who is allowed, and how often. Immutable but for its buckets;
// shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "authz/authorization.h"
#include "authz/rate-limit.h"

namespace mesh::authz {

struct ServerPolicySpec {
  uint32_t id = 0;
  std::string name;  // in messages: "server/web-http"
  std::vector<AuthorizationSpec> authorizations;
  std::optional<RateLimitSpec> rateLimit;
  bool operator==(const ServerPolicySpec&) const = default;
};

class ServerPolicy {
 public:
  explicit ServerPolicy(ServerPolicySpec spec);

  uint32_t id() const { return spec_.id; }
  const std::string& name() const { return spec_.name; }
  uint32_t rateLimitId() const { return spec_.rateLimit ? spec_.rateLimit->id : 0; }
  const ServerPolicySpec& spec() const { return spec_; }

  // The first of these authorizations (indexes into those of the spec) that allows the client; null:
  // none does.
  const Authorization* permit(std::span<const uint32_t> authorizations, const Client& client) const;
  // Counts a request; what limit it has met, if any.
  std::optional<LimitMet> limit(const Client& client, uint64_t nowMs) {
    if (!limiter_) return std::nullopt;
    return limiter_->take(client.identity, nowMs);
  }

 private:
  const ServerPolicySpec spec_;
  std::vector<Authorization> authorizations_;
  std::unique_ptr<RateLimiter> limiter_;
};

// Finds the policy of a server for as long as a table, or a request under way, has it. Only the owner's
// thread uses it.
class PolicyRegistry {
 public:
  // The one in use when it says the same: its buckets go on. Another one starts with full buckets.
  std::shared_ptr<ServerPolicy> get(const ServerPolicySpec& spec);

 private:
  std::unordered_map<uint32_t, std::weak_ptr<ServerPolicy>> policies_;
};

}  // namespace mesh::authz

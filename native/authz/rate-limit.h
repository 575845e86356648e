// How many requests a port takes in a second: from all clients, from each, and from those that an
// override names (reference §3.7). Shared by all workers. Requests of clients without an identity
// never wait for another thread; with one they hold a mutex for the look-up of a bucket.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "authz/token-bucket.h"

namespace mesh::authz {

struct RateLimitOverride {
  uint32_t perSecond = 0;  // 0: unlimited
  std::vector<std::string> identities;
  bool operator==(const RateLimitOverride&) const = default;
};

struct RateLimitSpec {
  uint32_t id = 0;
  uint32_t totalPerSecond = 0;     // 0: unlimited
  uint32_t identityPerSecond = 0;  // 0: unlimited
  std::vector<RateLimitOverride> overrides;
  bool operator==(const RateLimitSpec&) const = default;
};

enum class RateLimitScope : uint8_t { Total, Identity, Override };

// The limit that a request has met.
struct LimitMet {
  RateLimitScope scope;
  uint32_t perSecond;
  std::string toString() const;  // "total rate limit exceeded: 10rps"
};

class RateLimiter {
 public:
  // Identities with a bucket of their own at a time. Beyond it they share one until others have been
  // silent for a second.
  static constexpr size_t MAX_IDENTITIES = 8'192;

  explicit RateLimiter(RateLimitSpec spec);

  // Nothing: the request may go on. `identity` is empty for a client without one.
  std::optional<LimitMet> take(std::string_view identity, uint64_t nowMs);

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  // Buckets never move; a request that has found one may use it after it was forgotten.
  using Buckets =
      std::unordered_map<std::string, std::shared_ptr<TokenBucket>, TextHash, std::equal_to<>>;

  std::shared_ptr<TokenBucket> bucketOf(std::string_view identity, uint64_t nowMs);

  const RateLimitSpec spec_;
  TokenBucket total_;
  std::vector<TokenBucket> overrides_;                       // as in the spec
  std::unordered_map<std::string_view, size_t> overrideOf_;  // into `spec_`
  TokenBucket nameless_;
  const std::shared_ptr<TokenBucket> shared_ = std::make_shared<TokenBucket>();

  std::mutex mutex_;  // guards what follows
  // Identities that asked since `since_`, and those that did before. A bucket left alone for a second
  // is full, as a new one is: the older half can be dropped when the younger is a second old.
  Buckets recent_;
  Buckets older_;
  uint64_t sinceMs_ = 0;
};

}  // namespace mesh::authz

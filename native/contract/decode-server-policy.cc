// See decode-server-policy.h. An authorization that could allow nobody, or everybody by mistake, is
// refused rather than obeyed.
#include "contract/decode-server-policy.h"

#include <unordered_set>

namespace mesh::contract {
namespace {

authz::NetworkMatch readNetworkMatch(const Path& path, const pb::NetworkMatch& message,
                                     Problems& problems) {
  authz::NetworkMatch out;
  problems.required(path / "network", message.has_network());
  if (message.has_network()) out.network = problems.network(path / "network", message.network());
  for (int i = 0; i < message.except_size(); ++i) {
    out.except.push_back(problems.network(path.at("except", i), message.except(i)));
  }
  return out;
}

void checkIdentities(const Path& path, const pb::Authorization& message,
                     authz::Authentication authentication, Problems& problems) {
  const bool asked = authentication == authz::Authentication::Identity;
  const bool given = message.identities_size() > 0 || message.identity_suffixes_size() > 0;
  if (asked && !given) {
    problems.report(path / "identities", "is required with IDENTITY, or identity_suffixes");
  } else if (!asked && message.identities_size() > 0) {
    problems.report(path / "identities", "must be empty without IDENTITY");
  } else if (!asked && given) {
    problems.report(path / "identity_suffixes", "must be empty without IDENTITY");
  }
  for (int i = 0; i < message.identities_size(); ++i) {
    problems.required(path.at("identities", i), !message.identities(i).empty());
  }
}

authz::AuthorizationSpec readAuthorization(const Path& path, const pb::Authorization& message,
                                           Problems& problems) {
  authz::AuthorizationSpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.name = message.name();
  problems.required(path / "networks", message.networks_size() > 0);
  for (int i = 0; i < message.networks_size(); ++i) {
    out.networks.push_back(readNetworkMatch(path.at("networks", i), message.networks(i), problems));
  }
  out.authentication =
      problems.known(path / "authentication", authenticationFrom(message.authentication()),
                     message.authentication(), authz::Authentication::Identity);
  checkIdentities(path, message, out.authentication, problems);
  out.identities = {message.identities().begin(), message.identities().end()};
  out.identitySuffixes = {message.identity_suffixes().begin(), message.identity_suffixes().end()};
  out.audit = message.audit();
  return out;
}

authz::RateLimitSpec readRateLimit(const Path& path, const pb::RateLimit& message,
                                   Problems& problems) {
  authz::RateLimitSpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.totalPerSecond = message.total_per_second();
  out.identityPerSecond = message.identity_per_second();
  std::unordered_set<std::string_view> seen;
  for (int i = 0; i < message.overrides_size(); ++i) {
    const Path at = path.at("overrides", i);
    const pb::RateLimitOverride& one = message.overrides(i);
    problems.required(at / "identities", one.identities_size() > 0);
    for (int j = 0; j < one.identities_size(); ++j) {
      problems.required(at.at("identities", j), !one.identities(j).empty());
      if (!seen.insert(one.identities(j)).second) {
        problems.report(at.at("identities", j), "is there twice");
      }
    }
    out.overrides.push_back({.perSecond = one.per_second(),
                             .identities = {one.identities().begin(), one.identities().end()}});
  }
  return out;
}

}  // namespace

authz::ServerPolicySpec readServerPolicy(const Path& path, const pb::ServerPolicy& message,
                                         Problems& problems) {
  authz::ServerPolicySpec out;
  problems.notZero(path / "id", message.id());
  out.id = message.id();
  out.name = message.name();
  for (int i = 0; i < message.authorizations_size(); ++i) {
    out.authorizations.push_back(
        readAuthorization(path.at("authorizations", i), message.authorizations(i), problems));
  }
  if (message.has_rate_limit()) {
    out.rateLimit = readRateLimit(path / "rate_limit", message.rate_limit(), problems);
  }
  return out;
}

}  // namespace mesh::contract

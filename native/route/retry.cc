// See retry.h.
#include "route/retry.h"

namespace mesh::route {

RetryPolicy compileRetry(const Retry& spec) {
  RetryPolicy policy;
  policy.maxRetries = spec.maxRetries;
  policy.unlimited = spec.responsesOnly && spec.maxRetries == 0;
  policy.responsesOnly = spec.responsesOnly;
  policy.maxRequestBytes = spec.maxRequestBytes;
  policy.statuses = StatusSet(spec.statuses);
  policy.grpcCodes = spec.grpcCodes;
  policy.timeoutMs = spec.timeoutMs;
  policy.backoff = spec.backoff;
  return policy;
}

}  // namespace mesh::route

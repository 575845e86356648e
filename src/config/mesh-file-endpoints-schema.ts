// The keys of a service that say how its endpoints are judged and kept: circuit breaker, penalty of
// failed responses, PINGs of HTTP/2. Relations of several values are in mesh-file-endpoints-checks.ts.
import * as v from 'valibot';

import { duration, flag, fraction, mustBe, section, wholeNumber } from './mesh-file-values.js';

/** A PING after `interval` without a frame; unanswered for `timeout`, the connection ends. */
export const http2Keepalive = section({
  interval: v.optional(duration(1)),
  timeout: v.optional(duration(1)),
  whileIdle: v.optional(flag),
});

/** The pause before the next try, growing from `min` to `max`; `jitter` is the share of it that is random. */
export const backoff = section({
  min: v.optional(duration(1)),
  max: v.optional(duration(1)),
  jitter: v.optional(fraction),
});

const share = mustBe('a number above 0 and at most 1, such as 0.9');

/** At least this share of the responses of the last `window` must be good. */
const successRate = section({
  min: v.pipe(
    v.number(share),
    v.check((value) => value > 0 && value <= 1, share),
  ),
  window: v.optional(
    v.pipe(
      duration(1),
      v.check((ms) => ms >= 10, 'must be 10ms or longer'),
    ),
  ),
  minRequests: v.optional(wholeNumber(1, 1_000_000)),
});

export const circuitBreaker = section({
  // 0: off.
  consecutiveFailures: v.optional(wholeNumber(0, 1_000_000)),
  successRate: v.optional(successRate),
  backoff: v.optional(backoff),
  mayEjectLast: v.optional(flag),
});

export const loadPenalty = section({
  penalty: v.optional(duration(1)),
  maxRetryAfter: v.optional(duration(0)),
});

export type CircuitBreakerInFile = v.InferOutput<typeof circuitBreaker>;
export type LoadPenaltyInFile = v.InferOutput<typeof loadPenalty>;
export type Http2KeepaliveInFile = v.InferOutput<typeof http2Keepalive>;
export type BackoffInFile = v.InferOutput<typeof backoff>;

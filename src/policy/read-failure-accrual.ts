// When endpoints are taken out for how they answer, from messages of the API (reference, behaviour §4.13).
import type { FailureAccrual, FailureAccrual_Unified } from '../api/gen/outbound_pb.js';
import { DEFAULT_SUCCESS_RATE } from '../config/defaults.js';
import type { CircuitBreakerConfig } from '../config/mesh-config.js';
import { readBackoff } from './read-retry.js';
import type { Reading } from './reading.js';

/** A breaker of one endpoint knows nothing of the others. */
const MAY_EJECT_LAST = { mayEjectLast: true };

/** Undefined: never. */
export function readFailureAccrual(
  reading: Reading,
  path: string,
  message: FailureAccrual | undefined,
): CircuitBreakerConfig | undefined {
  if (message === undefined) return undefined;
  switch (message.kind.case) {
    case 'consecutiveFailures': {
      const { maxFailures, backoff } = message.kind.value;
      const at = `${path}.consecutive_failures.backoff`;
      return breaker({
        consecutiveFailures: maxFailures,
        successRate: undefined,
        backoff: readBackoff(reading, at, backoff),
        ...MAY_EJECT_LAST,
      });
    }
    case 'unified': {
      const { maxConsecutiveFailures, backoff } = message.kind.value;
      return breaker({
        consecutiveFailures: maxConsecutiveFailures,
        successRate: readSuccessRate(reading, `${path}.unified`, message.kind.value),
        backoff: readBackoff(reading, `${path}.unified.backoff`, backoff),
        ...MAY_EJECT_LAST,
      });
    }
    case undefined:
      reading.fail(path, 'has no kind');
      return undefined;
  }
}

function breaker(config: CircuitBreakerConfig): CircuitBreakerConfig | undefined {
  return config.consecutiveFailures === 0 && config.successRate === undefined ? undefined : config;
}

const SHORTEST_WINDOW_MS = 10;
const MOST_REQUESTS = 1_000_000;
/** The reference counts in hundredths of a per cent. */
const RATIO_STEPS = 10_000;

function readSuccessRate(
  reading: Reading,
  path: string,
  message: FailureAccrual_Unified,
): CircuitBreakerConfig['successRate'] {
  const { successRateThreshold: threshold, minRequests } = message;
  if (!(threshold >= 0 && threshold <= 1)) {
    reading.fail(`${path}.success_rate_threshold`, 'is not within 0 to 1');
  }
  const windowMs = reading.duration(`${path}.decay`, message.decay) ?? DEFAULT_SUCCESS_RATE.windowMs;
  if (windowMs < SHORTEST_WINDOW_MS) reading.fail(`${path}.decay`, 'is below 10 ms');
  if (minRequests > MOST_REQUESTS) reading.fail(`${path}.min_requests`, 'is above 1,000,000');
  const min = Math.round(threshold * RATIO_STEPS) / RATIO_STEPS;
  return min === 0 ? undefined : { min, windowMs, minRequests: Math.max(1, minRequests) };
}

// From the keys of a service about its endpoints, as a mesh file writes them, to their configuration
// with every default filled in.
import {
  DEFAULT_CIRCUIT_BREAKER,
  DEFAULT_HTTP2_KEEPALIVE,
  DEFAULT_LOAD_PENALTY,
  DEFAULT_SUCCESS_RATE,
} from './defaults.js';
import type { CircuitBreakerConfig, Http2KeepaliveConfig, LoadPenaltyConfig } from './mesh-config.js';
import type {
  CircuitBreakerInFile,
  Http2KeepaliveInFile,
  LoadPenaltyInFile,
} from './mesh-file-endpoints-schema.js';
import { buildBackoff } from './mesh-file-routes.js';

export function buildHttp2Keepalive(
  written: Http2KeepaliveInFile | undefined,
): Http2KeepaliveConfig | undefined {
  if (written === undefined) return undefined;
  return {
    intervalMs: written.interval ?? DEFAULT_HTTP2_KEEPALIVE.intervalMs,
    timeoutMs: written.timeout ?? DEFAULT_HTTP2_KEEPALIVE.timeoutMs,
    whileIdle: written.whileIdle ?? DEFAULT_HTTP2_KEEPALIVE.whileIdle,
  };
}

export function buildCircuitBreaker(
  written: CircuitBreakerInFile | undefined,
): CircuitBreakerConfig | undefined {
  if (written === undefined) return undefined;
  const { successRate } = written;
  return {
    consecutiveFailures: written.consecutiveFailures ?? DEFAULT_CIRCUIT_BREAKER.consecutiveFailures,
    successRate:
      successRate === undefined
        ? undefined
        : {
            min: successRate.min,
            windowMs: successRate.window ?? DEFAULT_SUCCESS_RATE.windowMs,
            minRequests: successRate.minRequests ?? DEFAULT_SUCCESS_RATE.minRequests,
          },
    backoff: buildBackoff(written.backoff ?? {}, DEFAULT_CIRCUIT_BREAKER.backoff),
    mayEjectLast: written.mayEjectLast ?? DEFAULT_CIRCUIT_BREAKER.mayEjectLast,
  };
}

export function buildLoadPenalty(written: LoadPenaltyInFile | undefined): LoadPenaltyConfig | undefined {
  if (written === undefined) return undefined;
  return {
    penaltyMs: written.penalty ?? DEFAULT_LOAD_PENALTY.penaltyMs,
    maxRetryAfterMs: written.maxRetryAfter ?? DEFAULT_LOAD_PENALTY.maxRetryAfterMs,
  };
}

// Time-outs, retries and back-offs from messages of the API (reference, behaviour §4.8, §4.9, wire API §3).
import type { Duration } from '@bufbuild/protobuf/wkt';

import type { Timeouts } from '../api/gen/http_route_pb.js';
import type { ExponentialBackoff, GrpcRoute_Retry, HttpRoute_Retry } from '../api/gen/outbound_pb.js';
import type { BackoffConfig, RetryConfig, RouteConfig, StatusRangeConfig } from '../config/route-config.js';
import type { Reading } from './reading.js';

/** A rule of HTTP or of gRPC. */
export interface TimedRule {
  readonly timeouts?: Timeouts | undefined;
  /** Of older controllers. */
  readonly requestTimeout?: Duration | undefined;
}

export function readTimeouts(reading: Reading, path: string, rule: TimedRule): RouteConfig['timeouts'] {
  const { timeouts, requestTimeout } = rule;
  if (timeouts === undefined) {
    const requestMs = reading.duration(`${path}.requestTimeout`, requestTimeout) ?? 0;
    return { requestMs, responseMs: 0, idleMs: 0 };
  }
  return {
    requestMs: reading.duration(`${path}.timeouts.request`, timeouts.request) ?? 0,
    responseMs: reading.duration(`${path}.timeouts.response`, timeouts.response) ?? 0,
    idleMs: reading.duration(`${path}.timeouts.idle`, timeouts.idle) ?? 0,
  };
}

const LARGEST_LIMIT = 65_535;
/** Of the data plane; more tries than this help nobody. */
const MOST_RETRIES = 100;
const LAST_STATUS = 599;

export function readHttpRetry(
  reading: Reading,
  path: string,
  message: HttpRoute_Retry | undefined,
): RetryConfig | undefined {
  if (message === undefined) return undefined;
  const { conditions } = message;
  if (conditions === undefined) reading.fail(`${path}.conditions`, 'is missing');
  const statuses = (conditions?.statusRanges ?? []).map(({ start, end }, index): StatusRangeConfig => {
    if (start < 1 || end < start || end > LAST_STATUS) {
      reading.fail(`${path}.conditions.status_ranges[${String(index)}]`, 'is not within 1 to 599');
    }
    return { first: start, last: end };
  });
  return readRetry(reading, path, message, statuses, []);
}

export function readGrpcRetry(
  reading: Reading,
  path: string,
  message: GrpcRoute_Retry | undefined,
): RetryConfig | undefined {
  if (message === undefined) return undefined;
  const { conditions } = message;
  if (conditions === undefined) reading.fail(`${path}.conditions`, 'is missing');
  const codes: readonly (readonly [number, boolean | undefined])[] = [
    [1, conditions?.cancelled],
    [4, conditions?.deadineExceeded],
    [8, conditions?.resourceExhausted],
    [13, conditions?.internal],
    [14, conditions?.unavailable],
  ];
  const retried = codes.filter(([, wanted]) => wanted === true).map(([code]) => code);
  return readRetry(reading, path, message, [], retried);
}

/** Undefined when nothing is ever tried again. */
function readRetry(
  reading: Reading,
  path: string,
  message: HttpRoute_Retry | GrpcRoute_Retry,
  statuses: readonly StatusRangeConfig[],
  grpcCodes: readonly number[],
): RetryConfig | undefined {
  const { maxRetries, maxRequestBytes, timeout, backoff } = message;
  if (maxRetries > LARGEST_LIMIT) reading.fail(`${path}.max_retries`, 'does not fit into 16 bits');
  if (maxRetries > MOST_RETRIES) reading.note(`${path}.max_retries`, `is taken as ${String(MOST_RETRIES)}`);
  const retry: RetryConfig = {
    limit: Math.min(MOST_RETRIES, maxRetries),
    statuses,
    grpcCodes,
    timeoutMs: reading.duration(`${path}.timeout`, timeout) ?? 0,
    maxBodyBytes: maxRequestBytes,
    backoff: backoff === undefined ? undefined : readBackoff(reading, `${path}.backoff`, backoff),
    budget: undefined,
  };
  return maxRetries === 0 ? undefined : retry;
}

const LARGEST_JITTER = 100;

/** What the data plane can do of it: at least a millisecond, and a jitter of at most 1. */
export function readBackoff(
  reading: Reading,
  path: string,
  message: ExponentialBackoff | undefined,
): BackoffConfig {
  if (message === undefined) reading.fail(path, 'is missing');
  const minMs = reading.requiredDuration(`${path}.min_backoff`, message?.minBackoff);
  const maxMs = reading.requiredDuration(`${path}.max_backoff`, message?.maxBackoff);
  if (maxMs === 0) reading.fail(`${path}.max_backoff`, 'is 0');
  if (maxMs < minMs) reading.fail(`${path}.max_backoff`, 'is below min_backoff');
  const jitter = message?.jitterRatio ?? 0;
  // Not the other way round: NaN is no ratio either.
  if (!(jitter >= 0 && jitter <= LARGEST_JITTER))
    reading.fail(`${path}.jitter_ratio`, 'is not within 0 to 100');
  if (jitter > 1) reading.note(`${path}.jitter_ratio`, 'is taken as 1');
  const shortest = Math.max(1, minMs);
  return { minMs: shortest, maxMs: Math.max(shortest, maxMs), jitter: Math.min(1, jitter) };
}

// Time-outs, retries and back-offs of rules, from messages of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GrpcRoute_RetrySchema, HttpRoute_RetrySchema } from '../../../src/api/gen/outbound_pb.js';
import { type Init, milliseconds, seconds } from '../../support/policy-messages.js';
import {
  GRPC_RULE,
  grpcPolicyOf,
  grpcRuleOf,
  HTTP_RULE,
  httpPolicyOf,
  type HttpRuleInit,
  httpRuleOf,
} from '../../support/policy-rules.js';

type HttpRetry = Init<typeof HttpRoute_RetrySchema>;
type GrpcRetry = Init<typeof GrpcRoute_RetrySchema>;

const NONE = { requestMs: 0, responseMs: 0, idleMs: 0 };

for (const [what, rule, expected] of [
  ['none', {}, NONE],
  [
    'each of its kind',
    { timeouts: { request: seconds(1), response: seconds(2), idle: seconds(3) } },
    { requestMs: 1000, responseMs: 2000, idleMs: 3000 },
  ],
  ['the older kind, where there is no newer', { requestTimeout: seconds(4) }, { ...NONE, requestMs: 4000 }],
  [
    'not the older kind beside newer ones',
    { requestTimeout: seconds(4), timeouts: { idle: seconds(3) } },
    { ...NONE, idleMs: 3000 },
  ],
  ['a part of a millisecond, rounded up', { timeouts: { request: { nanos: 1 } } }, { ...NONE, requestMs: 1 }],
  [
    'at most what the data plane can wait',
    { timeouts: { request: seconds(10_000_000) } },
    { ...NONE, requestMs: 2_147_483_647 },
  ],
] as const satisfies readonly (readonly [string, HttpRuleInit, unknown])[]) {
  test(`a rule has time-outs: ${what}`, () => {
    assert.deepEqual(httpRuleOf(rule).timeouts, expected);
    assert.deepEqual(grpcRuleOf(rule).timeouts, expected);
  });
}

for (const [field, rule] of [
  ['requestTimeout', { requestTimeout: seconds(-1) }],
  ['timeouts.request', { timeouts: { request: seconds(-1) } }],
  ['timeouts.response', { timeouts: { response: { nanos: -1 } } }],
  ['timeouts.idle', { timeouts: { idle: seconds(-1) } }],
] as const satisfies readonly (readonly [string, HttpRuleInit])[]) {
  test(`not valid: a negative ${field}`, () => {
    assert.equal(httpPolicyOf(rule).misconfiguration, `${HTTP_RULE}.${field} is negative`);
  });
}

test('requests may override only where the rule allows it', () => {
  assert.equal(httpRuleOf({}).allowRequestOverrides, false);
  assert.equal(httpRuleOf({ allowL5dRequestHeaders: true }).allowRequestOverrides, true);
  assert.equal(grpcRuleOf({ allowL5dRequestHeaders: true }).allowRequestOverrides, true);
});

const backoff = { minBackoff: milliseconds(25), maxBackoff: milliseconds(250), jitterRatio: 0.5 };
const retry: HttpRetry = {
  maxRetries: 3,
  maxRequestBytes: 4096,
  conditions: { statusRanges: [{ start: 500, end: 599 }] },
  timeout: milliseconds(200),
  backoff,
};

test('HTTP is tried again by status', () => {
  assert.deepEqual(httpRuleOf({ retry }).retry, {
    limit: 3,
    statuses: [{ first: 500, last: 599 }],
    grpcCodes: [],
    timeoutMs: 200,
    maxBodyBytes: 4096,
    backoff: { minMs: 25, maxMs: 250, jitter: 0.5 },
    budget: undefined,
  });
});

test('HTTP may be tried again without a time-out, at once, without a body', () => {
  const {
    timeoutMs,
    maxBodyBytes,
    backoff: pause,
  } = httpRuleOf({ retry: { maxRetries: 1, conditions: {} } }).retry ?? {};
  assert.deepEqual([timeoutMs, maxBodyBytes, pause], [0, 0, undefined]);
});

for (const [condition, code] of [
  ['cancelled', 1],
  ['deadineExceeded', 4],
  ['resourceExhausted', 8],
  ['internal', 13],
  ['unavailable', 14],
] as const) {
  test(`gRPC is tried again when it is ${condition}`, () => {
    const { grpcCodes, statuses } =
      grpcRuleOf({ retry: { maxRetries: 1, conditions: { [condition]: true } } }).retry ?? {};
    assert.deepEqual([grpcCodes, statuses], [[code], []]);
  });
}

test('no retries are none at all', () => {
  assert.equal(httpRuleOf({ retry: { ...retry, maxRetries: 0 } }).retry, undefined);
});

test('more than a hundred retries are a hundred', () => {
  const policy = httpPolicyOf({ retry: { ...retry, maxRetries: 65_535 } });
  assert.ok(policy.protocol.kind === 'http1');
  assert.equal(policy.protocol.http.routes[0]?.rules[0]?.retry?.limit, 100);
  assert.deepEqual(policy.notes, [`${HTTP_RULE}.retry.max_retries is taken as 100`]);
});

test('a back-off lasts at least a millisecond, and its jitter is at most 1', () => {
  const long = { minBackoff: seconds(0), maxBackoff: { nanos: 1 }, jitterRatio: 100 };
  assert.deepEqual(httpRuleOf({ retry: { ...retry, backoff: long } }).retry?.backoff, {
    minMs: 1,
    maxMs: 1,
    jitter: 1,
  });
});

const ranged = (start: number, end: number): HttpRetry => ({
  ...retry,
  conditions: {
    statusRanges: [
      { start: 500, end: 500 },
      { start, end },
    ],
  },
});
const OUTSIDE = 'conditions.status_ranges[1] is not within 1 to 599';

for (const [what, message, expected] of [
  ['no conditions', { maxRetries: 1 }, 'conditions is missing'],
  ['more than 16 bits of retries', { ...retry, maxRetries: 65_536 }, 'max_retries does not fit into 16 bits'],
  ['a status of 0', ranged(0, 500), OUTSIDE],
  ['a status of 600', ranged(500, 600), OUTSIDE],
  ['statuses in the wrong order', ranged(501, 500), OUTSIDE],
  ['a negative time-out', { ...retry, timeout: seconds(-1) }, 'timeout is negative'],
  [
    'a back-off without a minimum',
    { ...retry, backoff: { maxBackoff: seconds(1) } },
    'backoff.min_backoff is missing',
  ],
  [
    'a back-off without a maximum',
    { ...retry, backoff: { minBackoff: seconds(0) } },
    'backoff.max_backoff is missing',
  ],
  [
    'a back-off of nothing',
    { ...retry, backoff: { minBackoff: seconds(0), maxBackoff: seconds(0) } },
    'backoff.max_backoff is 0',
  ],
  [
    'a back-off in the wrong order',
    { ...retry, backoff: { minBackoff: seconds(2), maxBackoff: seconds(1) } },
    'backoff.max_backoff is below min_backoff',
  ],
  ...[-0.5, 100.5, Number.NaN, Number.POSITIVE_INFINITY].map(
    (jitterRatio) =>
      [
        `a jitter of ${String(jitterRatio)}`,
        { ...retry, backoff: { ...backoff, jitterRatio } },
        'backoff.jitter_ratio is not within 0 to 100',
      ] as const,
  ),
] as const satisfies readonly (readonly [string, HttpRetry, string])[]) {
  test(`not valid: retries with ${what}`, () => {
    assert.equal(httpPolicyOf({ retry: message }).misconfiguration, `${HTTP_RULE}.retry.${expected}`);
  });
}

for (const [what, message, expected] of [
  ['no conditions', { maxRetries: 1 }, 'conditions is missing'],
  ['too many tries', { maxRetries: 65_536, conditions: {} }, 'max_retries does not fit into 16 bits'],
] as const satisfies readonly (readonly [string, GrpcRetry, string])[]) {
  test(`not valid: retries of gRPC with ${what}`, () => {
    assert.equal(grpcPolicyOf({ retry: message }).misconfiguration, `${GRPC_RULE}.retry.${expected}`);
  });
}

// Where routes lead and when endpoints are taken out, from messages of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type {
  Backend_BalanceP2cSchema,
  BackendSchema,
  FailureAccrualSchema,
  HttpRoute_DistributionSchema,
} from '../../../src/api/gen/outbound_pb.js';
import type { CircuitBreakerConfig } from '../../../src/config/mesh-config.js';
import type { ClientPolicy, PolicyBackend } from '../../../src/policy/client-policy.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import {
  aBalancer,
  aForward,
  aPolicy,
  builtInMeta,
  type Init,
  milliseconds,
  resourceMeta,
  seconds,
} from '../../support/policy-messages.js';
import { HTTP_RULE, httpPolicyOf, httpRuleOf } from '../../support/policy-rules.js';

type Distribution = Init<typeof HttpRoute_DistributionSchema>['kind'];

function distributionOf(kind: Distribution): ReturnType<typeof httpRuleOf>['distribution'] {
  return httpRuleOf({ backends: { kind } as Init<typeof HttpRoute_DistributionSchema> }).distribution;
}

function mistakeOf(kind: Distribution): string | undefined {
  return httpPolicyOf({ backends: { kind } as Init<typeof HttpRoute_DistributionSchema> }).misconfiguration;
}

const first = (...backends: readonly PolicyBackendMessage[]): Distribution => ({
  case: 'firstAvailable',
  value: { backends: backends.map((backend) => ({ backend })) },
});
type PolicyBackendMessage = ReturnType<typeof aBalancer>;

test('a distribution may lead nowhere', () => {
  assert.deepEqual(distributionOf({ case: 'empty', value: {} }), { kind: 'empty', backends: [] });
});

test('the first of several keeps their order', () => {
  const { kind, backends } = distributionOf(first(aBalancer('a.shop:80'), aBalancer('b.shop:80')));
  assert.deepEqual([kind, ...backends.map(({ backend }) => backend.meta.name)], ['first', 'a', 'b']);
});

test('a random one of several has weights', () => {
  const { kind, backends } = distributionOf({
    case: 'randomAvailable',
    value: {
      backends: [
        { backend: { backend: aBalancer('a.shop:80') }, weight: 0 },
        { backend: { backend: aBalancer('b.shop:80') }, weight: 9 },
      ],
    },
  });
  assert.deepEqual([kind, ...backends.map(({ weight }) => weight)], ['random', 0, 9]);
});

test('a random one of one is that one, whatever its weight', () => {
  const { kind, backends } = distributionOf({
    case: 'randomAvailable',
    value: { backends: [{ backend: { backend: aBalancer('a.shop:80') }, weight: 0 }] },
  });
  assert.deepEqual([kind, backends.length], ['first', 1]);
});

const AT = `${HTTP_RULE}.backends`;

test('not valid: a distribution of no kind, or without backends', () => {
  assert.equal(mistakeOf({ case: undefined }), `${AT} is missing`);
  assert.equal(mistakeOf(first()), `${AT}.first_available.backends is empty`);
  assert.equal(mistakeOf({ case: 'randomAvailable', value: {} }), `${AT}.random_available.backends is empty`);
  assert.equal(
    mistakeOf({ case: 'firstAvailable', value: { backends: [{}] } }),
    `${AT}.first_available.backends[0].backend is missing`,
  );
  assert.equal(
    mistakeOf({ case: 'randomAvailable', value: { backends: [{ weight: 1 }] } }),
    `${AT}.random_available.backends[0].backend.backend is missing`,
  );
});

function backendOf(message: PolicyBackendMessage): PolicyBackend | undefined {
  return distributionOf(first(message)).backends[0]?.backend;
}

type Load = Init<typeof Backend_BalanceP2cSchema>['load'];
function balanced(load: Load): PolicyBackendMessage {
  const discovery = { kind: { case: 'dst', value: { path: 'web.shop:80' } } } as const;
  return aBalancer('web.shop:80', {
    kind: { case: 'balancer', value: { discovery, ...(load === undefined ? {} : { load }) } },
  });
}

test('a balancer has a path, an estimate of latency and a queue', () => {
  const backend = backendOf(aBalancer('web.shop:80'));
  assert.deepEqual(backend?.dispatcher, {
    kind: 'balance',
    path: 'web.shop:80',
    defaultRttMs: 30,
    decayMs: 10_000,
    penalty: undefined,
  });
  assert.deepEqual(backend.queue, { capacity: 100, failFastMs: 3000 });
  assert.deepEqual([backend.meta.kind, backend.meta.name, backend.meta.port], ['Service', 'web', '80']);
});

test('a balancer with a penalty has defaults for what is not said', () => {
  assert.deepEqual(backendOf(balanced({ case: 'penaltyPeakEwma', value: {} }))?.dispatcher, {
    kind: 'balance',
    path: 'web.shop:80',
    defaultRttMs: 30,
    decayMs: 10_000,
    penalty: { penaltyMs: 5000, maxRetryAfterMs: 300_000 },
  });
  const said = {
    defaultRtt: milliseconds(0),
    decay: seconds(2),
    penalty: seconds(3),
    maxRetryAfter: seconds(4),
  };
  assert.deepEqual(backendOf(balanced({ case: 'penaltyPeakEwma', value: said }))?.dispatcher, {
    kind: 'balance',
    path: 'web.shop:80',
    defaultRttMs: 1,
    decayMs: 2000,
    penalty: { penaltyMs: 3000, maxRetryAfterMs: 4000 },
  });
});

test('a forward has one endpoint', () => {
  const dispatcher = backendOf(aForward(8080))?.dispatcher;
  assert.ok(dispatcher?.kind === 'forward');
  assert.deepEqual(dispatcher.endpoint.address, { ip: '10.0.0.1', port: 8080 });
});

test('a backend without a kind fails, and says whose it is', () => {
  const nothing = { kind: { case: undefined } } as const;
  assert.deepEqual(
    [
      backendOf(aBalancer('', { ...nothing, metadata: resourceMeta('Service', 'web') })),
      backendOf(aBalancer('', { ...nothing, metadata: builtInMeta('gone') })),
    ].map((backend) => backend?.dispatcher),
    [
      { kind: 'fail', message: 'backend for Service shop/web has no dispatcher' },
      { kind: 'fail', message: 'backend for default gone has no dispatcher' },
    ],
  );
});

function without(field: 'metadata' | 'queue'): PolicyBackendMessage {
  const message = aBalancer('web.shop:80');
  message[field] = undefined;
  return message;
}

const queue = (parts: Init<typeof BackendSchema>['queue']): PolicyBackendMessage =>
  aBalancer('web.shop:80', parts === undefined ? {} : { queue: parts });
const rtt = milliseconds(30);

for (const [what, message, expected] of [
  ['metadata', without('metadata'), 'metadata is missing'],
  ['a queue', without('queue'), 'queue is missing'],
  ['a time to fail fast', queue({ capacity: 1 }), 'queue.failfast_timeout is missing'],
  ['a load', balanced(undefined), 'balancer.load is missing'],
  [
    'a first latency',
    balanced({ case: 'peakEwma', value: { decay: seconds(1) } }),
    'balancer.peak_ewma.default_rtt is missing',
  ],
  [
    'a decay',
    balanced({ case: 'peakEwma', value: { defaultRtt: rtt } }),
    'balancer.peak_ewma.decay is missing',
  ],
  [
    'a decay that is positive',
    balanced({ case: 'peakEwma', value: { defaultRtt: rtt, decay: seconds(-1) } }),
    'balancer.peak_ewma.decay is negative',
  ],
  ...(['default_rtt', 'decay', 'penalty', 'max_retry_after', 'penalty_decay'] as const).map(
    (field) =>
      [
        `a positive ${field}`,
        balanced({
          case: 'penaltyPeakEwma',
          value: { [field.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())]: seconds(-1) },
        }),
        `balancer.penalty_peak_ewma.${field} is negative`,
      ] as const,
  ),
  [
    'a question for endpoints',
    aBalancer('web.shop:80', {
      kind: { case: 'balancer', value: { load: { case: 'penaltyPeakEwma', value: {} } } },
    }),
    'balancer.discovery is missing',
  ],
  [
    'an address to forward to',
    aBalancer('web.shop:80', { kind: { case: 'forward', value: {} } }),
    'forward.addr is no address',
  ],
] as const) {
  test(`not valid: a backend without ${what}`, () => {
    assert.equal(mistakeOf(first(message)), `${AT}.first_available.backends[0].backend.${expected}`);
  });
}

type Accrual = Init<typeof FailureAccrualSchema>;
const backoff = { minBackoff: seconds(1), maxBackoff: seconds(60), jitterRatio: 0.5 };
const pause = { minMs: 1000, maxMs: 60_000, jitter: 0.5 };

function accrualPolicy(failureAccrual: Accrual): ClientPolicy {
  return clientPolicy(aPolicy({ case: 'grpc', value: { routes: [], failureAccrual } }));
}

for (const [what, message, expected] of [
  [
    'after failures in a row',
    { kind: { case: 'consecutiveFailures', value: { maxFailures: 7, backoff } } },
    { consecutiveFailures: 7, successRate: undefined, backoff: pause, mayEjectLast: true },
  ],
  ['never', { kind: { case: 'consecutiveFailures', value: { maxFailures: 0, backoff } } }, undefined],
  [
    'by their rate of success, in hundredths of a per cent',
    {
      kind: {
        case: 'unified',
        value: { successRateThreshold: 0.123_45, decay: seconds(5), minRequests: 0, backoff },
      },
    },
    {
      consecutiveFailures: 0,
      successRate: { min: 0.1235, windowMs: 5000, minRequests: 1 },
      backoff: pause,
      mayEjectLast: true,
    },
  ],
  [
    'by either',
    {
      kind: {
        case: 'unified',
        value: { successRateThreshold: 0.5, minRequests: 20, maxConsecutiveFailures: 3, backoff },
      },
    },
    {
      consecutiveFailures: 3,
      successRate: { min: 0.5, windowMs: 10_000, minRequests: 20 },
      backoff: pause,
      mayEjectLast: true,
    },
  ],
  ['by neither', { kind: { case: 'unified', value: { minRequests: 20, backoff } } }, undefined],
] as const satisfies readonly (readonly [string, Accrual, CircuitBreakerConfig | undefined])[]) {
  test(`endpoints are taken out ${what}`, () => {
    const { protocol, misconfiguration } = accrualPolicy(message);
    assert.equal(misconfiguration, undefined);
    assert.ok(protocol.kind === 'grpc');
    assert.deepEqual(protocol.http.failureAccrual, expected);
  });
}

const unified = (value: object): Accrual => ({
  kind: { case: 'unified', value: { backoff, ...value } },
});

for (const [what, message, expected] of [
  ['a kind', {}, 'has no kind'],
  [
    'a back-off',
    { kind: { case: 'consecutiveFailures', value: { maxFailures: 7 } } },
    'consecutive_failures.backoff is missing',
  ],
  ['a back-off', { kind: { case: 'unified', value: {} } }, 'unified.backoff is missing'],
  ...[-0.1, 1.1, Number.NaN].map(
    (successRateThreshold) =>
      [
        `a rate between 0 and 1 (${String(successRateThreshold)})`,
        unified({ successRateThreshold }),
        'unified.success_rate_threshold is not within 0 to 1',
      ] as const,
  ),
  ['a window of at least 10 ms', unified({ decay: milliseconds(9) }), 'unified.decay is below 10 ms'],
  ['a positive window', unified({ decay: seconds(-1) }), 'unified.decay is negative'],
  [
    'at most a million requests',
    unified({ minRequests: 1_000_001 }),
    'unified.min_requests is above 1,000,000',
  ],
] as const satisfies readonly (readonly [string, Accrual, string])[]) {
  test(`not valid: failure accrual without ${what}`, () => {
    const separator = expected === 'has no kind' ? ' ' : '.';
    assert.equal(
      accrualPolicy(message).misconfiguration,
      `protocol.grpc.failure_accrual${separator}${expected}`,
    );
  });
}

// ServiceProfiles from messages of the API: whatever cannot be read is left out, and the rest stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import {
  DestinationProfileSchema,
  type RequestMatchSchema,
  type RetryBudgetSchema,
  type RouteSchema,
} from '../../../src/api/gen/destination_pb.js';
import { fromIpAddress } from '../../../src/api/net-values.js';
import { serviceProfile } from '../../../src/policy/read-service-profile.js';
import type { ProfileRoute, ServiceProfile } from '../../../src/policy/service-profile.js';
import { type Init, milliseconds, seconds } from '../../support/policy-messages.js';

type ProfileInit = Init<typeof DestinationProfileSchema>;
type RouteInit = Init<typeof RouteSchema>;
type BudgetInit = Init<typeof RetryBudgetSchema>;

const everything: Init<typeof RequestMatchSchema> = { match: { case: 'all', value: {} } };

function profileOf(parts: ProfileInit): ServiceProfile {
  return serviceProfile(create(DestinationProfileSchema, parts));
}

function routeOf(parts: RouteInit): ProfileRoute | undefined {
  return profileOf({ routes: [{ condition: everything, ...parts }] }).routes[0];
}

test('an empty profile says nothing', () => {
  assert.deepEqual(profileOf({}), {
    name: undefined,
    routes: [],
    retryBudget: undefined,
    overrides: [],
    opaque: false,
    endpoint: undefined,
    notes: [],
  });
});

for (const [text, expected, noted] of [
  ['Web.shop.svc.cluster.local', 'web.shop.svc.cluster.local', false],
  ['web.shop.svc.cluster.local.', 'web.shop.svc.cluster.local', false],
  ['', undefined, false],
  ['10.0.0.1', undefined, true],
  ['web:80', undefined, true],
  ['a b', undefined, true],
] as const) {
  test(`the name "${text}" is ${expected ?? 'none'}`, () => {
    const { name, notes } = profileOf({ fullyQualifiedName: text });
    assert.deepEqual([name, notes.length > 0], [expected, noted]);
  });
}

test('a profile may be of connections that nobody looks into, and of one endpoint', () => {
  const { opaque, endpoint } = profileOf({
    opaqueProtocol: true,
    endpoint: { addr: { ip: fromIpAddress('10.0.0.9'), port: 4444 }, weight: 1 },
  });
  assert.deepEqual([opaque, endpoint?.address], [true, { ip: '10.0.0.9', port: 4444 }]);
});

test('an endpoint without an address is none', () => {
  assert.equal(profileOf({ endpoint: { weight: 1 } }).endpoint, undefined);
});

test('overrides have weights; those of 0 and those that are no name:port are left out', () => {
  const { overrides, notes } = profileOf({
    dstOverrides: [
      { authority: 'A.shop.svc:80', weight: 9000 },
      { authority: 'b.shop.svc:80', weight: 0 },
      { authority: 'c.shop.svc', weight: 1 },
      { authority: '10.0.0.1:80', weight: 1 },
      { authority: 'd.shop.svc:99999', weight: 1 },
    ],
  });
  assert.deepEqual(overrides, [{ authority: 'a.shop.svc:80', weight: 9000 }]);
  assert.deepEqual(
    notes,
    [2, 3, 4].map((index) => `dst_overrides[${String(index)}].authority is left out: it is not name:port`),
  );
});

const budget = { retryRatio: 0.5, minRetriesPerSecond: 10, ttl: seconds(10) };

for (const [what, message, expected] of [
  ['is taken as it is', budget, { ratio: 0.5, minPerSecond: 10, ttlMs: 10_000 }],
  [
    'may be as large as it gets',
    { retryRatio: 1000, minRetriesPerSecond: 2_147_483_647, ttl: seconds(60) },
    { ratio: 1000, minPerSecond: 2_147_483_647, ttlMs: 60_000 },
  ],
  [
    'may be as small as it gets',
    { retryRatio: 0, minRetriesPerSecond: 0, ttl: seconds(1) },
    { ratio: 0, minPerSecond: 0, ttlMs: 1000 },
  ],
  ['needs a time to live', { retryRatio: 0.5, minRetriesPerSecond: 10 }, undefined],
  ['lives at least a second', { ...budget, ttl: milliseconds(999) }, undefined],
  ['lives at most a minute', { ...budget, ttl: { seconds: 60n, nanos: 1 } }, undefined],
  ['has a ratio of at most 1000', { ...budget, retryRatio: 1000.5 }, undefined],
  ['has a ratio that is not negative', { ...budget, retryRatio: -0.5 }, undefined],
  ['has a ratio that is a number', { ...budget, retryRatio: Number.NaN }, undefined],
  ['has a minimum that fits', { ...budget, minRetriesPerSecond: 2_147_483_648 }, undefined],
] as const satisfies readonly (readonly [string, BudgetInit, ServiceProfile['retryBudget']])[]) {
  test(`a retry budget ${what}`, () => {
    const { retryBudget, notes } = profileOf({ retryBudget: message });
    assert.deepEqual(retryBudget, expected);
    assert.equal(notes.length, expected === undefined ? 1 : 0);
  });
}

test('a route has a time-out, labels, and whether it is tried again', () => {
  const route = routeOf({ timeout: seconds(2), isRetryable: true, metricsLabels: { route: 'GET /a' } });
  assert.deepEqual([route?.timeoutMs, route?.retryable, route?.labels], [2000, true, { route: 'GET /a' }]);
  const bare = routeOf({});
  assert.deepEqual([bare?.timeoutMs, bare?.retryable, bare?.labels], [0, false, {}]);
});

test('a negative time-out is none', () => {
  const { routes, notes } = profileOf({ routes: [{ condition: everything, timeout: seconds(-1) }] });
  assert.equal(routes[0]?.timeoutMs, 0);
  assert.deepEqual(notes, ['routes[0].timeout is left out: it is negative']);
});

test('routes that cannot be read are left out, and the others stay', () => {
  const bad: Init<typeof RequestMatchSchema> = { match: { case: 'path', value: { regex: '(' } } };
  const { routes, notes } = profileOf({
    routes: [
      { metricsLabels: { route: 'without a condition' } },
      { condition: everything, metricsLabels: { route: 'good' } },
      { condition: { match: { case: 'not', value: bad } } },
      { condition: {} },
    ],
  });
  assert.deepEqual(
    routes.map(({ labels }) => labels),
    [{ route: 'good' }],
  );
  assert.deepEqual(notes, [
    'routes[0] is left out: routes[0].condition is missing',
    'routes[2] is left out: routes[2].condition.not.path.regex is not a regular expression: missing closing ): `^($`',
    'routes[3] is left out: routes[3].condition is missing',
  ]);
});

test('a profile cannot be changed', () => {
  const profile = profileOf({ routes: [{ condition: everything }], retryBudget: budget });
  for (const part of [profile, profile.routes, profile.routes[0]?.matches[0], profile.retryBudget]) {
    assert.ok(Object.isFrozen(part));
  }
});

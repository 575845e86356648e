// From plans for addresses to route tables: what ServiceProfiles ask for.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DestinationProfileSchema } from '../../../src/api/gen/destination_pb.js';
import { aHttpRule, type Init, resourceMeta, seconds } from '../../support/policy-messages.js';
import { compiledTable, detecting, entriesOf } from '../../support/policy-tables.js';

const route = { metadata: resourceMeta('HTTPRoute', 'r'), rules: [aHttpRule()] };
const NAME = 'web.shop.svc.cluster.local';
const budget = { retryRatio: 0.5, minRetriesPerSecond: 10, ttl: seconds(10) };
const pathCondition = (regex: string): object => ({ match: { case: 'path', value: { regex } } });
const unbudgeted: Init<typeof DestinationProfileSchema> = {
  fullyQualifiedName: NAME,
  routes: [
    {
      condition: { match: { case: 'any', value: { matches: [pathCondition('/a'), pathCondition('/b')] } } },
      metricsLabels: { route: 'ab' },
      timeout: seconds(2),
      isRetryable: true,
    },
    { condition: pathCondition('/.*'), metricsLabels: { route: 'all' } },
  ],
};

const routed = { ...unbudgeted, retryBudget: budget };

test('routes of a profile stand in their own order, with a default one at the end', () => {
  const { table } = compiledTable(detecting([route], [route]), routed);
  const name = `ServiceProfile.${NAME}:8080`;
  assert.deepEqual(entriesOf(table), [
    `* ^/a$ ${name}.ab`,
    `* ^/b$ ${name}.ab`,
    `* ^/.*$ ${name}.all`,
    `* any ${name}.default`,
  ]);
  assert.ok(table.rules.every(({ kind }) => kind === 'profile'));
});

test('a retryable route of a profile is tried again after failed responses, within the budget', () => {
  const { table, ids } = compiledTable(detecting([], []), routed);
  const [first, second, last] = table.rules;
  assert.deepEqual(first?.timeouts, { requestMs: 0, responseMs: 0, idleMs: 0, headMs: 2000 });
  assert.deepEqual(first.retry, {
    limit: 0,
    statuses: [{ first: 500, last: 599 }],
    grpcCodes: [2, 4, 7, 13, 14, 15],
    timeoutMs: 0,
    maxBodyBytes: 65_536,
    backoff: undefined,
    budget: { ratio: 0.5, minPerSecond: 10, ttlMs: 10_000 },
    responsesOnly: true,
  });
  assert.equal(first.budgetId, ids.budget(`${NAME}:8080`));
  assert.deepEqual([second?.retry, last?.retry], [undefined, undefined]);
});

test('a retryable route of a profile without a budget is not tried again', () => {
  assert.equal(compiledTable(detecting([], []), unbudgeted).table.rules[0]?.retry, undefined);
});

test('a profile with routes leads to the service itself, other connections where the policy says', () => {
  const { table, uses } = compiledTable(detecting([], []), routed);
  const [requests, connections] = uses.map(({ backend, traffic }) => [
    traffic,
    backend.dispatcher.kind === 'balance' ? backend.dispatcher.path : undefined,
  ]);
  assert.deepEqual(requests, ['http', `${NAME}:8080`]);
  assert.deepEqual(connections, ['connections', 'web.shop:80']);
  assert.equal(table.rules[0]?.distribution.backends[0]?.name, 'Service.shop.web:8080');
});

test('overrides of a profile share requests and other connections by weight', () => {
  const { table, uses } = compiledTable(detecting([], []), {
    fullyQualifiedName: NAME,
    dstOverrides: [
      { authority: 'v1.shop.svc.cluster.local:80', weight: 9 },
      { authority: 'v2.example:81', weight: 1 },
    ],
  });
  const expected = [
    ['Service.shop.v1:80', 9],
    ['default.unknown', 1],
  ];
  for (const distribution of [table.rules[0]?.distribution, table.tcp?.distribution]) {
    assert.equal(distribution?.kind, 'random');
    assert.deepEqual(
      distribution.backends.map(({ name, weight }) => [name, weight]),
      expected,
    );
  }
  assert.deepEqual(
    uses.map(({ backend, traffic }) => [
      traffic,
      backend.dispatcher.kind === 'balance' && backend.dispatcher.defaultRttMs,
    ]),
    [
      ['http', 30],
      ['http', 30],
      ['connections', 30],
      ['connections', 30],
    ],
  );
});

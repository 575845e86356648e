// What only policies and profiles put into route tables, on its way to the data plane.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import type { RequestMatchConfig } from '../../../src/config/route-config.js';
import {
  DistributionKind,
  type PutRouteTable,
  PutRouteTableSchema,
  Reason,
  type RequestMatch,
  RouteKind,
} from '../../../src/dataplane/gen/contract_pb.js';
import type { RouteRule, RouteTable, TcpRoute } from '../../../src/routing/route-table.js';
import { routeTableMessage } from '../../../src/routing/route-table-messages.js';
import { aMatch } from '../../support/mesh-configs.js';

const EMPTY: RouteTable = { service: 'web', port: 80, hosts: [], rules: [], tcp: undefined };
const nowhere = { kind: 'empty', backends: [] } as const;

function message(parts: Partial<RouteTable>): PutRouteTable {
  return create(PutRouteTableSchema, routeTableMessage(1, { ...EMPTY, ...parts }));
}

function matchMessage(match: Partial<RequestMatchConfig>): RequestMatch | undefined {
  const entries = [{ match: aMatch(match), rule: 0 }];
  return message({ hosts: [{ host: '', suffix: false, entries }] }).hosts[0]?.entries[0]?.match;
}

const rule: RouteRule = {
  id: 3,
  name: 'r',
  kind: 'profile',
  distribution: nowhere,
  filters: [{ kind: 'invalid', message: 'why' }],
  timeouts: { requestMs: 0, responseMs: 0, idleMs: 0, headMs: 9 },
  retry: {
    limit: 0,
    statuses: [],
    grpcCodes: [15],
    timeoutMs: 0,
    maxBodyBytes: 1,
    backoff: undefined,
    budget: { ratio: 1, minPerSecond: 2, ttlMs: 1000 },
    responsesOnly: true,
  },
  allowRequestOverrides: false,
  failureStatuses: [],
  budgetId: 4,
};

test('a table without a way for other connections, and without a server, has neither', () => {
  const { tcp, tls, server } = message({});
  assert.deepEqual([tcp, tls, server], [undefined, [], undefined]);
});

test('headers are compared as bytes: text as UTF-8, others as they are', () => {
  const match = matchMessage({
    headers: [
      { name: 'a', value: { kind: 'exact', text: 'ä' } },
      { name: 'b', value: { kind: 'bytes', text: 'ff00' } },
      { name: 'c', value: { kind: 'regex', text: 'x' } },
    ],
  });
  assert.deepEqual(
    match?.headers.map(({ name, value }) => [name, value.case, [...Buffer.from(value.value ?? '')]]),
    [
      ['a', 'exact', [0xc3, 0xa4]],
      ['b', 'exact', [0xff, 0]],
      ['c', 'regex', [0x78]],
    ],
  );
});

test('matches hold further ones, and a version of HTTP', () => {
  const match = matchMessage({
    version: 2,
    all: [aMatch({ method: 'GET', none: [aMatch({ method: 'PUT' })] })],
    none: [aMatch({ path: { kind: 'regex', text: '/a' } })],
  });
  assert.equal(match?.httpVersion, 2);
  assert.deepEqual([match.all[0]?.method, match.all[0]?.none[0]?.method], ['GET', 'PUT']);
  assert.deepEqual(match.none[0]?.path, { case: 'pathRegex', value: '/a' });
  assert.equal(matchMessage({})?.httpVersion, 0);
});

test('a rule of a profile has a time-out for heads, and retries of responses only', () => {
  const [sent] = message({ rules: [rule] }).rules;
  assert.deepEqual([sent?.kind, sent?.timeouts?.headMs], [RouteKind.ROUTE_PROFILE, 9]);
  const { maxRetries, responsesOnly, grpcCodes, budget } = sent?.retry ?? {};
  assert.deepEqual([maxRetries, responsesOnly, grpcCodes, budget?.id], [0, true, [15], 4]);
});

test('a filter that nothing passes crosses with its message, a distribution to nowhere as such', () => {
  const [sent] = message({ rules: [rule] }).rules;
  assert.deepEqual(sent?.filters[0]?.kind, { case: 'invalid', value: 'why' });
  assert.equal(sent.distribution?.kind, DistributionKind.DISTRIBUTION_EMPTY);
});

const connections: TcpRoute = { id: 5, name: 't', distribution: nowhere, refusal: undefined };

for (const [refusal, reason] of [
  [undefined, Reason.NONE],
  ['forbidden', Reason.FORBIDDEN],
  ['invalid', Reason.INVALID_POLICY],
] as const) {
  test(`connections may be refused: ${refusal ?? 'not'}`, () => {
    assert.equal(message({ tcp: { ...connections, refusal } }).tcp?.refusal, reason);
  });
}

test('connections of TLS go by the name of the server', () => {
  const { tls } = message({ tls: [{ host: 'a', suffix: true, route: connections }] });
  assert.deepEqual(
    tls.map(({ host, suffix, route }) => [host, suffix, route?.id]),
    [['a', true, 5]],
  );
});

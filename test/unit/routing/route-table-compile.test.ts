// From the routes of a service to the message that the data plane gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import type { ServiceConfig } from '../../../src/config/mesh-config.js';
import type { RouteFilterConfig } from '../../../src/config/route-config.js';
import {
  DistributionKind,
  type PutRouteTable,
  PutRouteTableSchema,
  Reason,
  RouteFilterSchema,
  RouteKind,
} from '../../../src/dataplane/gen/contract_pb.js';
import { compileRouteTable } from '../../../src/routing/route-table-compile.js';
import { RouteTableIds } from '../../../src/routing/route-table-ids.js';
import { routeTableMessage } from '../../../src/routing/route-table-messages.js';
import { aBackend, aMatch, aRoute, aService } from '../../support/mesh-configs.js';

const TARGETS: Readonly<Record<string, number>> = { 'web:80': 1, 'web:81': 2, 'api:80': 3, 'db:5432': 4 };

function compiled(service: ServiceConfig, port = 80, ids = new RouteTableIds()): PutRouteTable {
  const table = compileRouteTable(service, port, {
    ids,
    portsOf: (name) =>
      Object.keys(TARGETS)
        .filter((key) => key.startsWith(`${name}:`))
        .map((key) => Number(key.split(':')[1])),
    targetOf: (name, at) => TARGETS[`${name}:${String(at)}`] ?? 0,
  });
  return create(PutRouteTableSchema, routeTableMessage(9, table));
}

/** `target weight` of each backend of the first rule. */
function backends(table: PutRouteTable): readonly string[] | undefined {
  return table.rules[0]?.distribution?.backends.map(({ targetId, weight }) => `${targetId} ${weight}`);
}

test('a route without backends goes to the port that was connected to', () => {
  const web = aService('web', { routes: [aRoute('all')] });
  assert.deepEqual(backends(compiled(web, 80)), ['1 1']);
  assert.deepEqual(backends(compiled(web, 81)), ['2 1']);
});

test('a backend without a port has the one that was connected to, else its only one', () => {
  const distribution = {
    kind: 'random',
    backends: [aBackend('api', { weight: 9 }), aBackend('db', { weight: 0 }), aBackend('web', { port: 80 })],
  } as const;
  const web = aService('web', { routes: [aRoute('all', { distribution })] });
  assert.deepEqual(backends(compiled(web, 80)), ['3 9', '4 0', '1 1']);
  assert.deepEqual(backends(compiled(web, 81)), ['3 9', '4 0', '1 1']);
});

test('a rule has its kind, name, time-outs, statuses and distribution', () => {
  const [rule] = compiled(
    aService('web', {
      routes: [
        aRoute('rpc', {
          kind: 'grpc',
          timeouts: { requestMs: 1, responseMs: 2, idleMs: 3 },
          allowRequestOverrides: true,
          failureStatuses: [{ first: 400, last: 599 }],
          distribution: { kind: 'first', backends: [] },
        }),
      ],
    }),
  ).rules;
  assert.deepEqual([rule?.kind, rule?.name], [RouteKind.ROUTE_GRPC, 'GRPCRoute.web.rpc']);
  const { requestMs, responseMs, idleMs } = rule?.timeouts ?? {};
  assert.deepEqual([requestMs, responseMs, idleMs], [1, 2, 3]);
  assert.equal(rule?.allowRequestOverrides, true);
  assert.deepEqual(
    rule.failureStatuses.map(({ first, last }) => [first, last]),
    [[400, 599]],
  );
  assert.equal(rule.distribution?.kind, DistributionKind.FIRST_AVAILABLE);
  assert.equal(rule.retry, undefined);
});

test('a retry crosses with its back-off and a budget of its own', () => {
  const retry = {
    limit: 2,
    statuses: [{ first: 500, last: 599 }],
    grpcCodes: [14],
    timeoutMs: 5,
    maxBodyBytes: 65_536,
    backoff: { minMs: 1, maxMs: 2, jitter: 0.5 },
    budget: { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 },
  };
  const web = aService('web', { routes: [aRoute('a', { retry }), aRoute('b', { retry })] });
  const ids = new RouteTableIds();
  const [a, b] = compiled(web, 80, ids).rules.map((rule) => rule.retry);
  assert.deepEqual([a?.maxRetries, a?.maxRequestBytes, a?.timeoutMs, a?.grpcCodes], [2, 65_536n, 5, [14]]);
  assert.deepEqual([a?.backoff?.minMs, a?.backoff?.maxMs, a?.backoff?.jitter], [1, 2, 0.5]);
  assert.deepEqual([a?.budget?.ratio, a?.budget?.minRetriesPerSecond, a?.budget?.ttlMs], [0.2, 10, 10_000]);
  assert.notEqual(a?.budget?.id, b?.budget?.id);
  const [other] = compiled(web, 81, ids).rules;
  assert.equal(other?.retry?.budget?.id, a?.budget?.id);
});

test('each kind of match crosses', () => {
  const [host] = compiled(
    aService('web', {
      routes: [
        aRoute('all', {
          hosts: [{ host: 'web.mesh', suffix: true }],
          matches: [
            aMatch({
              path: { kind: 'exact', text: '/a' },
              method: 'PUT',
              headers: [{ name: 'x', value: { kind: 'regex', text: 'a|b' } }],
              query: [{ name: 'q', value: { kind: 'exact', text: '1' } }],
            }),
            aMatch({ path: { kind: 'regex', text: '/b+' } }),
            aMatch({ grpc: { service: 's', method: '' } }),
            aMatch({ path: { kind: 'prefix', text: '/' } }),
          ],
        }),
      ],
    }),
  ).hosts;
  assert.deepEqual([host?.host, host?.suffix], ['web.mesh', true]);
  assert.deepEqual(
    host?.entries.map(({ match }) => match?.path.case),
    ['pathExact', 'pathRegex', 'grpc', 'pathPrefix'],
  );
  const match = host.entries[0]?.match;
  assert.deepEqual([match?.path.value, match?.method], ['/a', 'PUT']);
  assert.deepEqual(match?.headers[0]?.value, { case: 'regex', value: 'a|b' });
  assert.deepEqual(match.queries[0]?.value, { case: 'exact', value: '1' });
});

for (const [filter, expected] of [
  [
    { kind: 'requestHeaders', add: [{ name: 'a', value: 'b' }], set: [], remove: ['c'] },
    { case: 'requestHeaders', value: { add: [{ name: 'a', value: 'b' }], set: [], remove: ['c'] } },
  ],
  [
    { kind: 'responseHeaders', add: [], set: [{ name: 'a', value: 'b' }], remove: [] },
    { case: 'responseHeaders', value: { add: [], set: [{ name: 'a', value: 'b' }], remove: [] } },
  ],
  [
    {
      kind: 'redirect',
      status: 308,
      scheme: 'https',
      host: undefined,
      port: undefined,
      path: { kind: 'prefix', text: '/b' },
    },
    {
      case: 'redirect',
      value: {
        status: 308,
        scheme: 'https',
        host: '',
        port: 0,
        path: { case: 'replacePrefix', value: '/b' },
      },
    },
  ],
  [
    {
      kind: 'redirect',
      status: 301,
      scheme: undefined,
      host: 'h',
      port: 1,
      path: { kind: 'whole', text: '/c' },
    },
    {
      case: 'redirect',
      value: { status: 301, scheme: '', host: 'h', port: 1, path: { case: 'replacePath', value: '/c' } },
    },
  ],
  [
    { kind: 'fail', numerator: 1, denominator: 3, answer: { kind: 'http', status: 503 }, message: 'm' },
    {
      case: 'inject',
      value: {
        numerator: 1,
        denominator: 3,
        failure: { case: 'http', value: { status: 503, message: 'm' } },
      },
    },
  ],
  [
    { kind: 'fail', numerator: 1, denominator: 1, answer: { kind: 'grpc', code: 14 }, message: '' },
    {
      case: 'inject',
      value: { numerator: 1, denominator: 1, failure: { case: 'grpc', value: { code: 14, message: '' } } },
    },
  ],
] as const satisfies readonly (readonly [RouteFilterConfig, unknown])[]) {
  test(`the filter ${JSON.stringify(filter)} crosses`, () => {
    const distribution = { kind: 'random', backends: [aBackend('api', { filters: [filter] })] } as const;
    const web = aService('web', { routes: [aRoute('all', { filters: [filter], distribution })] });
    const [rule] = compiled(web).rules;
    const wanted = [create(RouteFilterSchema, { kind: expected as never })];
    assert.ok(rule !== undefined);
    assert.deepEqual(rule.filters, wanted);
    assert.deepEqual(rule.distribution?.backends[0]?.filters, wanted);
  });
}

test('without routes for requests, they go to the service itself', () => {
  const table = compiled(
    aService('web', { tcp: { forbid: true, distribution: { kind: 'random', backends: [] } } }),
  );
  assert.deepEqual(
    table.rules.map(({ name }) => name),
    ['default.web.http'],
  );
  assert.deepEqual(backends(table), ['1 1']);
  assert.deepEqual([table.tcp?.refusal, table.tcp?.name], [Reason.FORBIDDEN, 'TCPRoute.web.tcp']);
});

test('without routes for connections, they go to the service itself', () => {
  const { tcp } = compiled(aService('web', { routes: [aRoute('all')] }));
  assert.deepEqual([tcp?.refusal, tcp?.name], [Reason.NONE, 'default.web.tcp']);
  assert.deepEqual(
    tcp?.distribution?.backends.map(({ targetId }) => targetId),
    [1],
  );
});

// From plans for addresses to route tables: what policies ask for.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { HttpRouteSchema, TlsRouteSchema } from '../../../src/api/gen/outbound_pb.js';
import { PolicyIds } from '../../../src/routing/policy-ids.js';
import {
  aBalancer,
  aForward,
  aGrpcRule,
  aHttpRule,
  anHttpPolicy,
  anOpaqueRoute,
  aPolicy,
  aTlsRoute,
  type Init,
  resourceMeta,
  seconds,
} from '../../support/policy-messages.js';
import { accrual, compiledTable, detecting, entriesOf } from '../../support/policy-tables.js';

type RouteInit = Init<typeof HttpRouteSchema>;
const prefix = (value: string): RouteInit['rules'] => [
  aHttpRule({ matches: [{ path: { kind: { case: 'prefix', value } } }] }),
];
const route = (name: string, parts: RouteInit = {}): RouteInit => ({
  metadata: resourceMeta('HTTPRoute', name),
  rules: [aHttpRule()],
  ...parts,
});
const host = (value: string): RouteInit['hosts'] => [{ match: { case: 'exact', value } }];

test('a table belongs to what the policy is of, at the port that was connected to', () => {
  const { table } = compiledTable(anHttpPolicy(aHttpRule()));
  assert.deepEqual([table.service, table.port], ['Service.shop.web', 8080]);
});

test('routes stand in their order of precedence: hosts, then paths, then their own order', () => {
  const { table } = compiledTable(
    aPolicy({
      case: 'http1',
      value: {
        routes: [
          route('short', { rules: prefix('/a') ?? [] }),
          route('any'),
          route('long', { rules: prefix('/a/b') ?? [] }),
          route('host', { hosts: host('web') ?? [] }),
        ],
      },
    }),
  );
  assert.deepEqual(entriesOf(table), [
    'web any HTTPRoute.shop.host',
    '* /a/b HTTPRoute.shop.long',
    '* /a HTTPRoute.shop.short',
    '* any HTTPRoute.shop.any',
  ]);
});

test('rules of one route share its id and stay apart', () => {
  const policy = anHttpPolicy(
    aHttpRule({ timeouts: { request: seconds(1) } }),
    aHttpRule({ timeouts: { request: seconds(2) }, allowL5dRequestHeaders: true }),
  );
  const { rules } = compiledTable(policy).table;
  assert.deepEqual(
    rules.map(({ timeouts, allowRequestOverrides }) => [timeouts.requestMs, allowRequestOverrides]),
    [
      [1000, false],
      [2000, true],
    ],
  );
  assert.equal(rules[0]?.id, rules[1]?.id);
});

test('ids stay when a policy changes', () => {
  const ids = new PolicyIds();
  const [before] = compiledTable(anHttpPolicy(aHttpRule()), undefined, ids).table.rules;
  const [after] = compiledTable(anHttpPolicy(aHttpRule({ allowL5dRequestHeaders: true })), undefined, ids)
    .table.rules;
  assert.equal(after?.id, before?.id);
  assert.equal(after?.distribution.backends[0]?.id, before?.distribution.backends[0]?.id);
});

test('a route that has no rules takes no request', () => {
  assert.deepEqual(
    compiledTable(aPolicy({ case: 'http1', value: { routes: [route('r', { rules: [] })] } })).table.hosts,
    [],
  );
});

test('backends become targets, with what takes endpoints out', () => {
  const { table, uses } = compiledTable(
    aPolicy({
      case: 'http1',
      value: {
        failureAccrual: accrual(7),
        routes: [
          route('r', {
            rules: [
              aHttpRule({
                backends: {
                  kind: {
                    case: 'randomAvailable',
                    value: {
                      backends: [
                        { backend: { backend: aBalancer('a.shop:80') }, weight: 9 },
                        { backend: { backend: aForward(1) }, weight: 1 },
                        {
                          backend: { backend: aBalancer('gone.shop:80', { kind: { case: undefined } }) },
                          weight: 5,
                        },
                      ],
                    },
                  },
                },
              }),
            ],
          }),
        ],
      },
    }),
  );
  const { kind, backends } = table.rules[0]?.distribution ?? {};
  assert.equal(kind, 'random');
  assert.deepEqual(
    backends?.map(({ name, targetId, weight }) => [name, targetId, weight]),
    [
      ['Service.shop.a:80', 1, 9],
      ['Pod.shop.pod-1', 2, 1],
      ['Service.shop.gone:80', 0, 5],
    ],
  );
  assert.deepEqual(
    uses.map(({ traffic, failureAccrual, backend }) => [
      traffic,
      failureAccrual?.consecutiveFailures,
      backend.dispatcher.kind,
    ]),
    [
      ['http', 7, 'balance'],
      ['http', 7, 'forward'],
    ],
  );
});

test('routes that are the same for both versions of HTTP are there once', () => {
  const { table } = compiledTable(detecting([route('r')], [route('r')]));
  assert.deepEqual(entriesOf(table), ['* any HTTPRoute.shop.r']);
});

test('routes that differ are each for one version of HTTP', () => {
  const { table } = compiledTable(
    detecting(
      [route('one', { rules: prefix('/a') ?? [] })],
      [route('two'), route('both', { hosts: host('web') ?? [] })],
    ),
  );
  assert.deepEqual(entriesOf(table), [
    'web any HTTP/2 HTTPRoute.shop.both',
    '* /a HTTP/1 HTTPRoute.shop.one',
    '* any HTTP/2 HTTPRoute.shop.two',
  ]);
});

test('so are routes that differ only in what takes endpoints out', () => {
  const { table, uses } = compiledTable(detecting([route('r')], [route('r')], 7));
  assert.deepEqual(entriesOf(table), ['* any HTTP/1 HTTPRoute.shop.r', '* any HTTP/2 HTTPRoute.shop.r']);
  assert.deepEqual(
    uses.map(({ traffic, failureAccrual }) => [traffic, failureAccrual?.consecutiveFailures]),
    [
      ['http', 7],
      ['http', undefined],
      ['connections', undefined],
    ],
  );
});

test('connections that are not HTTP have a way of their own', () => {
  const { table, uses, ids } = compiledTable(detecting([], []));
  assert.deepEqual(
    [table.tcp?.name, table.tcp?.refusal, table.tcp?.distribution.backends[0]?.targetId],
    ['default.opaq', undefined, 1],
  );
  assert.equal(uses[0]?.traffic, 'connections');
  assert.equal(ids.routeInfo(table.tcp?.id ?? 0)?.kind, 'tcp');
  assert.equal('tls' in table, false);
});

test('without an opaque route connections that are not HTTP have no way', () => {
  assert.equal(compiledTable(aPolicy({ case: 'opaque', value: {} })).table.tcp, undefined);
  assert.equal(compiledTable(anHttpPolicy(aHttpRule())).table.tcp, undefined);
});

const [opaqueRule] = anOpaqueRoute().rules;
const forbidden = { kind: { case: 'forbidden', value: {} } } as const;
const invalid = { kind: { case: 'invalid', value: { message: 'm' } } } as const;

for (const [what, filters, expected] of [
  ['nothing', [], undefined],
  ['forbidden, then invalid', [forbidden, invalid], 'forbidden'],
  ['invalid, then forbidden', [invalid, forbidden], 'invalid'],
  ['unknown', [{}], 'invalid'],
] as const) {
  test(`of the filters of connections the first counts: ${what}`, () => {
    const { table } = compiledTable(
      aPolicy({
        case: 'opaque',
        value: {
          routes: [
            anOpaqueRoute({
              rules: [
                {
                  filters: [...filters],
                  ...(opaqueRule?.backends === undefined ? {} : { backends: opaqueRule.backends }),
                },
              ],
            }),
          ],
        },
      }),
    );
    assert.equal(table.tcp?.refusal, expected);
  });
}

test('a backend of connections with a filter leads nowhere', () => {
  const { table, uses } = compiledTable(
    aPolicy({
      case: 'opaque',
      value: {
        routes: [
          anOpaqueRoute({
            rules: [
              {
                backends: {
                  kind: {
                    case: 'firstAvailable',
                    value: {
                      backends: [
                        { backend: aBalancer('a.shop:80'), filters: [forbidden] },
                        { backend: aBalancer('b.shop:80') },
                      ],
                    },
                  },
                },
              },
            ],
          }),
        ],
      },
    }),
  );
  assert.deepEqual(
    table.tcp?.distribution.backends.map(({ targetId }) => targetId),
    [0, 1],
  );
  assert.equal(uses.length, 1);
});

test('connections of TLS go by the name of the server; of equal names the first counts', () => {
  const sni = (value: string): Init<typeof TlsRouteSchema>['snis'] => [{ match: { case: 'exact', value } }];
  const named = (
    name: string,
    snis: Init<typeof TlsRouteSchema>['snis'] = [],
  ): ReturnType<typeof aTlsRoute> => aTlsRoute({ metadata: resourceMeta('TLSRoute', name), snis });
  const { table, ids } = compiledTable(
    aPolicy({
      case: 'tls',
      value: { routes: [named('a', sni('web')), named('b', sni('web')), named('c'), named('d')] },
    }),
  );
  assert.deepEqual(
    table.tls?.map(({ host: name, suffix, route: tls }) => [name, suffix, tls.name]),
    [
      ['web', false, 'TLSRoute.shop.a'],
      ['', false, 'TLSRoute.shop.c'],
    ],
  );
  assert.equal(ids.routeInfo(table.tls[0]?.route.id ?? 0)?.kind, 'tls');
  assert.equal(table.tcp, undefined);
});

test('a policy for TLS without routes leaves no way', () => {
  const { table } = compiledTable(aPolicy({ case: 'tls', value: {} }));
  assert.deepEqual([table.tls, table.tcp], [[], undefined]);
});

test('a policy with a mistake answers every request with its reason', () => {
  const { table } = compiledTable(aPolicy(undefined));
  assert.deepEqual(table.rules[0]?.filters, [{ kind: 'invalid', message: 'protocol is missing' }]);
  assert.deepEqual(table.rules[0].distribution, { kind: 'empty', backends: [] });
  assert.equal(table.tcp?.refusal, 'invalid');
});

test('rules of gRPC are of that kind', () => {
  const { table } = compiledTable(
    aPolicy({
      case: 'grpc',
      value: { routes: [{ metadata: resourceMeta('GRPCRoute', 'g'), rules: [aGrpcRule()] }] },
    }),
  );
  assert.deepEqual([table.rules[0]?.kind, table.rules[0]?.name], ['grpc', 'GRPCRoute.shop.g']);
});

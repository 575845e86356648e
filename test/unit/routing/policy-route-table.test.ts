// From plans for addresses to route tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { DestinationProfileSchema } from '../../../src/api/gen/destination_pb.js';
import type { HttpRouteSchema, OutboundPolicy, TlsRouteSchema } from '../../../src/api/gen/outbound_pb.js';
import { outboundPlan } from '../../../src/policy/outbound-plan.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import { serviceProfile } from '../../../src/policy/read-service-profile.js';
import { PolicyIds } from '../../../src/routing/policy-ids.js';
import { type BackendUse, planRouteTable } from '../../../src/routing/policy-route-table.js';
import type { RouteTable } from '../../../src/routing/route-table.js';
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

interface Compiled {
  readonly table: RouteTable;
  /** In the order in which targets were asked for; their ids begin with 1. */
  readonly uses: readonly BackendUse[];
  readonly ids: PolicyIds;
}

function compiled(
  policy: OutboundPolicy,
  profile?: Init<typeof DestinationProfileSchema>,
  ids = new PolicyIds(),
): Compiled {
  const plan = outboundPlan({
    address: { ip: '10.96.0.1', port: 8080 },
    policy: { kind: 'known', value: clientPolicy(policy) },
    profile: profile && { kind: 'known', value: serviceProfile(create(DestinationProfileSchema, profile)) },
  });
  assert.ok(plan.kind === 'serve');
  const uses: BackendUse[] = [];
  const table = planRouteTable(plan, 8080, {
    ids,
    targetOf: (use) => uses.push(use),
  });
  return { table, uses, ids };
}

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

function entriesOf({ hosts, rules }: RouteTable): readonly string[] {
  return hosts.flatMap(({ host: name, entries }) =>
    entries.map(({ match, rule }) => {
      const version = match?.version === undefined ? '' : ` HTTP/${String(match.version)}`;
      return `${name || '*'} ${match?.path?.text ?? 'any'}${version} ${rules[rule]?.name ?? ''}`;
    }),
  );
}

test('a table belongs to what the policy is of, at the port that was connected to', () => {
  const { table } = compiled(anHttpPolicy(aHttpRule()));
  assert.deepEqual([table.service, table.port], ['Service.shop.web', 8080]);
});

test('routes stand in their order of precedence: hosts, then paths, then their own order', () => {
  const { table } = compiled(
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
  const { rules } = compiled(policy).table;
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
  const [before] = compiled(anHttpPolicy(aHttpRule()), undefined, ids).table.rules;
  const [after] = compiled(anHttpPolicy(aHttpRule({ allowL5dRequestHeaders: true })), undefined, ids).table
    .rules;
  assert.equal(after?.id, before?.id);
  assert.equal(after?.distribution.backends[0]?.id, before?.distribution.backends[0]?.id);
});

test('a route that has no rules takes no request', () => {
  assert.deepEqual(
    compiled(aPolicy({ case: 'http1', value: { routes: [route('r', { rules: [] })] } })).table.hosts,
    [],
  );
});

const accrual = (maxFailures: number): object => ({
  kind: {
    case: 'consecutiveFailures',
    value: { maxFailures, backoff: { minBackoff: seconds(1), maxBackoff: seconds(2) } },
  },
});

test('backends become targets, with what takes endpoints out', () => {
  const { table, uses } = compiled(
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

function detecting(http1: RouteInit[], http2: RouteInit[], failures = 0): OutboundPolicy {
  return aPolicy({
    case: 'detect',
    value: {
      timeout: seconds(10),
      http1: { routes: http1, ...(failures === 0 ? {} : { failureAccrual: accrual(failures) }) },
      http2: { routes: http2 },
      opaque: { routes: [anOpaqueRoute()] },
    },
  });
}

test('routes that are the same for both versions of HTTP are there once', () => {
  const { table } = compiled(detecting([route('r')], [route('r')]));
  assert.deepEqual(entriesOf(table), ['* any HTTPRoute.shop.r']);
});

test('routes that differ are each for one version of HTTP', () => {
  const { table } = compiled(
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
  const { table, uses } = compiled(detecting([route('r')], [route('r')], 7));
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
  const { table, uses, ids } = compiled(detecting([], []));
  assert.deepEqual(
    [table.tcp?.name, table.tcp?.refusal, table.tcp?.distribution.backends[0]?.targetId],
    ['default.opaq', undefined, 1],
  );
  assert.equal(uses[0]?.traffic, 'connections');
  assert.equal(ids.routeInfo(table.tcp?.id ?? 0)?.kind, 'tcp');
  assert.equal('tls' in table, false);
});

test('without an opaque route connections that are not HTTP have no way', () => {
  assert.equal(compiled(aPolicy({ case: 'opaque', value: {} })).table.tcp, undefined);
  assert.equal(compiled(anHttpPolicy(aHttpRule())).table.tcp, undefined);
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
    const { table } = compiled(
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
  const { table, uses } = compiled(
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
  const { table, ids } = compiled(
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
  const { table } = compiled(aPolicy({ case: 'tls', value: {} }));
  assert.deepEqual([table.tls, table.tcp], [[], undefined]);
});

test('a policy with a mistake answers every request with its reason', () => {
  const { table } = compiled(aPolicy(undefined));
  assert.deepEqual(table.rules[0]?.filters, [{ kind: 'invalid', message: 'protocol is missing' }]);
  assert.deepEqual(table.rules[0].distribution, { kind: 'empty', backends: [] });
  assert.equal(table.tcp?.refusal, 'invalid');
});

test('rules of gRPC are of that kind', () => {
  const { table } = compiled(
    aPolicy({
      case: 'grpc',
      value: { routes: [{ metadata: resourceMeta('GRPCRoute', 'g'), rules: [aGrpcRule()] }] },
    }),
  );
  assert.deepEqual([table.rules[0]?.kind, table.rules[0]?.name], ['grpc', 'GRPCRoute.shop.g']);
});

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
  const { table } = compiled(detecting([route('r')], [route('r')]), routed);
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
  const { table, ids } = compiled(detecting([], []), routed);
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
  assert.equal(compiled(detecting([], []), unbudgeted).table.rules[0]?.retry, undefined);
});

test('a profile with routes leads to the service itself, other connections where the policy says', () => {
  const { table, uses } = compiled(detecting([], []), routed);
  const [requests, connections] = uses.map(({ backend, traffic }) => [
    traffic,
    backend.dispatcher.kind === 'balance' ? backend.dispatcher.path : undefined,
  ]);
  assert.deepEqual(requests, ['http', `${NAME}:8080`]);
  assert.deepEqual(connections, ['connections', 'web.shop:80']);
  assert.equal(table.rules[0]?.distribution.backends[0]?.name, 'Service.shop.web:8080');
});

test('overrides of a profile share requests and other connections by weight', () => {
  const { table, uses } = compiled(detecting([], []), {
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

// A route table as text for people.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { routeTableLines } from '../../../src/cli/route-table-text.js';
import type { RouteConfig } from '../../../src/config/route-config.js';
import type { RouteRule, RouteTable, TcpRoute } from '../../../src/routing/route-table.js';
import { compileRouteTable } from '../../../src/routing/route-table-compile.js';
import { RouteTableIds } from '../../../src/routing/route-table-ids.js';
import { aBackend, aMatch, aRoute, aService } from '../../support/mesh-configs.js';

function lines(...routes: readonly RouteConfig[]): readonly string[] {
  const service = aService('web', {
    routes,
    tcp: { forbid: true, distribution: { kind: 'random', backends: [] } },
  });
  const table = compileRouteTable(service, 80, {
    ids: new RouteTableIds(),
    portsOf: () => [80],
    targetOf: () => 1,
  });
  return routeTableLines({ id: 1, ...table }, '  ');
}

/** What is said of one route. */
function ruleLine(parts: Partial<RouteConfig>): string | undefined {
  return lines(aRoute('r', parts)).find((line) => line.startsWith('  HTTPRoute.web.r: '));
}

test('matches stand in the order in which requests are compared, and lead to routes', () => {
  const told = lines(
    aRoute('all'),
    aRoute('api', {
      hosts: [{ host: 'mesh', suffix: true }],
      matches: [
        aMatch({
          path: { kind: 'prefix', text: '/api' },
          method: 'GET',
          headers: [{ name: 'x', value: { kind: 'exact', text: '1' } }],
          query: [{ name: 'q', value: { kind: 'regex', text: 'a|b' } }],
        }),
        aMatch({ path: { kind: 'exact', text: '/pay' } }),
      ],
    }),
  );
  assert.deepEqual(told, [
    '  requests for *.mesh',
    '    /pay → HTTPRoute.web.api',
    '    GET, prefix /api, header x=1, query q~a|b → HTTPRoute.web.api',
    '  requests for any host',
    '    every request → HTTPRoute.web.all',
    '  HTTPRoute.web.all: to web:80',
    '  HTTPRoute.web.api: to web:80',
    '  TCPRoute.web.tcp (not HTTP): refused',
  ]);
});

for (const [parts, text] of [
  [
    { distribution: { kind: 'random', backends: [aBackend('web', { weight: 9 }), aBackend('v2')] } },
    'to web:80 weight 9, v2:80 weight 1',
  ],
  [{ distribution: { kind: 'first', backends: [aBackend('web'), aBackend('v2')] } }, 'to web:80, else v2:80'],
  [
    { timeouts: { requestMs: 1500, responseMs: 0, idleMs: 60_000 } },
    'to web:80; request time-out 1s500ms; idle time-out 1m',
  ],
  [
    {
      retry: {
        limit: 2,
        statuses: [{ first: 502, last: 504 }],
        grpcCodes: [14],
        timeoutMs: 0,
        maxBodyBytes: 0,
        backoff: undefined,
        budget: undefined,
      },
    },
    'to web:80; retry 2 after 502-504, unavailable',
  ],
  [
    {
      filters: [
        { kind: 'requestHeaders', add: [], set: [{ name: 'a', value: 'b' }], remove: ['c'] },
        { kind: 'fail', numerator: 1, denominator: 8, answer: { kind: 'http', status: 503 }, message: '' },
      ],
    },
    'request headers set a, remove c; fail 12.5 % with 503; to web:80',
  ],
  [
    {
      allowRequestOverrides: true,
      failureStatuses: [{ first: 404, last: 404 }],
    },
    'to web:80; requests may override; failures are 404',
  ],
] as const satisfies readonly (readonly [Partial<RouteConfig>, string])[]) {
  test(`a route says: ${text}`, () => {
    assert.equal(ruleLine(parts), `  HTTPRoute.web.r: ${text}`);
  });
}

test('calls of gRPC are told by service and method', () => {
  const [, line] = lines(
    aRoute('rpc', { kind: 'grpc', matches: [aMatch({ grpc: { service: 'shop.Cart', method: '' } })] }),
  );
  assert.equal(line, '    gRPC shop.Cart/* → GRPCRoute.web.rpc');
});

/** What is said of a table that no mesh file can ask for. */
function linesOf(parts: Partial<RouteTable>): readonly string[] {
  const empty = { id: 1, service: 'web', port: 80, hosts: [], rules: [], tcp: undefined };
  return routeTableLines({ ...empty, ...parts }, '');
}

test('further matches, versions and headers that are not text are told', () => {
  const match = aMatch({
    version: 2,
    headers: [{ name: 'x', value: { kind: 'bytes', text: 'ff' } }],
    all: [aMatch({ method: 'GET' })],
    none: [aMatch({ path: { kind: 'regex', text: '/a' } })],
  });
  const lines = linesOf({ hosts: [{ host: '', suffix: false, entries: [{ match, rule: 0 }] }] });
  assert.equal(lines[1], '  HTTP/2, header x=0xff, (GET), not (regex /a) → ?');
});

test('a rule of a profile that refuses says what it would do', () => {
  const rule: RouteRule = {
    id: 1,
    name: 'p',
    kind: 'profile',
    distribution: { kind: 'empty', backends: [] },
    filters: [{ kind: 'invalid', message: 'why' }],
    timeouts: { requestMs: 0, responseMs: 0, idleMs: 0, headMs: 1000 },
    retry: {
      limit: 0,
      statuses: [{ first: 500, last: 599 }],
      grpcCodes: [],
      timeoutMs: 0,
      maxBodyBytes: 0,
      backoff: undefined,
      budget: undefined,
      responsesOnly: true,
    },
    allowRequestOverrides: false,
    failureStatuses: [],
    budgetId: 0,
  };
  assert.deepEqual(linesOf({ rules: [rule] }), [
    'p: refuse everything: why; to nowhere; response head time-out 1s; retry within the budget after 500-599',
  ]);
});

test('connections of TLS are told by the names of their servers', () => {
  const route: TcpRoute = {
    id: 1,
    name: 't',
    distribution: {
      kind: 'first',
      backends: [{ id: 1, name: 'web:80', targetId: 1, weight: 1, filters: [] }],
    },
    refusal: undefined,
  };
  const tls = [
    { host: 'a.b', suffix: true, route },
    { host: '', suffix: false, route: { ...route, refusal: 'forbidden' } },
  ] as const;
  assert.deepEqual(linesOf({ tls }), ['*.a.b: to web:80', 'any server name: refused']);
});

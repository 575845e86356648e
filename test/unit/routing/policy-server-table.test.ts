// From policies of inbound ports to route tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { type AuthzSchema, ServerSchema } from '../../../src/api/gen/inbound_pb.js';
import { fromIpAddress } from '../../../src/api/net-values.js';
import { ClientAuthentication, PutRouteTableSchema } from '../../../src/dataplane/gen/contract_pb.js';
import { defaultServerPolicy } from '../../../src/policy/default-server-policy.js';
import { serverPolicy } from '../../../src/policy/read-server-policy.js';
import { PolicyIds } from '../../../src/routing/policy-ids.js';
import { serverRouteTable } from '../../../src/routing/policy-server-table.js';
import type { RouteTable } from '../../../src/routing/route-table.js';
import { routeTableMessage } from '../../../src/routing/route-table-messages.js';
import { builtInMeta, type Init, resourceMeta, seconds } from '../../support/policy-messages.js';

type ServerInit = Init<typeof ServerSchema>;
type Kind = Exclude<ServerInit['protocol'], undefined>['kind'];
type AuthzInit = Init<typeof AuthzSchema>;

const TARGET = 7;

const allow = (name: string): AuthzInit => ({
  networks: [{ net: { ip: fromIpAddress('10.0.0.0'), prefixLen: 8 } }],
  authentication: { permit: { case: 'unauthenticated', value: {} } },
  metadata: builtInMeta(name),
});

function compiled(kind: Kind, ids = new PolicyIds()): RouteTable {
  const policy = serverPolicy(
    create(ServerSchema, {
      labels: { name: 'web' },
      authorizations: [allow('server')],
      ...(kind === undefined ? {} : { protocol: { kind } }),
    }),
  );
  return serverRouteTable(policy, 8080, TARGET, ids);
}

/** Names of those who are asked for each rule, and for connections that are not HTTP. */
function asked(table: RouteTable): readonly unknown[] {
  const names = (indexes: readonly number[] = []): readonly (string | undefined)[] =>
    indexes.map((index) => table.server?.authorizations[index]?.name);
  return [table.rules.map(({ authorizations }) => names(authorizations)), names(table.tcp?.authorizations)];
}

const LOCALHOST = 'default.localhost';

test('a table belongs to the server, which has an id and a name', () => {
  const ids = new PolicyIds();
  const { service, port, server } = compiled({ case: 'opaque', value: {} }, ids);
  assert.deepEqual([service, port, server?.name], ['server.web', 8080, 'server/web']);
  assert.equal(ids.resourceInfo(server?.id ?? 0)?.name, 'web');
});

test('routes stand in their order of precedence, and all lead to the application', () => {
  const table = compiled({
    case: 'http1',
    value: {
      routes: [
        { metadata: builtInMeta('any'), rules: [{}] },
        {
          metadata: builtInMeta('exact'),
          authorizations: [allow('own')],
          rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/a' } } }] }],
        },
      ],
    },
  });
  assert.deepEqual(
    table.hosts.flatMap(({ entries }) => entries.map(({ rule }) => table.rules[rule]?.name)),
    ['default.exact', 'default.any'],
  );
  assert.deepEqual(
    table.rules.map(({ distribution }) => distribution.backends.map(({ targetId }) => targetId)),
    [[TARGET], [TARGET]],
  );
  assert.deepEqual(asked(table), [
    [
      ['default.server', LOCALHOST],
      ['default.own', 'default.server', LOCALHOST],
    ],
    [],
  ]);
  assert.equal(table.server?.authorizations.length, 3);
});

test('where only HTTP is served nothing else has a way', () => {
  for (const kind of ['http1', 'http2', 'grpc'] as const) {
    assert.equal(compiled({ case: kind, value: {} }).tcp, undefined);
  }
});

test('with detection connections are asked as requests are', () => {
  const table = compiled({ case: 'detect', value: { timeout: seconds(1) } });
  assert.deepEqual(asked(table), [[['default.server', LOCALHOST]], ['default.server', LOCALHOST]]);
  assert.equal(table.tcp?.distribution.backends[0]?.targetId, TARGET);
});

test('opaque connections and those of TLS have no routes', () => {
  for (const kind of ['opaque', 'tls'] as const) {
    const table = compiled({ case: kind, value: {} });
    assert.deepEqual([table.hosts, asked(table)], [[], [[], ['default.server', LOCALHOST]]]);
  }
});

test('nobody is allowed where everything is denied', () => {
  const policy = defaultServerPolicy({
    name: 'deny',
    clusterNetworks: [],
    detectTimeoutMs: 1,
    opaque: false,
  });
  const table = serverRouteTable(policy, 80, TARGET, new PolicyIds());
  assert.deepEqual([asked(table), table.server?.authorizations], [[[], []], []]);
});

test('an authorization that no client can meet is not asked', () => {
  const nobody: AuthzInit = {
    ...allow('nobody'),
    authentication: {
      permit: { case: 'meshTLS', value: { clients: { case: 'identities', value: {} } } },
    },
  };
  const route = { metadata: builtInMeta('r'), authorizations: [nobody], rules: [{}] };
  assert.deepEqual(asked(compiled({ case: 'http1', value: { routes: [route] } })), [
    [['default.server', LOCALHOST]],
    [],
  ]);
});

test('a policy with a mistake allows nobody to routes that refuse', () => {
  const table = compiled(undefined);
  assert.deepEqual(asked(table), [[[]], []]);
  assert.deepEqual(table.rules[0]?.filters, [{ kind: 'invalid', message: 'protocol is missing' }]);
});

test('ids of routes, servers and authorizations stay when a policy changes', () => {
  const ids = new PolicyIds();
  const before = compiled({ case: 'http1', value: {} }, ids);
  const after = compiled({ case: 'detect', value: { timeout: seconds(1) } }, ids);
  assert.equal(after.server?.id, before.server?.id);
  assert.equal(after.rules[0]?.id, before.rules[0]?.id);
  assert.deepEqual(
    after.server?.authorizations.map(({ id }) => id),
    before.server?.authorizations.map(({ id }) => id),
  );
});

test('what is asked of clients crosses whole', () => {
  const policy = serverPolicy(
    create(ServerSchema, {
      labels: { name: 'web' },
      authorizations: [
        {
          networks: [
            {
              net: { ip: fromIpAddress('10.0.0.0'), prefixLen: 8 },
              except: [{ ip: fromIpAddress('10.1.0.0'), prefixLen: 16 }],
            },
          ],
          authentication: {
            permit: {
              case: 'meshTLS',
              value: {
                clients: {
                  case: 'identities',
                  value: { identities: [{ name: 'a' }], suffixes: [{ parts: ['b', 'c'] }] },
                },
              },
            },
          },
          metadata: builtInMeta('audit'),
        },
        {
          ...allow('tls'),
          authentication: {
            permit: { case: 'meshTLS', value: { clients: { case: 'unauthenticated', value: {} } } },
          },
        },
      ],
      protocol: {
        kind: {
          case: 'http2',
          value: {
            localRateLimit: {
              metadata: resourceMeta('HTTPLocalRateLimitPolicy', 'l'),
              total: { requestsPerSecond: 100 },
              identity: { requestsPerSecond: 10 },
              overrides: [{ limit: { requestsPerSecond: 20 }, clients: { identities: [{ name: 'a' }] } }],
            },
          },
        },
      },
    }),
  );
  const ids = new PolicyIds();
  const { server, rules, tcp } = create(
    PutRouteTableSchema,
    routeTableMessage(1, serverRouteTable(policy, 80, TARGET, ids)),
  );
  assert.equal(tcp, undefined);
  assert.deepEqual(rules[0]?.authorizations, [0, 1, 2]);
  const [audit, tls, localhost] = server?.authorizations ?? [];
  assert.deepEqual(
    [audit?.name, audit?.audit, audit?.authentication],
    ['default.audit', true, ClientAuthentication.IDENTITY],
  );
  assert.deepEqual([audit?.identities, audit?.identitySuffixes], [['a'], ['b.c']]);
  const [network] = audit?.networks ?? [];
  assert.deepEqual([[...(network?.network?.ip ?? [])], network?.network?.prefixLength], [[10, 0, 0, 0], 8]);
  assert.deepEqual(
    network?.except.map(({ ip, prefixLength }) => [[...ip], prefixLength]),
    [[[10, 1, 0, 0], 16]],
  );
  assert.deepEqual([tls?.authentication, tls?.audit], [ClientAuthentication.MESH_TLS, false]);
  assert.equal(localhost?.authentication, ClientAuthentication.ANYONE);
  assert.equal(localhost.networks.length, 2);
  assert.deepEqual(
    [audit?.id, tls?.id].map((id) => ids.resourceInfo(id ?? 0)?.name),
    ['audit', 'tls'],
  );
  const { rateLimit } = server ?? {};
  assert.deepEqual([rateLimit?.totalPerSecond, rateLimit?.identityPerSecond], [100, 10]);
  assert.deepEqual(
    rateLimit?.overrides.map(({ perSecond, identities }) => [perSecond, identities]),
    [[20, ['a']]],
  );
  assert.equal(ids.resourceInfo(rateLimit.id)?.name, 'l');
});

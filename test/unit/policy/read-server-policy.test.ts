// Policies of inbound ports, from messages of the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { type AuthzSchema, type NetworkSchema, ServerSchema } from '../../../src/api/gen/inbound_pb.js';
import { fromIpAddress } from '../../../src/api/net-values.js';
import { serverPolicy } from '../../../src/policy/read-server-policy.js';
import type { ServerAuthorization, ServerPolicy, ServerRoute } from '../../../src/policy/server-policy.js';
import { builtInMeta, type Init, resourceMeta, seconds } from '../../support/policy-messages.js';

type ServerInit = Init<typeof ServerSchema>;
type Kind = Exclude<ServerInit['protocol'], undefined>['kind'];
type AuthzInit = Init<typeof AuthzSchema>;

const network = (ip: string, prefixLen: number): Init<typeof NetworkSchema> => ({
  net: { ip: fromIpAddress(ip), prefixLen },
});

const unnamed: AuthzInit = {
  networks: [network('10.0.0.0', 8)],
  authentication: { permit: { case: 'unauthenticated', value: {} } },
};
const anybody: AuthzInit = { ...unnamed, metadata: builtInMeta('all') };

function policyOf(parts: ServerInit): ServerPolicy {
  return serverPolicy(
    create(ServerSchema, {
      labels: { name: 'web' },
      protocol: { kind: { case: 'opaque', value: {} } },
      ...parts,
    }),
  );
}

function protocolOf(kind: Kind, authorizations: readonly AuthzInit[] = []): ServerPolicy['protocol'] {
  const { protocol, misconfiguration } = policyOf({
    ...(kind === undefined ? {} : { protocol: { kind } }),
    authorizations: [...authorizations],
  });
  assert.equal(misconfiguration, undefined);
  return protocol;
}

function mistakeOf(parts: ServerInit): string | undefined {
  return policyOf(parts).misconfiguration;
}

function names(authorizations: readonly ServerAuthorization[] | undefined): readonly string[] | undefined {
  return authorizations?.map(({ meta }) => meta.name);
}

for (const [what, labels, expected] of [
  ['a name', { name: 'web' }, ['policy.linkerd.io', 'server', 'web']],
  ['a group and a kind', { group: 'g', kind: 'k', name: 'web' }, ['g', 'k', 'web']],
  ['the built-in kind', { group: '', kind: 'default', name: 'deny' }, ['', 'default', 'deny']],
  ['an older built-in name', { name: 'default:all-unauthenticated' }, ['', 'default', 'all-unauthenticated']],
] as const) {
  test(`labels of a server may have ${what}`, () => {
    const { group, kind, name } = policyOf({ labels }).meta;
    assert.deepEqual([group, kind, name], expected);
  });
}

test('whatever a policy says, the workload itself is allowed, last', () => {
  const protocol = protocolOf({ case: 'opaque', value: {} }, [anybody]);
  assert.ok(protocol.kind === 'opaque');
  assert.deepEqual(names(protocol.connections), ['all', 'localhost']);
  assert.deepEqual(protocol.connections[1], {
    meta: { group: '', kind: 'default', namespace: '', name: 'localhost', port: '', section: '' },
    networks: [
      { network: { ip: '127.0.0.1', prefixLength: 32 }, except: [] },
      { network: { ip: '::1', prefixLength: 128 }, except: [] },
    ],
    authentication: { kind: 'anyone' },
    audit: false,
  });
});

test('detection has a time-out, and asks the same of connections that are not HTTP', () => {
  const protocol = protocolOf({ case: 'detect', value: { timeout: seconds(3) } }, [anybody]);
  assert.ok(protocol.kind === 'detect');
  assert.deepEqual([protocol.timeoutMs, names(protocol.connections)], [3000, ['all', 'localhost']]);
});

const withoutRoutes: readonly Exclude<Kind, undefined>[] = [
  { case: 'detect', value: { timeout: seconds(1) } },
  { case: 'http1', value: {} },
  { case: 'http2', value: {} },
  { case: 'grpc', value: {} },
];

for (const kind of withoutRoutes) {
  test(`${String(kind.case)} without routes has one for every request, which asks what the server asks`, () => {
    const protocol = protocolOf(kind, [anybody]);
    assert.ok('routes' in protocol);
    assert.deepEqual(
      protocol.routes.map(({ meta, hosts, rules, authorizations }) => [
        meta.name,
        hosts,
        rules,
        names(authorizations),
      ]),
      [['default', [], [{ matches: [], filters: [] }], ['all', 'localhost']]],
    );
  });
}

test('TLS and opaque connections are asked, too', () => {
  const protocol = protocolOf({ case: 'tls', value: {} });
  assert.ok(protocol.kind === 'tls');
  assert.deepEqual(names(protocol.connections), ['localhost']);
});

function routeOf(kind: Kind): ServerRoute | undefined {
  const protocol = protocolOf(kind, [anybody]);
  assert.ok('routes' in protocol);
  return protocol.routes[0];
}

test("a route of HTTP has hosts, matches and filters; its own authorizations come before the server's", () => {
  const route = routeOf({
    case: 'http1',
    value: {
      routes: [
        {
          metadata: resourceMeta('HTTPRoute', 'main'),
          hosts: [{ match: { case: 'exact', value: 'web' } }],
          authorizations: [{ ...anybody, metadata: builtInMeta('own') }],
          rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/a' } } }], filters: [{}] }],
        },
      ],
    },
  });
  assert.deepEqual(
    [route?.kind, route?.meta.name, route?.hosts],
    ['http', 'main', [{ host: 'web', suffix: false }]],
  );
  assert.deepEqual(names(route?.authorizations), ['own', 'all', 'localhost']);
  assert.equal(route?.rules[0]?.matches[0]?.path?.text, '/a');
  assert.deepEqual(route.rules[0].filters, [{ kind: 'invalid', message: 'unknown filter type' }]);
});

test('a route of gRPC matches calls', () => {
  const rpc = { service: 's', method: 'm' };
  const route = routeOf({
    case: 'grpc',
    value: { routes: [{ metadata: builtInMeta('r'), rules: [{ matches: [{ rpc }] }] }] },
  });
  assert.deepEqual([route?.kind, route?.rules[0]?.matches[0]?.grpc], ['grpc', rpc]);
});

function authorizationOf(parts: AuthzInit): ServerAuthorization | undefined {
  const protocol = protocolOf({ case: 'opaque', value: {} }, [{ ...anybody, ...parts }]);
  return protocol.kind === 'opaque' ? protocol.connections[0] : undefined;
}

test('an authorization has networks with exceptions', () => {
  const { net } = network('fd00::', 8);
  const { net: except } = network('fd00:1::', 32);
  const networks: AuthzInit['networks'] = [
    { ...(net === undefined ? {} : { net }), except: except === undefined ? [] : [except] },
  ];
  assert.deepEqual(authorizationOf({ networks })?.networks, [
    {
      network: { ip: 'fd00::', prefixLength: 8 },
      except: [{ ip: 'fd00:1::', prefixLength: 32 }],
    },
  ]);
});

for (const [what, permit, expected] of [
  ['anybody', { case: 'unauthenticated', value: {} }, { kind: 'anyone' }],
  [
    'anybody with TLS of the mesh',
    { case: 'meshTLS', value: { clients: { case: 'unauthenticated', value: {} } } },
    { kind: 'meshTls' },
  ],
  [
    'some by name, or by the end of it',
    {
      case: 'meshTLS',
      value: {
        clients: {
          case: 'identities',
          value: { identities: [{ name: 'a.b' }, {}], suffixes: [{ parts: ['ns', 'mesh'] }, {}] },
        },
      },
    },
    { kind: 'identity', identities: ['a.b'], suffixes: ['ns.mesh', ''] },
  ],
] as const) {
  test(`an authorization may allow ${what}`, () => {
    const authentication = { permit } as unknown as Exclude<AuthzInit['authentication'], undefined>;
    assert.deepEqual(authorizationOf({ authentication })?.authentication, expected);
  });
}

test('an authorization is named by metadata, else by labels', () => {
  const meta = authorizationOf({
    metadata: resourceMeta('authorizationpolicy', 'a'),
    labels: { name: 'b' },
  })?.meta;
  assert.deepEqual([meta?.kind, meta?.name], ['authorizationpolicy', 'a']);
  const protocol = protocolOf({ case: 'opaque', value: {} }, [{ ...unnamed, labels: { name: 'b' } }]);
  assert.ok(protocol.kind === 'opaque');
  const older = protocol.connections[0]?.meta;
  assert.deepEqual(
    [older?.group, older?.kind, older?.name],
    ['policy.linkerd.io', 'serverauthorization', 'b'],
  );
});

test('what the built-in policy audit allows is logged', () => {
  assert.equal(authorizationOf({ metadata: builtInMeta('audit') })?.audit, true);
  assert.equal(authorizationOf({ metadata: resourceMeta('Audit', 'audit') })?.audit, false);
});

const identities = (...values: readonly string[]): { identities: { name: string }[] } => ({
  identities: values.map((name) => ({ name })),
});

test('a rate limit has a total, one for each client, and exceptions', () => {
  const protocol = protocolOf({
    case: 'http2',
    value: {
      localRateLimit: {
        metadata: resourceMeta('HTTPLocalRateLimitPolicy', 'l'),
        total: { requestsPerSecond: 100 },
        identity: { requestsPerSecond: 10 },
        overrides: [
          { limit: { requestsPerSecond: 20 }, clients: identities('a', 'b', 'a', '') },
          { limit: { requestsPerSecond: 30 }, clients: identities('b', 'c') },
          { limit: { requestsPerSecond: 0 }, clients: identities('c') },
          { clients: identities('d') },
          { limit: { requestsPerSecond: 40 } },
        ],
      },
    },
  });
  assert.ok(protocol.kind === 'http2');
  const { meta, ...limits } = protocol.rateLimit ?? {};
  assert.equal(meta?.name, 'l');
  assert.deepEqual(limits, {
    total: 100,
    perIdentity: 10,
    overrides: [
      { perSecond: 20, identities: ['a'] },
      { perSecond: 30, identities: ['b', 'c'] },
    ],
  });
});

test('a rate limit that limits nothing is none', () => {
  const localRateLimit = { metadata: builtInMeta('l'), total: { requestsPerSecond: 0 } };
  const protocol = protocolOf({ case: 'http1', value: { localRateLimit } });
  assert.ok(protocol.kind === 'http1');
  assert.equal(protocol.rateLimit, undefined);
});

const withSecond = (parts: AuthzInit): ServerInit => ({
  authorizations: [anybody, { ...anybody, ...parts }],
});
const http = (route: object): ServerInit => ({
  protocol: { kind: { case: 'http1', value: { routes: [{ metadata: builtInMeta('r'), ...route }] } } },
});

for (const [what, parts, expected] of [
  ['a name', { labels: { kind: 'server' } }, 'labels[name] is missing'],
  ['a protocol', { protocol: {} }, 'protocol is missing'],
  [
    'a time-out of detection',
    { protocol: { kind: { case: 'detect', value: {} } } },
    'protocol.detect.timeout is missing',
  ],
  ['networks of an authorization', withSecond({ networks: [] }), 'authorizations[1].networks is empty'],
  [
    'a network in its place',
    withSecond({ networks: [{}] }),
    'authorizations[1].networks[0].net is no network',
  ],
  [
    'a network as an exception',
    withSecond({ networks: [{ ...network('10.0.0.0', 8), except: [{ prefixLen: 1 }] }] }),
    'authorizations[1].networks[0].except[0] is no network',
  ],
  [
    'authentication',
    { authorizations: [{ networks: [network('10.0.0.0', 8)], metadata: builtInMeta('a') }] },
    'authorizations[0].authentication is missing',
  ],
  [
    'a kind of authentication',
    withSecond({ authentication: {} }),
    'authorizations[1].authentication is missing',
  ],
  [
    'clients of TLS',
    withSecond({ authentication: { permit: { case: 'meshTLS', value: {} } } }),
    'authorizations[1].authentication.meshTLS has no clients',
  ],
  ['a name of an authorization', { authorizations: [unnamed] }, 'authorizations[0].labels[name] is missing'],
  [
    'a kind of metadata of an authorization',
    withSecond({ metadata: {} }),
    'authorizations[1].metadata is missing',
  ],
  [
    'metadata of a route',
    { protocol: { kind: { case: 'http2', value: { routes: [{}] } } } },
    'protocol.http2.routes[0].metadata is missing',
  ],
  [
    'metadata of a route of gRPC',
    { protocol: { kind: { case: 'grpc', value: { routes: [{}] } } } },
    'protocol.grpc.routes[0].metadata is missing',
  ],
  [
    'valid authorizations of a route',
    http({ authorizations: [{ ...anybody, networks: [] }] }),
    'protocol.http1.routes[0].authorizations[0].networks is empty',
  ],
  ['a valid host', http({ hosts: [{}] }), 'protocol.http1.routes[0].hosts[0] has no match'],
  [
    'a valid match',
    http({ rules: [{ matches: [{ path: {} }] }] }),
    'protocol.http1.routes[0].rules[0].matches[0].path has no match',
  ],
  [
    'a valid filter',
    http({ rules: [{ filters: [{ kind: { case: 'redirect', value: { status: 1 } } }] }] }),
    'protocol.http1.routes[0].rules[0].filters[0].redirect.status is no redirection',
  ],
  [
    'a kind of metadata of a rate limit',
    {
      protocol: {
        kind: { case: 'detect', value: { timeout: seconds(1), httpLocalRateLimit: { metadata: {} } } },
      },
    },
    'protocol.detect.http_local_rate_limit.metadata is missing',
  ],
] as const satisfies readonly (readonly [string, ServerInit, string])[]) {
  test(`not valid: a policy without ${what}`, () => {
    assert.equal(mistakeOf(parts), expected);
  });
}

test('a policy with a mistake allows nobody, and says why', () => {
  const { meta, protocol, misconfiguration } = policyOf({ protocol: {} });
  assert.deepEqual([meta.kind, meta.name, misconfiguration], ['default', 'invalid', 'protocol is missing']);
  assert.ok(protocol.kind === 'detect');
  assert.deepEqual(protocol.connections, []);
  assert.deepEqual(
    protocol.routes.map(({ authorizations, rules }) => [authorizations, rules]),
    [[[], [{ matches: [], filters: [{ kind: 'invalid', message: 'protocol is missing' }] }]]],
  );
});

test('a server all of whose routes are for hosts that no request has takes no request', () => {
  const protocol = protocolOf({
    case: 'http1',
    value: { routes: [{ metadata: builtInMeta('r'), hosts: [{ match: { case: 'exact', value: 'a b' } }] }] },
  });
  assert.ok(protocol.kind === 'http1');
  assert.deepEqual(protocol.routes, []);
});

test('a policy cannot be changed', () => {
  const policy = policyOf({ authorizations: [anybody] });
  assert.ok(policy.protocol.kind === 'opaque');
  for (const part of [policy, policy.protocol.connections, policy.protocol.connections[0]?.networks[0]]) {
    assert.ok(Object.isFrozen(part));
  }
});

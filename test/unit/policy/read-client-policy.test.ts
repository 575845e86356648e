// Policies for outbound traffic: protocols, routes as wholes, and the policy that stands for a mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { OutboundPolicySchema, type TlsRouteSchema } from '../../../src/api/gen/outbound_pb.js';
import type { ClientPolicy } from '../../../src/policy/client-policy.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import {
  aGrpcPolicy,
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

type Kind = Exclude<Init<typeof OutboundPolicySchema>['protocol'], undefined>['kind'];

/** What is wrong with it; undefined: nothing. */
function mistake(kind: Kind): string | undefined {
  return clientPolicy(aPolicy(kind)).misconfiguration;
}

function kindOf(kind: Kind): ClientPolicy['protocol'] {
  const { protocol, misconfiguration } = clientPolicy(aPolicy(kind));
  assert.equal(misconfiguration, undefined);
  return protocol;
}

const httpRoute = { metadata: resourceMeta('HTTPRoute', 'main'), rules: [aHttpRule()] };

test('a policy belongs to what its metadata says', () => {
  assert.deepEqual(clientPolicy(anHttpPolicy(aHttpRule())).meta, {
    group: 'core',
    kind: 'Service',
    namespace: 'shop',
    name: 'web',
    port: '80',
    section: '',
  });
});

for (const version of ['http1', 'http2'] as const) {
  test(`${version} has its routes`, () => {
    const protocol = kindOf({ case: version, value: { routes: [httpRoute] } });
    assert.ok(protocol.kind === version);
    assert.deepEqual(
      protocol.http.routes.map(({ kind, meta, rules }) => [kind, meta.name, rules.length]),
      [['http', 'main', 1]],
    );
  });
}

test('detection has routes for each version of HTTP and one for other connections', () => {
  const protocol = kindOf({
    case: 'detect',
    value: {
      timeout: seconds(10),
      http1: { routes: [httpRoute] },
      http2: { routes: [httpRoute, httpRoute] },
      opaque: { routes: [anOpaqueRoute()] },
    },
  });
  assert.ok(protocol.kind === 'detect');
  const { http1, http2, opaque } = protocol;
  assert.deepEqual([http1.routes.length, http2.routes.length, opaque?.meta.name], [1, 2, 'opaq']);
});

test('gRPC has its routes, whose rules match calls', () => {
  const rpc = { service: 'shop.Cart', method: 'Add' };
  const { protocol } = clientPolicy(aGrpcPolicy(aGrpcRule({ matches: [{ rpc }] })));
  assert.ok(protocol.kind === 'grpc');
  const [route] = protocol.http.routes;
  assert.deepEqual([route?.kind, route?.rules[0]?.matches[0]?.grpc], ['grpc', rpc]);
});

test('an opaque policy may have no route', () => {
  assert.deepEqual(kindOf({ case: 'opaque', value: {} }), { kind: 'opaque', opaque: undefined });
});

test('a route for TLS has names of servers', () => {
  const snis: Init<typeof TlsRouteSchema>['snis'] = [
    { match: { case: 'suffix', value: { reverseLabels: ['com', 'example'] } } },
  ];
  const protocol = kindOf({ case: 'tls', value: { routes: [aTlsRoute({ snis })] } });
  assert.ok(protocol.kind === 'tls');
  assert.deepEqual(protocol.routes[0]?.hosts, [{ host: 'example.com', suffix: true }]);
});

const detect = { timeout: seconds(10), http1: {}, http2: {}, opaque: {} };
const opaqueRule = anOpaqueRoute().rules[0] ?? {};
const tlsRule = aTlsRoute().rules[0] ?? {};

for (const [what, kind, expected] of [
  ['a policy without a protocol', undefined, 'protocol is missing'],
  ['a protocol of an unknown kind', { case: undefined }, 'protocol is missing'],
  [
    'detection without a time-out',
    { case: 'detect', value: { http1: {}, http2: {}, opaque: {} } },
    'protocol.detect.timeout is missing',
  ],
  [
    'detection with a negative time-out',
    { case: 'detect', value: { ...detect, timeout: seconds(-1) } },
    'protocol.detect.timeout is negative',
  ],
  [
    'detection without HTTP/1',
    { case: 'detect', value: { timeout: seconds(10), http2: {}, opaque: {} } },
    'protocol.detect.http1 is missing',
  ],
  [
    'detection without HTTP/2',
    { case: 'detect', value: { timeout: seconds(10), http1: {}, opaque: {} } },
    'protocol.detect.http2 is missing',
  ],
  [
    'detection without an opaque part',
    { case: 'detect', value: { timeout: seconds(10), http1: {}, http2: {} } },
    'protocol.detect.opaque is missing',
  ],
  [
    'a route of HTTP without metadata',
    { case: 'http2', value: { routes: [httpRoute, { rules: [aHttpRule()] }] } },
    'protocol.http2.routes[1].metadata is missing',
  ],
  [
    'a route of gRPC without metadata',
    { case: 'grpc', value: { routes: [{ rules: [aGrpcRule()] }] } },
    'protocol.grpc.routes[0].metadata is missing',
  ],
  [
    'two opaque routes',
    { case: 'opaque', value: { routes: [anOpaqueRoute(), anOpaqueRoute()] } },
    'protocol.opaque.routes has more than one route',
  ],
  [
    'two opaque routes of detection',
    { case: 'detect', value: { ...detect, opaque: { routes: [anOpaqueRoute(), anOpaqueRoute()] } } },
    'protocol.detect.opaque.routes has more than one route',
  ],
  [
    'an opaque route without a rule',
    { case: 'opaque', value: { routes: [anOpaqueRoute({ rules: [] })] } },
    'protocol.opaque.routes[0].rules is not exactly one',
  ],
  [
    'an opaque route with two rules',
    { case: 'opaque', value: { routes: [anOpaqueRoute({ rules: [opaqueRule, opaqueRule] })] } },
    'protocol.opaque.routes[0].rules is not exactly one',
  ],
  [
    'an opaque route without metadata',
    { case: 'opaque', value: { routes: [{ rules: [opaqueRule] }] } },
    'protocol.opaque.routes[0].metadata is missing',
  ],
  [
    'a route for TLS with two rules',
    { case: 'tls', value: { routes: [aTlsRoute({ rules: [tlsRule, tlsRule] })] } },
    'protocol.tls.routes[0].rules is not exactly one',
  ],
  [
    'a route for TLS with a name that matches nothing',
    { case: 'tls', value: { routes: [aTlsRoute({ snis: [{}] })] } },
    'protocol.tls.routes[0].snis[0] has no match',
  ],
] as const satisfies readonly (readonly [string, Kind, string])[]) {
  test(`not valid: ${what}`, () => {
    assert.equal(mistake(kind), expected);
  });
}

for (const [what, metadata, expected] of [
  ['no metadata', undefined, 'metadata is missing'],
  ['metadata of no kind', {}, 'metadata is missing'],
  ...(['group', 'kind', 'name', 'namespace'] as const).map(
    (field) =>
      [
        `a resource without ${field}`,
        {
          kind: {
            case: 'resource',
            value: { group: 'core', kind: 'Service', name: 'web', namespace: 'shop', [field]: '' },
          },
        },
        `metadata.resource.${field} is empty`,
      ] as const,
  ),
] as const) {
  test(`not valid: a policy with ${what}`, () => {
    const { protocol } = anHttpPolicy(aHttpRule());
    const message = create(OutboundPolicySchema, {
      ...(protocol === undefined ? {} : { protocol }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    assert.equal(clientPolicy(message).misconfiguration, expected);
  });
}

test('a port that is none is left out of the metadata', () => {
  const message = create(OutboundPolicySchema, {
    metadata: resourceMeta('Service', 'web', 65_536),
    protocol: { kind: { case: 'opaque', value: {} } },
  });
  assert.equal(clientPolicy(message).meta.port, '');
});

test('the first of several mistakes is told', () => {
  const policy = clientPolicy(create(OutboundPolicySchema));
  assert.equal(policy.misconfiguration, 'metadata is missing');
});

test('a policy with a mistake refuses requests with the reason, and connections', () => {
  const { meta, protocol } = clientPolicy(aPolicy(undefined));
  assert.deepEqual([meta.group, meta.kind, meta.name], ['', 'default', 'invalid']);
  assert.ok(protocol.kind === 'detect');
  const invalid = { kind: 'invalid', message: 'protocol is missing' };
  for (const { routes } of [protocol.http1, protocol.http2]) {
    assert.deepEqual(
      routes.map(({ hosts, rules }) => [hosts, rules.map(({ matches, filters }) => [matches, filters])]),
      [[[], [[[], [invalid]]]]],
    );
  }
  assert.deepEqual(protocol.opaque?.filters, [invalid]);
});

test('a route whose hosts no request can have is left out, and noted', () => {
  const policy = clientPolicy(
    aPolicy({
      case: 'http1',
      value: {
        routes: [
          { ...httpRoute, hosts: [{ match: { case: 'exact', value: 'a:80' } }] },
          {
            ...httpRoute,
            hosts: [{ match: { case: 'exact', value: 'b/c' } }, { match: { case: 'exact', value: 'b' } }],
          },
        ],
      },
    }),
  );
  assert.ok(policy.protocol.kind === 'http1');
  assert.deepEqual(
    policy.protocol.http.routes.map(({ hosts }) => hosts),
    [[{ host: 'b', suffix: false }]],
  );
  assert.deepEqual(policy.notes, [
    'protocol.http1.routes[0].hosts[0] is left out: it is the name of no host',
    'protocol.http1.routes[1].hosts[0] is left out: it is the name of no host',
  ]);
});

test('a policy cannot be changed', () => {
  const policy = clientPolicy(anHttpPolicy(aHttpRule()));
  assert.ok(policy.protocol.kind === 'http1');
  const { routes } = policy.protocol.http;
  for (const part of [policy, policy.meta, routes, routes[0]?.rules[0]?.distribution.backends[0]]) {
    assert.ok(Object.isFrozen(part));
  }
});

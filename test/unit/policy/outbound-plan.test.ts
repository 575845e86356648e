// The choice between policy and profile for one address.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { DestinationProfileSchema } from '../../../src/api/gen/destination_pb.js';
import { fromIpAddress } from '../../../src/api/net-values.js';
import type { StreamState } from '../../../src/control/control-plane.js';
import type { ClientPolicy } from '../../../src/policy/client-policy.js';
import { outboundPlan, type ServedPlan } from '../../../src/policy/outbound-plan.js';
import { clientPolicy } from '../../../src/policy/read-client-policy.js';
import { serviceProfile } from '../../../src/policy/read-service-profile.js';
import { resourceText } from '../../../src/policy/resource-info.js';
import type { ServiceProfile } from '../../../src/policy/service-profile.js';
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

const ADDRESS = { ip: '10.96.0.1', port: 8080 };
const pending = { kind: 'pending' } as const;
const known = <T>(value: T): StreamState<T> => ({ kind: 'known', value });
const refused = (code: number): StreamState<never> => ({ kind: 'refused', code, message: 'no' });

const httpRoute = { metadata: resourceMeta('HTTPRoute', 'main'), rules: [aHttpRule()] };
const detecting = clientPolicy(
  aPolicy({
    case: 'detect',
    value: {
      timeout: seconds(10),
      http1: { routes: [httpRoute] },
      http2: { routes: [httpRoute, httpRoute] },
      opaque: { routes: [anOpaqueRoute()] },
    },
  }),
);

function profileOf(parts: Init<typeof DestinationProfileSchema>): ServiceProfile {
  return serviceProfile(create(DestinationProfileSchema, parts));
}

const NAME = 'web.shop.svc.cluster.local';
const plain = profileOf({ fullyQualifiedName: NAME });
const routed = profileOf({
  fullyQualifiedName: NAME,
  routes: [{ condition: { match: { case: 'all', value: {} } } }],
});
const split = profileOf({
  fullyQualifiedName: NAME,
  dstOverrides: [{ authority: 'v2.shop.svc.cluster.local:80', weight: 1 }],
});

function planOf(
  policy: StreamState<ClientPolicy>,
  profile: StreamState<ServiceProfile> | undefined,
): ReturnType<typeof outboundPlan> {
  return outboundPlan({ address: ADDRESS, policy, profile });
}

function servedOf(
  policy: StreamState<ClientPolicy> | ClientPolicy,
  profile?: StreamState<ServiceProfile> | ServiceProfile,
): ServedPlan {
  const plan = planOf(
    'protocol' in policy ? known(policy) : policy,
    profile === undefined || 'kind' in profile ? profile : known(profile),
  );
  assert.ok(plan.kind === 'serve');
  return plan;
}

/** Who decides for requests and for other connections. */
function deciders({ http, connections }: ServedPlan): readonly string[] {
  return [http.kind, connections.kind];
}

test('connections wait until both answers are there', () => {
  assert.equal(planOf(pending, known(plain)).kind, 'pending');
  assert.equal(planOf(known(detecting), pending).kind, 'pending');
  assert.equal(planOf(refused(5), pending).kind, 'pending');
  assert.equal(planOf(known(detecting), known(plain)).kind, 'serve');
});

test('an address outside of the networks of profiles does not wait for one', () => {
  assert.equal(planOf(known(detecting), undefined).kind, 'serve');
});

for (const code of [3, 9]) {
  test(`a profile that is refused with ${String(code)} is none`, () => {
    assert.deepEqual(servedOf(detecting, refused(code)), servedOf(detecting));
  });

  test(`connections fail when the policy is refused with ${String(code)}`, () => {
    assert.deepEqual(planOf(refused(code), known(plain)), {
      kind: 'fail',
      reason: 'no policy for 10.96.0.1:8080: no',
    });
  });
}

for (const [what, policy, expected] of [
  ['detection', detecting, 'detect'],
  ['HTTP/1', clientPolicy(anHttpPolicy(aHttpRule())), 'http1'],
  ['HTTP/2', clientPolicy(aPolicy({ case: 'http2', value: {} })), 'http2'],
  ['gRPC', clientPolicy(aGrpcPolicy(aGrpcRule())), 'http2'],
  ['opaque connections', clientPolicy(aPolicy({ case: 'opaque', value: {} })), 'opaque'],
  ['TLS', clientPolicy(aPolicy({ case: 'tls', value: {} })), 'tls'],
  ['nothing that is valid', clientPolicy(aPolicy(undefined)), 'detect'],
] as const) {
  test(`what is spoken for a policy of ${what}: ${expected}`, () => {
    assert.equal(servedOf(policy).protocol, expected);
  });
}

test('a policy alone decides for each version of HTTP and for other connections', () => {
  const { http, connections, meta } = servedOf(detecting);
  assert.ok(http.kind === 'policy' && connections.kind === 'policy');
  assert.deepEqual([http.http1.routes.length, http.http2.routes.length], [1, 2]);
  assert.equal(connections.route?.meta.name, 'opaq');
  assert.equal(resourceText(meta), 'Service.shop.web:80');
});

test('a policy of one version of HTTP decides for both, and leaves no way for other connections', () => {
  const { http, connections } = servedOf(clientPolicy(aGrpcPolicy(aGrpcRule())));
  assert.ok(http.kind === 'policy' && connections.kind === 'policy');
  assert.equal(http.http1, http.http2);
  assert.deepEqual([http.http1.routes.length, connections.route], [1, undefined]);
});

test('a policy for TLS has routes by the name of the server', () => {
  const plan = servedOf(clientPolicy(aPolicy({ case: 'tls', value: { routes: [aTlsRoute()] } })));
  assert.deepEqual(
    plan.tls.map(({ meta }) => meta.name),
    ['main'],
  );
});

test('a profile that says nothing of routes changes nothing', () => {
  assert.deepEqual(servedOf(detecting, plain), servedOf(detecting));
});

test('a profile with routes decides for requests only', () => {
  const plan = servedOf(detecting, routed);
  assert.deepEqual(deciders(plan), ['profile', 'policy']);
  assert.ok(plan.http.kind === 'profile');
  assert.equal(plan.http.authority, `${NAME}:8080`);
});

test('a profile with overrides decides for everything', () => {
  assert.deepEqual(deciders(servedOf(detecting, split)), ['profile', 'profile']);
});

test('a profile without a name decides for nothing', () => {
  const unnamed = profileOf({ dstOverrides: [{ authority: 'v2.shop.svc:80', weight: 1 }] });
  assert.deepEqual(deciders(servedOf(detecting, unnamed)), ['policy', 'policy']);
});

test('a profile can forbid to look into connections', () => {
  const opaque = profileOf({ opaqueProtocol: true });
  const plan = servedOf(detecting, opaque);
  assert.equal(plan.protocol, 'opaque');
  assert.ok(plan.connections.kind === 'policy');
  assert.equal(plan.connections.route?.meta.name, 'opaq');
  const http = servedOf(clientPolicy(anHttpPolicy(aHttpRule())), opaque);
  assert.ok(http.connections.kind === 'policy');
  assert.deepEqual([http.protocol, http.connections.route], ['opaque', undefined]);
});

/** Name of the stand-in policy, and where it leads. */
function standIn(plan: ServedPlan): readonly unknown[] {
  const { http, connections } = plan;
  assert.ok(http.kind === 'policy' && connections.kind === 'policy');
  const backends = [http.http1.routes[0]?.rules[0]?.distribution, connections.route?.distribution].map(
    (distribution) => distribution?.backends[0]?.backend,
  );
  const places = backends.map((backend) =>
    backend?.dispatcher.kind === 'forward' ? backend.dispatcher.endpoint.address : undefined,
  );
  assert.deepEqual(places[0], places[1]);
  assert.deepEqual(backends[0]?.meta, plan.meta);
  return [plan.protocol, resourceText(plan.meta), places[0]];
}

const ENDPOINT = { ip: '10.0.0.9', port: 9090 };
const single = profileOf({ endpoint: { addr: { ip: fromIpAddress(ENDPOINT.ip), port: 9090 }, weight: 1 } });

for (const code of [5, 12]) {
  test(`without a policy (${String(code)}) connections go where they were going`, () => {
    assert.deepEqual(standIn(servedOf(refused(code))), ['detect', 'default.fallback', ADDRESS]);
  });

  test(`without a policy (${String(code)}) a profile leads to its endpoint, or where they were going`, () => {
    assert.deepEqual(standIn(servedOf(refused(code), single)), ['detect', 'default.endpoint', ENDPOINT]);
    assert.deepEqual(standIn(servedOf(refused(code), plain)), ['detect', 'default.endpoint', ADDRESS]);
  });
}

test('without a policy a profile still decides by its routes and overrides', () => {
  assert.deepEqual(deciders(servedOf(refused(5), split)), ['profile', 'profile']);
});

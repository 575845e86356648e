// Policies of inbound ports that the control plane has not spoken of.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultServerPolicy } from '../../../src/policy/default-server-policy.js';
import type { DefaultPolicyName, ServerPolicy } from '../../../src/policy/server-policy.js';

const CLUSTER = [{ ip: '10.0.0.0', prefixLength: 8 }];
const ALL = [
  { ip: '0.0.0.0', prefixLength: 0 },
  { ip: '::', prefixLength: 0 },
];
const ANYONE = { kind: 'anyone' };
const AUTHENTICATED = { kind: 'identity', identities: [], suffixes: [''] };

function policyOf(name: DefaultPolicyName, opaque = false, clusterNetworks = CLUSTER): ServerPolicy {
  return defaultServerPolicy({ name, clusterNetworks, detectTimeoutMs: 7000, opaque });
}

for (const [name, networks, authentication, audit] of [
  ['all-unauthenticated', ALL, ANYONE, false],
  ['all-authenticated', ALL, AUTHENTICATED, false],
  ['cluster-unauthenticated', CLUSTER, ANYONE, false],
  ['cluster-authenticated', CLUSTER, AUTHENTICATED, false],
  ['audit', ALL, ANYONE, true],
] as const) {
  test(`${name} detects, and allows whom its name says`, () => {
    const { meta, protocol } = policyOf(name);
    assert.deepEqual([meta.group, meta.kind, meta.name], ['', 'default', name]);
    assert.ok(protocol.kind === 'detect');
    assert.deepEqual([protocol.timeoutMs, protocol.rateLimit], [7000, undefined]);
    const expected = [
      { meta, networks: networks.map((network) => ({ network, except: [] })), authentication, audit },
    ];
    assert.deepEqual(protocol.connections, expected);
    assert.deepEqual(
      protocol.routes.map((route) => [route.meta.name, route.hosts, route.rules, route.authorizations]),
      [['default', [], [{ matches: [], filters: [] }], expected]],
    );
  });

  test(`${name} of an opaque port allows the same without detection`, () => {
    const { protocol } = policyOf(name, true);
    assert.ok(protocol.kind === 'opaque');
    assert.deepEqual(
      protocol.connections.map((authorization) => authorization.authentication),
      [authentication],
    );
  });
}

test('deny looks into nothing and allows nobody', () => {
  assert.deepEqual(policyOf('deny').protocol, { kind: 'opaque', connections: [] });
});

test('a cluster without networks has no clients', () => {
  const { protocol } = policyOf('cluster-unauthenticated', true, []);
  assert.deepEqual(protocol, { kind: 'opaque', connections: [] });
});

// What is made of an endpoint as the API describes it, and what of it is left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { WeightedAddrSchema } from '../../../src/api/gen/destination_pb.js';
import { fromHostPort } from '../../../src/api/net-values.js';
import { endpointKey, type MeshEndpoint, meshEndpoint } from '../../../src/control/mesh-endpoint.js';

type Weighted = Exclude<MessageInitShape<typeof WeightedAddrSchema>, { $typeName: string }>;
type Identity = Exclude<NonNullable<Weighted['tlsIdentity']>, { $typeName: string }>;
type Strategy = NonNullable<Identity['strategy']>;

function made(more: Weighted): MeshEndpoint {
  const addr = fromHostPort({ ip: '10.0.0.1', port: 80 });
  return meshEndpoint(create(WeightedAddrSchema, { addr, ...more })) ?? assert.fail('no endpoint');
}

test('an endpoint without address is none', () => {
  assert.equal(meshEndpoint(create(WeightedAddrSchema, { weight: 1 })), undefined);
  assert.equal(meshEndpoint(create(WeightedAddrSchema, { addr: { port: 80 } })), undefined);
});

test('an endpoint with an address alone is spoken to in clear, without hints', () => {
  assert.deepEqual(made({ weight: 7 }), {
    address: { ip: '10.0.0.1', port: 80 },
    weight: 7,
    labels: {},
    identity: undefined,
    hint: 'none',
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
    keepalive: undefined,
  });
});

test('its key is its address as text', () => {
  assert.equal(endpointKey({ address: { ip: 'fd00::1', port: 80 } }), '[fd00::1]:80');
});

const dns = (name: string): Strategy => ({ case: 'dnsLikeIdentity', value: { name } });
const uri = (text: string): Strategy => ({ case: 'uriLikeIdentity', value: { uri: text } });

const IDENTITIES: readonly (readonly [what: string, tls: Identity, expected: MeshEndpoint['identity']])[] = [
  [
    'a DNS identity is its own server name',
    { strategy: dns('a.b') },
    { kind: 'dns', id: 'a.b', serverName: 'a.b' },
  ],
  [
    'a server name goes before the identity',
    { strategy: dns('a.b'), serverName: { name: 'c.d' } },
    { kind: 'dns', id: 'a.b', serverName: 'c.d' },
  ],
  ['a URI identity needs a server name', { strategy: uri('spiffe://root/a') }, undefined],
  [
    'a URI identity with a server name',
    { strategy: uri('spiffe://root/a'), serverName: { name: 'c.d' } },
    { kind: 'uri', id: 'spiffe://root/a', serverName: 'c.d' },
  ],
  ['a bad name is no identity', { strategy: dns('not a name') }, undefined],
  [
    'a bad server name is no identity',
    { strategy: dns('a.b'), serverName: { name: 'not a name' } },
    undefined,
  ],
  ['a bad URI is no identity', { strategy: uri('nonsense'), serverName: { name: 'c.d' } }, undefined],
  ['a server name alone is no identity', { serverName: { name: 'c.d' } }, undefined],
];
for (const [what, tlsIdentity, expected] of IDENTITIES) {
  test(what, () => {
    assert.deepEqual(made({ tlsIdentity }).identity, expected);
  });
}

test('hints say what its proxy takes', () => {
  assert.equal(made({ protocolHint: { protocol: { case: 'h2', value: {} } } }).hint, 'h2');
  assert.equal(made({ protocolHint: { protocol: { case: 'opaque', value: {} } } }).hint, 'opaque');
  assert.equal(made({ protocolHint: {} }).hint, 'none');
});

test('the port for transport headers is one from 1 to 65534', () => {
  for (const [inboundPort, expected] of [
    [0, undefined],
    [1, 1],
    [4143, 4143],
    [65_534, 65_534],
    [65_535, undefined],
  ] as const) {
    assert.equal(made({ protocolHint: { opaqueTransport: { inboundPort } } }).opaqueTransportPort, expected);
  }
});

test('an authority that is none is not asked for', () => {
  const override = (authorityOverride: string): string | undefined =>
    made({ authorityOverride: { authorityOverride } }).authorityOverride;
  assert.equal(override('web.east:80'), 'web.east:80');
  assert.equal(override('[fd00::1]:80'), '[fd00::1]:80');
  assert.equal(override(''), undefined);
  assert.equal(override('not an authority'), undefined);
});

test('PINGs need an interval and a time-out', () => {
  const keepalive = { interval: { seconds: 10n }, timeout: { seconds: 3n }, whileIdle: true };
  assert.deepEqual(made({ http2: { keepAlive: keepalive } }).keepalive, {
    intervalMs: 10_000,
    timeoutMs: 3000,
    whileIdle: true,
  });
  assert.equal(made({ http2: { keepAlive: { interval: { seconds: 10n } } } }).keepalive, undefined);
  assert.equal(
    made({ http2: { keepAlive: { ...keepalive, timeout: { seconds: -1n } } } }).keepalive,
    undefined,
  );
});

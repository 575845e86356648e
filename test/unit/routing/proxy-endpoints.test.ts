// What endpoints of the control plane become at the border.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ProxyEndpoints } from '../../../src/routing/proxy-endpoints.js';
import { aMeshEndpoint } from '../../support/fake-control-plane.js';

const OTHERS = new ProxyEndpoints(new Set());

test('an endpoint is sent with its labels and without its weight', () => {
  const endpoint = aMeshEndpoint('10.0.0.1:80', { weight: 3, labels: { pod: 'web-1' } });
  assert.deepEqual(OTHERS.describeAll([endpoint]), [
    { address: { ip: '10.0.0.1', port: 80 }, weight: 1, labels: { pod: 'web-1' } },
  ]);
});

test('HTTP/1 is carried over HTTP/2 only to an endpoint with that hint', () => {
  const [none, h2, opaque] = OTHERS.describeAll([
    aMeshEndpoint('10.0.0.1:80'),
    aMeshEndpoint('10.0.0.2:80', { hint: 'h2' }),
    aMeshEndpoint('10.0.0.3:80', { hint: 'opaque' }),
  ]);
  assert.equal(none?.takesOrigProto, undefined);
  assert.equal(h2?.takesOrigProto, true);
  assert.equal(opaque?.takesOrigProto, undefined);
});

test('an authority override is sent in lower case', () => {
  const [described] = OTHERS.describeAll([
    aMeshEndpoint('10.0.0.1:80', { authorityOverride: 'Web.Other.Example:8080' }),
  ]);
  assert.equal(described?.authorityOverride, 'web.other.example:8080');
});

test('an authority override that is longer than any name is left out', () => {
  const [described] = OTHERS.describeAll([
    aMeshEndpoint('10.0.0.1:80', { authorityOverride: 'a'.repeat(260) }),
  ]);
  assert.equal(described?.authorityOverride, undefined);
});

test('PINGs of no time are left out', () => {
  const [described, without] = OTHERS.describeAll([
    aMeshEndpoint('10.0.0.1:80', { keepalive: { intervalMs: 1000, timeoutMs: 10, whileIdle: true } }),
    aMeshEndpoint('10.0.0.2:80', { keepalive: { intervalMs: 0, timeoutMs: 10, whileIdle: true } }),
  ]);
  assert.deepEqual(described?.http2Keepalive, { intervalMs: 1000, timeoutMs: 10, whileIdle: true });
  assert.equal(without?.http2Keepalive, undefined);
});

test('the workload itself is spoken to without hints and overrides', () => {
  const endpoints = new ProxyEndpoints(new Set(['10.0.0.1', 'fd00::1']));
  const hints = { hint: 'h2', authorityOverride: 'web:80', labels: { pod: 'self' } } as const;
  const described = endpoints.describeAll([
    aMeshEndpoint('10.0.0.1:80', hints),
    aMeshEndpoint('[fd00::1]:80', hints),
    aMeshEndpoint('10.0.0.2:80', hints),
  ]);
  assert.deepEqual(
    described.map(({ takesOrigProto, authorityOverride }) => [takesOrigProto, authorityOverride]),
    [
      [undefined, undefined],
      [undefined, undefined],
      [true, 'web:80'],
    ],
  );
  assert.deepEqual(described[0]?.labels, { pod: 'self' });
});

test('an endpoint without a port is left out, since it would spoil the update of all others', () => {
  assert.deepEqual(OTHERS.describeAll([aMeshEndpoint('10.0.0.1:0')]), []);
});

test('the same endpoint is described by the same object', () => {
  const endpoint = aMeshEndpoint('10.0.0.1:80');
  assert.equal(OTHERS.describeAll([endpoint])[0], OTHERS.describeAll([endpoint])[0]);
});

// The controller in-process behaves as one across the network does, without streams that fail.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StatusCode } from '../../../src/controller/answer.js';
import { EmbeddedControlPlane } from '../../../src/controller/embedded-control-plane.js';
import { ManualClock } from '../../support/manual-clock.js';
import { at } from '../../support/mesh-configs.js';
import { anOpenMesh, type OpenMesh } from '../../support/mesh-questions.js';

const WEB = `services:
  web:
    addresses: [10.96.0.1]
    ports: [80]
    endpoints: [{ address: '10.0.0.1:8080', weight: 2, labels: { zone: a } }]
    http2Keepalive: { interval: 7s }
`;

function aPlane(text = WEB): { mesh: OpenMesh; clock: ManualClock; plane: EmbeddedControlPlane } {
  const mesh = anOpenMesh(text);
  const clock = new ManualClock();
  return { mesh, clock, plane: new EmbeddedControlPlane(mesh.answers, clock) };
}

test('endpoints are known at once, with what the file says of them', () => {
  const { value } = aPlane().plane.endpoints('web:80').state;
  assert.deepEqual(value.kind === 'known' ? [...value.value.values()] : value, [
    {
      address: at('10.0.0.1:8080'),
      weight: 2,
      labels: { service: 'web', zone: 'a' },
      identity: undefined,
      hint: 'none',
      opaqueTransportPort: undefined,
      authorityOverride: undefined,
      keepalive: { intervalMs: 7000, timeoutMs: 3000, whileIdle: false },
    },
  ]);
});

test('an edit is told to who watches, and only then', () => {
  const { mesh, plane, clock } = aPlane();
  const watch = plane.endpoints('web:80');
  const seen: string[][] = [];
  watch.state.subscribe((state) => seen.push(state.kind === 'known' ? [...state.value.keys()] : []));
  clock.advance(50);
  mesh.edit(`${WEB}admin: { shutdown: true }\n`);
  mesh.edit(WEB.replace('10.0.0.1', '10.0.0.2'));
  assert.deepEqual(seen, [['10.0.0.1:8080'], ['10.0.0.2:8080']]);
  assert.equal(watch.health.lastMessageMs, 50);
});

test('a service that is not there is waited for, and one that goes has no endpoints', () => {
  const { mesh, plane } = aPlane('{}');
  const watch = plane.endpoints('web:80');
  assert.deepEqual(watch.state.value, { kind: 'pending' });
  assert.equal(watch.health.lastFailure?.code, StatusCode.NOT_FOUND);
  mesh.edit(WEB);
  assert.equal(watch.state.value.kind === 'known' && watch.state.value.value.size, 1);
  mesh.edit('{}');
  assert.equal(watch.state.value.kind === 'known' && watch.state.value.value.size, 0);
});

test('a path that is wrong is refused', () => {
  const { value } = aPlane().plane.endpoints('10.0.0.1:80').state;
  assert.equal(value.kind === 'refused' && value.code, StatusCode.INVALID_ARGUMENT);
});

test('profiles and policies are messages of the API', () => {
  const { plane } = aPlane();
  const profile = plane.profile('10.96.0.1:80').state.value;
  assert.equal(profile.kind === 'known' && profile.value.fullyQualifiedName, 'web');
  const policy = plane.outboundPolicy({ kind: 'address', address: at('10.96.0.1:80') }).state.value;
  assert.equal(policy.kind === 'known' && policy.value.protocol?.kind.case, 'detect');
  const server = plane.inboundPolicy(5432).state.value;
  assert.equal(server.kind === 'known' && server.value.protocol?.kind.case, 'opaque');
});

test('an address that is no service is refused, until an edit makes it one', () => {
  const { mesh, plane } = aPlane('{}');
  const watch = plane.outboundPolicy({ kind: 'address', address: at('10.96.0.1:80') });
  assert.equal(watch.state.value.kind === 'refused' && watch.state.value.code, StatusCode.NOT_FOUND);
  mesh.edit(WEB);
  assert.equal(watch.state.value.kind, 'known');
});

test('what is closed stays as it is, and is forgotten', () => {
  const { mesh, plane } = aPlane();
  const watch = plane.endpoints('web:80');
  assert.equal(watch.health.open, true);
  watch.close();
  watch.close();
  mesh.edit('{}');
  assert.equal(watch.state.value.kind === 'known' && watch.state.value.value.size, 1);
  assert.equal(watch.health.open, false);
  assert.equal(mesh.answers.open, 0);
});

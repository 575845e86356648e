// What the router knows of targets for those who explain failures.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction } from '../../../src/dataplane/gen/contract_pb.js';
import { aMesh, anEndpoint, aService, at } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const VIP = '10.77.0.10:80';

function web(...endpoints: readonly string[]): ReturnType<typeof aMesh> {
  return aMesh(
    aService('web', { addresses: ['10.77.0.10'], endpoints: endpoints.map((item) => anEndpoint(item)) }),
  );
}

/** Addresses that went, and how long ago. */
function removed(mesh: RouterFixture, targetId: number): unknown {
  return mesh.router
    .targetInfo(targetId)
    ?.removedEndpoints()
    .map(({ address, agoMs }) => [address.port, agoMs]);
}

test('endpoints that went are told for five minutes, unless they are back', async () => {
  const mesh = await RouterFixture.started(web('127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'));
  const { targetId } = mesh.destination(VIP);
  assert.deepEqual(removed(mesh, targetId), []);
  mesh.config.set(web('127.0.0.1:3'));
  mesh.clock.advance(1000);
  assert.deepEqual(removed(mesh, targetId), [
    [1, 1000],
    [2, 1000],
  ]);
  mesh.config.set(web('127.0.0.1:1', '127.0.0.1:3'));
  assert.deepEqual(removed(mesh, targetId), [[2, 1000]]);
  mesh.clock.advance(299_000);
  assert.deepEqual(removed(mesh, targetId), [[2, 300_000]]);
  mesh.clock.advance(1);
  assert.deepEqual(removed(mesh, targetId), []);
});

test('of many endpoints that went the latest sixteen are told', async () => {
  const ports = Array.from({ length: 40 }, (_, index) => `127.0.0.1:${String(index + 1)}`);
  const mesh = await RouterFixture.started(web(...ports));
  const { targetId } = mesh.destination(VIP);
  mesh.config.set(web());
  assert.equal(mesh.router.targetInfo(targetId)?.removedEndpoints().length, 16);
});

test('the endpoints of a service that is gone went with it', async () => {
  const mesh = await RouterFixture.started(web('127.0.0.1:1'));
  const { targetId } = mesh.destination(VIP);
  mesh.config.set(aMesh());
  assert.deepEqual(removed(mesh, targetId), [[1, 0]]);
});

test('the target of a captured address is known as long as the address is', async () => {
  const mesh = await RouterFixture.started(web('127.0.0.1:1'));
  assert.equal(mesh.router.targetAt('outbound', at(VIP))?.authority, 'web:80');
  assert.equal(mesh.router.targetAt('inbound', at(VIP)), undefined);
  assert.equal(mesh.router.targetAt('outbound', at('192.0.2.1:80')), undefined);
  mesh.connect('192.0.2.1:80', Direction.OUTBOUND);
  assert.equal(mesh.router.targetAt('outbound', at('192.0.2.1:80'))?.authority, '');
});

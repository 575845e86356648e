// Listeners of the configuration: at the start, at edits, and when the system refuses one.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import type { MeshConfig } from '../../../src/config/mesh-config.js';
import { formatHostPort } from '../../../src/core/ip.js';
import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import { OriginalDestinationSource, Protocol } from '../../../src/dataplane/gen/contract_pb.js';
import { ListenFailedError } from '../../../src/routing/explicit-listeners.js';
import { aMesh, anEndpoint, aService, at } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const web = aService('web', {
  ports: [{ port: 80, protocol: 'http1' }],
  endpoints: [anEndpoint('127.0.0.1:8081')],
});
const toWeb = { listen: at('127.0.0.1:18080'), to: { service: 'web', port: 80 } };
const toAddress = { listen: at('127.0.0.1:15432'), to: at('192.0.2.7:5432') };

function withForwards(...forwards: MeshConfig['forwards']): MeshConfig {
  return { ...aMesh(web), forwards };
}

function bound(mesh: RouterFixture): readonly string[] {
  return mesh.router
    .routes()
    .listeners.map(({ bound: address }) => (address === undefined ? '' : formatHostPort(address)));
}

/** What a connection to the listener would meet. */
function behind(mesh: RouterFixture, address: string): readonly string[] | undefined {
  const listener = [...mesh.dataPlane.listeners.values()].find(
    ({ bound: { port } }) => port === at(address).port,
  );
  const destination = mesh.dataPlane.destinations.get(listener?.listen.destinationId ?? 0);
  return mesh.dataPlane.addressesOf(destination?.targetId);
}

test('each forward has a listener with a destination of its own', async () => {
  const mesh = await RouterFixture.started(withForwards(toWeb, toAddress));
  assert.deepEqual(behind(mesh, '127.0.0.1:18080'), ['127.0.0.1:8081']);
  assert.deepEqual(behind(mesh, '127.0.0.1:15432'), ['192.0.2.7:5432']);
  const sources = [...mesh.dataPlane.listeners.values()].map(({ listen }) => listen.source);
  assert.deepEqual(sources, [OriginalDestinationSource.SOURCE_FIXED, OriginalDestinationSource.SOURCE_FIXED]);
  const protocols = [...mesh.dataPlane.destinations.values()].map(({ protocol }) => protocol);
  assert.deepEqual(protocols, [Protocol.HTTP1, Protocol.OPAQUE]);
  assert.equal(mesh.router.httpProxyAddress, undefined);
});

test('an edit opens, closes and redirects listeners, and leaves the others alone', async () => {
  const mesh = await RouterFixture.started(withForwards(toWeb, toAddress));
  mesh.dataPlane.commands.length = 0;
  mesh.config.set(
    withForwards({ ...toWeb, to: at('192.0.2.8:80') }, { ...toAddress, listen: at('127.0.0.1:15433') }),
  );
  assert.deepEqual(bound(mesh).toSorted(), ['127.0.0.1:15433', '127.0.0.1:18080']);
  assert.deepEqual(behind(mesh, '127.0.0.1:18080'), ['192.0.2.8:80']);
  assert.deepEqual(mesh.router.routes().listeners[0]?.to, '192.0.2.8:80');
  assert.equal(mesh.dataPlane.names().filter((name) => name === 'listen').length, 1);
  mesh.config.set(aMesh(web));
  assert.equal(mesh.dataPlane.listeners.size, 0);
  assert.equal(mesh.dataPlane.destinations.size, 0);
  assert.equal(mesh.dataPlane.targets.size, 1);
  assert.deepEqual(mesh.refusals, []);
});

test('a listener that cannot be opened at the start is an error that names it, and nothing is left', async () => {
  const mesh = new RouterFixture(withForwards(toAddress, toWeb), 'always');
  mesh.dataPlane.refuseNext('listen', new CommandRefusedError('', 'address in use', 98));
  await assert.rejects(mesh.router.start(), (error) => {
    assert.ok(error instanceof ListenFailedError);
    assert.deepEqual(error.address, toAddress.listen);
    assert.ok(error.cause instanceof CommandRefusedError && error.cause.osError === 98);
    assert.match(error.message, /cannot listen on 127.0.0.1:15432: address in use/);
    return true;
  });
  const { listeners, destinations, targets, subscribers } = mesh.dataPlane;
  assert.deepEqual([listeners.size, destinations.size, targets.size, subscribers], [0, 0, 0, 0]);
  assert.equal(mesh.clock.waiting, 0);
});

test('a listener that cannot be opened after an edit is tried again', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.dataPlane.refuseNext('listen', new CommandRefusedError('', 'address in use', 98));
  mesh.config.set(withForwards(toWeb));
  assert.deepEqual(bound(mesh), ['']);
  mesh.clock.advance(100);
  assert.deepEqual(bound(mesh), ['127.0.0.1:18080']);
});

test('port 0 can be asked for several times', async () => {
  const any = { listen: at('127.0.0.1:0'), to: at('192.0.2.7:5432') };
  const mesh = await RouterFixture.started(withForwards(any, any));
  assert.equal(new Set(bound(mesh)).size, 2);
});

test('the HTTP proxy listens where it is told, or anywhere when it is needed', async () => {
  const quiet = await RouterFixture.started(defaultMeshConfig);
  assert.equal(quiet.router.httpProxyAddress, undefined);
  const needed = await RouterFixture.started(defaultMeshConfig, 'always');
  assert.equal(needed.router.httpProxyAddress?.ip, '127.0.0.1');
  assert.ok(needed.router.httpProxyAddress.port > 0);
  const told = await RouterFixture.started({ ...defaultMeshConfig, httpProxy: at('127.0.0.1:3128') });
  assert.deepEqual(told.router.httpProxyAddress, at('127.0.0.1:3128'));
  told.config.set({ ...defaultMeshConfig, httpProxy: at('127.0.0.1:3129') });
  assert.deepEqual(told.router.httpProxyAddress, at('127.0.0.1:3129'));
  assert.equal(told.dataPlane.listeners.size, 1);
  told.config.set(defaultMeshConfig);
  assert.equal(told.router.httpProxyAddress, undefined);
  assert.deepEqual(told.refusals, []);
});

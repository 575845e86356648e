// Services with routes: which destinations and authorities their tables decide for, in which order the
// data plane is told, and what an edit changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ServiceConfig } from '../../../src/config/mesh-config.js';
import type { DataPlane } from '../../../src/dataplane/dataplane.js';
import { Direction, type PutRouteTable } from '../../../src/dataplane/gen/contract_pb.js';
import { aBackend, aMatch, aMesh, anEndpoint, aRoute, aService, at } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const VIP = '10.77.0.10:80';
const CANARY = {
  kind: 'random',
  backends: [aBackend('web', { weight: 9 }), aBackend('web-v2')],
} as const;

function web(parts: Partial<ServiceConfig> = {}): ServiceConfig {
  return aService('web', {
    addresses: ['10.77.0.10'],
    endpoints: [anEndpoint('127.0.0.1:8081')],
    routes: [aRoute('canary', { distribution: CANARY })],
    ...parts,
  });
}

const v2 = aService('web-v2', { endpoints: [anEndpoint('127.0.0.1:8082')] });

function onlyTable(mesh: RouterFixture): PutRouteTable {
  const [table, ...others] = mesh.dataPlane.routeTables.values();
  assert.ok(table !== undefined);
  assert.equal(others.length, 0);
  return table;
}

/** What the data plane was told since the last time. */
function told(mesh: RouterFixture): readonly (keyof DataPlane)[] {
  return mesh.dataPlane.commands.splice(0).map(({ name }) => name);
}

test('the virtual address and the names of the service lead to the table', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const { id } = onlyTable(mesh);
  const destination = mesh.destination(VIP);
  assert.deepEqual([destination.targetId, destination.routeTableId], [0, id]);
  assert.deepEqual(
    destination.authorities.map(({ authority, targetId, routeTableId }) => [
      authority,
      targetId,
      routeTableId,
    ]),
    [
      ['web', 0, id],
      ['web:80', 0, id],
    ],
  );
  assert.deepEqual(mesh.refusals, []);
});

test('the backends of a rule are the targets of the services', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const backends = onlyTable(mesh).rules[0]?.distribution?.backends ?? [];
  assert.deepEqual(
    backends.map(({ name, weight, targetId }) => [name, weight, mesh.dataPlane.addressesOf(targetId)]),
    [
      ['web:80', 9, ['127.0.0.1:8081']],
      ['web-v2:80', 1, ['127.0.0.1:8082']],
    ],
  );
});

test('targets are told before tables, and tables before destinations', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const names = told(mesh);
  assert.ok(names.lastIndexOf('putTarget') < names.indexOf('putRouteTable'));
  assert.ok(names.lastIndexOf('putRouteTable') < names.indexOf('putDestination'));
});

test('each port has a table of its own', async () => {
  const ports = [
    { port: 80, protocol: 'detect' },
    { port: 81, protocol: 'opaque' },
  ] as const;
  const mesh = await RouterFixture.started(aMesh(web({ ports, routes: [aRoute('all')] })));
  const [one, other] = [mesh.destination(VIP), mesh.destination('10.77.0.10:81')];
  assert.equal(mesh.dataPlane.routeTables.size, 2);
  assert.notEqual(one.routeTableId, other.routeTableId);
});

test('a service without routes has no table', async () => {
  const mesh = await RouterFixture.started(aMesh(v2, aService('api', { addresses: ['10.77.0.11'] })));
  assert.equal(mesh.dataPlane.routeTables.size, 0);
  assert.notEqual(mesh.destination('10.77.0.11:80').targetId, 0);
});

test('a service with a rule for connections only has a table too', async () => {
  const tcp = { forbid: true, distribution: { kind: 'random', backends: [] } } as const;
  const mesh = await RouterFixture.started(aMesh(web({ routes: [], tcp })));
  assert.equal(mesh.destination(VIP).routeTableId, onlyTable(mesh).id);
});

test('requests of the HTTP proxy for a name or an address of the service go by its routes', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2), 'always');
  const { id } = onlyTable(mesh);
  await mesh.request(mesh.proxy().id, 'web');
  await mesh.request(mesh.proxy().id, '10.77.0.10:80');
  assert.deepEqual(
    mesh
      .proxy()
      .authorities.map(({ authority, targetId, routeTableId }) => [authority, targetId, routeTableId]),
    [
      ['web', 0, id],
      ['10.77.0.10:80', 0, id],
    ],
  );
});

test('requests on another address that carry its name go by its routes', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  mesh.connect('192.0.2.1:80');
  await mesh.request(mesh.destination('192.0.2.1:80').id, 'web');
  assert.deepEqual(
    mesh.destination('192.0.2.1:80').authorities.map(({ routeTableId }) => routeTableId),
    [onlyTable(mesh).id],
  );
});

test('a forward to the service goes by its routes', async () => {
  const forwards = [{ listen: at('127.0.0.1:18080'), to: { service: 'web', port: 80 } }];
  const mesh = await RouterFixture.started({ ...aMesh(web(), v2), forwards });
  const forward = [...mesh.dataPlane.destinations.values()].find(({ address }) => address === undefined);
  assert.deepEqual([forward?.targetId, forward?.routeTableId], [0, onlyTable(mesh).id]);
});

test('an edit of a route sends its table and nothing else, and keeps the ids of rules', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const before = onlyTable(mesh);
  told(mesh);
  const backends = [aBackend('web', { weight: 1 }), aBackend('web-v2')];
  mesh.config.set(
    aMesh(
      web({
        routes: [
          aRoute('new', { matches: [aMatch()] }),
          aRoute('canary', { distribution: { kind: 'random', backends } }),
        ],
      }),
      v2,
    ),
  );
  assert.deepEqual(told(mesh), ['putRouteTable']);
  const after = onlyTable(mesh);
  assert.equal(after.id, before.id);
  assert.equal(after.rules[1]?.id, before.rules[0]?.id);
  assert.notEqual(after.rules[0]?.id, before.rules[0]?.id);
  assert.equal(after.rules[1]?.distribution?.backends[0]?.id, before.rules[0]?.distribution?.backends[0]?.id);
});

test('an edit of something else leaves the table alone', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  told(mesh);
  mesh.config.set(aMesh(web({ endpoints: [anEndpoint('127.0.0.1:9')] }), v2));
  assert.deepEqual(told(mesh), ['updateEndpoints']);
});

test('routes that come later take over the destination, and when they go the target has it back', async () => {
  const mesh = await RouterFixture.started(aMesh(web({ routes: [] }), v2));
  const { targetId } = mesh.destination(VIP);
  told(mesh);
  mesh.config.set(aMesh(web(), v2));
  assert.deepEqual(told(mesh), ['putRouteTable', 'putDestination']);
  assert.equal(mesh.destination(VIP).targetId, 0);
  mesh.config.set(aMesh(web({ routes: [] }), v2));
  assert.deepEqual(told(mesh), ['putDestination', 'removeRouteTable']);
  assert.equal(mesh.destination(VIP).targetId, targetId);
  assert.deepEqual(mesh.refusals, []);
});

test('a backend that goes is taken out of the table before its target goes', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  told(mesh);
  mesh.config.set(aMesh(web({ routes: [aRoute('canary')] })));
  assert.deepEqual(told(mesh), ['putRouteTable', 'removeTarget']);
  assert.deepEqual(mesh.refusals, []);
});

test('services that go together go in reverse: destinations, tables, targets', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  told(mesh);
  mesh.config.set(aMesh());
  assert.deepEqual(told(mesh), ['removeDestination', 'removeRouteTable', 'removeTarget', 'removeTarget']);
  assert.deepEqual(mesh.refusals, []);
});

test('a service that comes again has a table of another id, with rules of the same ids', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const before = onlyTable(mesh);
  mesh.config.set(aMesh());
  mesh.config.set(aMesh(web(), v2));
  const after = onlyTable(mesh);
  assert.ok(after.id > before.id);
  assert.equal(after.rules[0]?.id, before.rules[0]?.id);
});

test('a table that the system refused is sent again, and then what stands on it', async () => {
  const mesh = new RouterFixture(aMesh(web(), v2));
  mesh.dataPlane.refuseNext('putRouteTable');
  await mesh.router.start();
  assert.equal(mesh.dataPlane.routeTables.size, 0);
  mesh.clock.advance(100);
  assert.equal(mesh.destination(VIP).routeTableId, onlyTable(mesh).id);
});

test('a failed start takes its tables back', async () => {
  const forwards = [{ listen: at('127.0.0.1:18080'), to: { service: 'web', port: 80 } }];
  const mesh = new RouterFixture({ ...aMesh(web(), v2), forwards });
  mesh.dataPlane.refuseNext('listen');
  await assert.rejects(mesh.router.start());
  assert.deepEqual([mesh.dataPlane.routeTables.size, mesh.dataPlane.targets.size], [0, 0]);
});

test('failures without a target of their own are counted to the one the routes usually end at', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  assert.equal(mesh.router.targetAt('outbound', at(VIP))?.authority, 'web:80');
});

test('the routes are described with tables, and rules have names', async () => {
  const mesh = await RouterFixture.started(aMesh(web(), v2));
  const { routeTables, services, destinations } = mesh.router.routes();
  const [table] = routeTables;
  assert.deepEqual([table?.service, table?.port, table?.rules[0]?.name], ['web', 80, 'HTTPRoute.web.canary']);
  assert.equal(services[0]?.ports[0]?.routeTableId, table?.id);
  assert.equal(destinations[0]?.routeTableId, table?.id);
  assert.equal(mesh.router.routeInfo(table?.rules[0]?.id ?? 0)?.route.name, 'canary');
});

test('how endpoints are judged crosses with the target', async () => {
  const mesh = await RouterFixture.started(
    aMesh(
      web({
        endpointProtocol: 'http2',
        http2Keepalive: { intervalMs: 1, timeoutMs: 2, whileIdle: true },
        loadPenalty: { penaltyMs: 3, maxRetryAfterMs: 4 },
        circuitBreaker: {
          consecutiveFailures: 5,
          successRate: { min: 0.5, windowMs: 6, minRequests: 7 },
          backoff: { minMs: 8, maxMs: 9, jitter: 0.1 },
          mayEjectLast: true,
        },
      }),
      v2,
    ),
  );
  const targetId = mesh.router.targetAt('outbound', at(VIP))?.id ?? 0;
  const settings = mesh.dataPlane.targets.get(targetId)?.settings;
  assert.deepEqual(
    { ...settings?.failureAccrual, $typeName: undefined },
    {
      $typeName: undefined,
      maxConsecutiveFailures: 5,
      minSuccessRatio: 0.5,
      windowMs: 6,
      minRequests: 7,
      backoffMinMs: 8,
      backoffMaxMs: 9,
      backoffJitter: 0.1,
      mayEjectLast: true,
    },
  );
  assert.deepEqual([settings?.loadPenalty?.penaltyMs, settings?.loadPenalty?.maxRetryAfterMs], [3, 4]);
  const { intervalMs, timeoutMs, whileIdle } = settings?.http2Keepalive ?? {};
  assert.deepEqual([intervalMs, timeoutMs, whileIdle], [1, 2, true]);
  assert.equal(mesh.dataPlane.destinationAt(Direction.OUTBOUND, VIP)?.authorities.length, 2);
});

test('a service that says nothing of its endpoints has none of it', async () => {
  const mesh = await RouterFixture.started(aMesh(web({ routes: [] })));
  const settings = mesh.dataPlane.targets.get(mesh.destination(VIP).targetId)?.settings;
  assert.deepEqual(
    [settings?.failureAccrual, settings?.loadPenalty, settings?.http2Keepalive],
    [undefined, undefined, undefined],
  );
});

// What the router decides: captured destinations, services, and edits while connections are open.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { formatIp } from '../../../src/core/ip.js';
import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import { Direction, EndpointProtocol, Protocol, TargetKind } from '../../../src/dataplane/gen/contract_pb.js';
import { captureNetworks } from '../../../src/routing/capture-networks.js';
import { settle } from '../../support/fake-dns-resolver.js';
import { aMesh, anEndpoint, aService, at } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const VIP = '10.77.0.10:80';
const web = aService('web', {
  names: ['web.mesh'],
  addresses: ['10.77.0.10'],
  endpoints: [
    anEndpoint('127.0.0.1:8081'),
    anEndpoint('127.0.0.1:8082', { weight: 3, labels: { zone: 'a' } }),
  ],
  labels: { tier: 'front' },
});

test('an address of no service goes where it was going', async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.connect('192.0.2.1:8080');
  const destination = mesh.destination('192.0.2.1:8080');
  const target = mesh.dataPlane.targets.get(destination.targetId);
  assert.equal(target?.settings.kind, TargetKind.FORWARD);
  assert.equal(target.settings.source, undefined);
  assert.deepEqual(mesh.behind('192.0.2.1:8080'), ['192.0.2.1:8080']);
  assert.equal(destination.protocol, Protocol.DETECT);
  assert.equal(destination.discoverAuthorities, true);
  assert.equal(destination.idleTimeoutMs, 5000);
  assert.deepEqual(mesh.dataPlane.names(), ['putTarget', 'updateEndpoints', 'putDestination']);
});

test('an opaque port is not looked into', async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.connect('192.0.2.1:3306');
  mesh.connect('[::1]:25', Direction.INBOUND);
  assert.equal(mesh.destination('192.0.2.1:3306').protocol, Protocol.OPAQUE);
  assert.equal(mesh.destination('[::1]:25', Direction.INBOUND).protocol, Protocol.OPAQUE);
});

test('inbound connections go to the application from an address the capture knows', async () => {
  const mesh = await RouterFixture.started(
    aMesh(aService('self', { addresses: ['127.0.0.1'], ports: [{ port: 8080, protocol: 'http1' }] })),
  );
  mesh.connect('127.0.0.1:8080', Direction.INBOUND);
  mesh.connect('[::1]:8080', Direction.INBOUND);
  const four = mesh.destination('127.0.0.1:8080', Direction.INBOUND);
  const six = mesh.destination('[::1]:8080', Direction.INBOUND);
  const source = mesh.dataPlane.targets.get(four.targetId)?.settings.source;
  assert.ok(source !== undefined);
  assert.deepEqual([formatIp(source.ip), source.port], ['127.0.0.6', 0]);
  assert.equal(mesh.dataPlane.targets.get(six.targetId)?.settings.source, undefined);
  assert.deepEqual(mesh.behind('127.0.0.1:8080', Direction.INBOUND), ['127.0.0.1:8080']);
  assert.equal(four.discoverAuthorities, false);
});

test('an idle destination is forgotten with its target, and its ids are not used again', async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.connect('192.0.2.1:80');
  const before = mesh.destination('192.0.2.1:80');
  mesh.idle(before.id);
  assert.equal(mesh.dataPlane.destinations.size, 0);
  assert.equal(mesh.dataPlane.targets.size, 0);
  assert.deepEqual(mesh.dataPlane.names().slice(-2), ['removeDestination', 'removeTarget']);
  mesh.connect('192.0.2.1:80');
  const after = mesh.destination('192.0.2.1:80');
  assert.ok(after.id > before.id && after.targetId > before.targetId);
  mesh.idle(12_345);
  assert.deepEqual(mesh.refusals, []);
});

test('each virtual address and port of a service is balanced over its endpoints', async () => {
  const two = {
    ...web,
    addresses: ['10.77.0.10', 'fd00::10'],
    ports: [
      { port: 80, protocol: 'detect' },
      { port: 81, protocol: 'opaque' },
    ] as const,
  };
  const mesh = await RouterFixture.started(aMesh(two));
  for (const address of [VIP, '[fd00::10]:80', '10.77.0.10:81', '[fd00::10]:81']) {
    assert.deepEqual(mesh.behind(address), ['127.0.0.1:8081', '127.0.0.1:8082'], address);
  }
  const destination = mesh.destination(VIP);
  const target = mesh.dataPlane.targets.get(destination.targetId);
  assert.equal(target?.settings.kind, TargetKind.BALANCE);
  assert.equal(target.settings.authority, 'web:80');
  assert.deepEqual(target.settings.labels, { service: 'web', tier: 'front' });
  assert.deepEqual(target.endpoints.get('127.0.0.1:8082'), { weight: 3, labels: { zone: 'a' } });
  assert.equal(destination.idleTimeoutMs, 0);
  assert.equal(destination.discoverAuthorities, false);
  assert.deepEqual(
    destination.authorities.map(({ authority }) => authority),
    ['web', 'web:80', 'web.mesh', 'web.mesh:80'],
  );
  assert.equal(mesh.destination('10.77.0.10:81').protocol, Protocol.OPAQUE);
  assert.equal(mesh.destination('[fd00::10]:80').targetId, destination.targetId);
  assert.notEqual(mesh.destination('10.77.0.10:81').targetId, destination.targetId);
});

test('what is spoken to endpoints is told, and an edit of it keeps them', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  const { targetId } = mesh.destination(VIP);
  const spoken = (): EndpointProtocol | undefined =>
    mesh.dataPlane.targets.get(targetId)?.settings.endpointProtocol;
  assert.equal(spoken(), EndpointProtocol.AS_CLIENT);
  mesh.config.set(aMesh({ ...web, endpointProtocol: 'http1' }));
  assert.equal(spoken(), EndpointProtocol.ENDPOINT_HTTP1);
  assert.equal(mesh.destination(VIP).targetId, targetId);
});

test('an edit of endpoints sends the difference and nothing else', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.dataPlane.commands.length = 0;
  const { targetId } = mesh.destination(VIP);
  mesh.config.set(
    aMesh({ ...web, endpoints: [anEndpoint('127.0.0.1:8082', { weight: 4 }), anEndpoint('127.0.0.1:8083')] }),
  );
  assert.deepEqual(mesh.dataPlane.names(), ['updateEndpoints']);
  const update = mesh.dataPlane.commands[0]?.value as {
    reset: boolean;
    add: { weight: number }[];
    remove: { port: number }[];
  };
  assert.equal(update.reset, false);
  assert.deepEqual(
    update.add.map(({ weight }) => weight),
    [4, 1],
  );
  assert.deepEqual(
    update.remove.map(({ port }) => port),
    [8081],
  );
  assert.equal(mesh.destination(VIP).targetId, targetId);
});

test('an edit that means the same sends nothing', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.connect('192.0.2.1:80');
  mesh.dataPlane.commands.length = 0;
  mesh.config.set(aMesh({ ...web, endpoints: [...web.endpoints].reverse() }));
  assert.deepEqual(mesh.dataPlane.names(), []);
});

test('an edit of time-outs reaches every target', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.connect('192.0.2.1:80');
  const { timeouts } = defaultMeshConfig;
  mesh.config.set({ ...aMesh(web), timeouts: { ...timeouts, connectMs: 77, detectMs: 88 } });
  const connects = [...mesh.dataPlane.targets.values()].map(({ settings }) => settings.connectTimeoutMs);
  assert.deepEqual(connects, [77, 77]);
  assert.deepEqual(
    [...mesh.dataPlane.destinations.values()].map(({ detectTimeoutMs }) => detectTimeoutMs),
    [88, 88],
  );
});

test('a removed service takes its destinations and targets along', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.config.set(aMesh());
  assert.equal(mesh.dataPlane.destinations.size, 0);
  assert.equal(mesh.dataPlane.targets.size, 0);
  assert.deepEqual(mesh.refusals, []);
  mesh.connect(VIP);
  assert.deepEqual(mesh.behind(VIP), [VIP]);
});

test("a destination that was there before its service becomes the service's, under the same id", async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.connect(VIP);
  const before = mesh.destination(VIP);
  mesh.config.set(aMesh(web));
  const after = mesh.destination(VIP);
  assert.equal(after.id, before.id);
  assert.deepEqual(mesh.behind(VIP), ['127.0.0.1:8081', '127.0.0.1:8082']);
  assert.equal(mesh.dataPlane.targets.has(before.targetId), false);
  mesh.idle(after.id);
  assert.equal(mesh.destination(VIP).id, after.id, 'an idle event on its way must not remove it');
});

test('an address that moves to another service keeps its destination', async () => {
  const api = aService('api', { addresses: ['10.77.0.10'], endpoints: [anEndpoint('127.0.0.1:9')] });
  const mesh = await RouterFixture.started(aMesh(web));
  const { id } = mesh.destination(VIP);
  mesh.config.set(aMesh({ ...web, addresses: [] }, api));
  assert.equal(mesh.destination(VIP).id, id);
  assert.deepEqual(mesh.behind(VIP), ['127.0.0.1:9']);
  assert.deepEqual(mesh.refusals, []);
});

test('a port that a service loses is gone, the others stay', async () => {
  const ports = [
    { port: 80, protocol: 'detect' },
    { port: 81, protocol: 'detect' },
  ] as const;
  const mesh = await RouterFixture.started(aMesh({ ...web, ports }));
  const { targetId } = mesh.destination('10.77.0.10:81');
  mesh.config.set(aMesh({ ...web, ports: [ports[0]] }));
  assert.equal(mesh.dataPlane.destinationAt(Direction.OUTBOUND, '10.77.0.10:81'), undefined);
  assert.equal(mesh.dataPlane.targets.has(targetId), false);
  assert.equal(mesh.behind(VIP)?.length, 2);
  assert.deepEqual(mesh.refusals, []);
});

test('a question about something known is answered once more', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.dataPlane.commands.length = 0;
  mesh.connect(VIP);
  assert.deepEqual(mesh.dataPlane.names(), ['putDestination']);
});

test('endpoints of a service come from the name system, and follow it', async () => {
  const named = aService('web', {
    addresses: ['10.77.0.10'],
    dns: { name: 'web.example', records: 'a+aaaa', port: 8080, minTtlMs: 5000, maxTtlMs: 60_000 },
  });
  const mesh = new RouterFixture(aMesh(named));
  mesh.resolver.addresses('web.example', ['10.0.0.1', 'fd00::1'], 10_000);
  await mesh.router.start();
  await settle();
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.1:8080', '[fd00::1]:8080']);
  mesh.resolver.addresses('web.example', ['10.0.0.2'], 10_000);
  mesh.clock.advance(10_000);
  await settle();
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.2:8080']);
  mesh.resolver.fail('web.example', 'ESERVFAIL');
  mesh.clock.advance(10_000);
  await settle();
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.2:8080']);
  assert.match(String(mesh.router.routes().services[0]?.dns?.failure), /ESERVFAIL/);
});

test('a service edited from one name to another keeps its endpoints until the new one is answered', async () => {
  const dns = { name: 'one.example', records: 'a', port: 1, minTtlMs: 5000, maxTtlMs: 60_000 } as const;
  const service = aService('web', { addresses: ['10.77.0.10'], dns });
  const mesh = new RouterFixture(aMesh(service));
  mesh.resolver.addresses('one.example', ['10.0.0.1']);
  mesh.resolver.addresses('two.example', ['10.0.0.2']);
  await mesh.router.start();
  await settle();
  mesh.resolver.hold();
  mesh.config.set(aMesh({ ...service, dns: { ...dns, name: 'two.example' } }));
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.1:1']);
  mesh.resolver.release();
  await settle();
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.2:1']);
  mesh.config.set(aMesh({ ...service, dns: undefined, endpoints: [anEndpoint('10.0.0.3:1')] }));
  assert.deepEqual(mesh.behind(VIP), ['10.0.0.3:1']);
  assert.equal(mesh.clock.waiting, 0, 'the name is not asked for any more');
});

test('what the system refused is sent again until it is taken', async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.dataPlane.refuseNext('putTarget');
  mesh.dataPlane.refuseNext('putTarget');
  mesh.connect('192.0.2.1:80');
  assert.equal(mesh.dataPlane.targets.size, 0);
  mesh.clock.advance(100);
  assert.equal(mesh.dataPlane.targets.size, 0);
  mesh.clock.advance(200);
  assert.deepEqual(mesh.behind('192.0.2.1:80'), ['192.0.2.1:80']);
  assert.deepEqual(mesh.dataPlane.failures, []);
  assert.equal(mesh.clock.waiting, 0);
});

test('what was refused as malformed ends the waiting of the connection', async () => {
  const mesh = await RouterFixture.started(defaultMeshConfig);
  mesh.dataPlane.refuseNext('putDestination', new CommandRefusedError('put_destination.id', 'is bad', 0));
  mesh.connect('192.0.2.1:80');
  assert.equal(mesh.dataPlane.failures.length, 1);
  assert.equal(mesh.dataPlane.failures[0]?.address?.port, 80);
  assert.equal(mesh.refusals.length, 1);
  assert.equal(mesh.clock.waiting, 0);
});

test('an edit while the data plane is gone is logged, not thrown', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  mesh.dataPlane.close();
  mesh.config.set(aMesh());
  assert.ok(mesh.refusals.length > 0);
});

test('what a target meant is remembered after it is gone', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  const { targetId } = mesh.destination(VIP);
  mesh.config.set(aMesh({ ...web, endpoints: [] }));
  mesh.config.set(aMesh());
  const info = mesh.router.targetInfo(targetId);
  assert.equal(info?.authority, 'web:80');
  assert.deepEqual(info.endpointLabels(at('127.0.0.1:8082')), { service: 'web', tier: 'front', zone: 'a' });
  assert.deepEqual(info.endpointLabels(at('127.0.0.1:1')), { service: 'web', tier: 'front' });
  assert.equal(mesh.router.targetInfo(999), undefined);
});

test('the routes describe services, destinations and targets', async () => {
  const mesh = await RouterFixture.started({
    ...aMesh(web),
    forwards: [{ listen: at('127.0.0.1:18080'), to: { service: 'web', port: 80 } }],
  });
  mesh.connect('192.0.2.1:80');
  const routes = mesh.router.routes();
  const targetId = mesh.destination(VIP).targetId;
  assert.deepEqual(routes.services, [
    {
      name: 'web',
      names: ['web', 'web.mesh'],
      addresses: ['10.77.0.10'],
      ports: [{ port: 80, protocol: 'detect', targetId, routeTableId: 0 }],
      dns: undefined,
    },
  ]);
  assert.deepEqual(routes.destinations.map(({ kind }) => kind).toSorted(), [
    'forward',
    'outbound',
    'service',
  ]);
  assert.deepEqual(
    routes.targets.map(({ authority, kind }) => `${kind} ${authority}`),
    ['balance web:80', 'forward '],
  );
  assert.deepEqual(
    routes.targets[0]?.endpoints.map(({ weight }) => weight),
    [1, 3],
  );
  assert.deepEqual(
    routes.listeners.map(({ bound, to }) => [bound, to]),
    [[at('127.0.0.1:18080'), 'web:80']],
  );
});

test('after stop nothing is decided any more', async () => {
  const mesh = await RouterFixture.started(aMesh(web));
  await mesh.router.stop();
  mesh.dataPlane.commands.length = 0;
  mesh.config.set(aMesh());
  mesh.connect('192.0.2.1:80');
  assert.deepEqual(mesh.dataPlane.names(), []);
  assert.equal(mesh.dataPlane.subscribers, 0);
  assert.equal(mesh.clock.waiting, 0);
});

test('virtual addresses are captured whatever is skipped, each once', () => {
  const other = aService('api', {
    addresses: ['10.77.0.10', 'fd00::10'],
    ports: [{ port: 81, protocol: 'detect' }],
  });
  assert.deepEqual(captureNetworks(aMesh(web, other)), [
    { ip: '10.77.0.10', prefixLength: 32 },
    { ip: 'fd00::10', prefixLength: 128 },
  ]);
});

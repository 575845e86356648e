// What the two sides of a proxy's router have in common: explanations, what ids mean, the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction } from '../../../src/dataplane/gen/contract_pb.js';
import { aPolicy, aProfile, aServer, pathOf } from '../../support/proxy-messages.js';
import { ProxyRouterFixture } from '../../support/proxy-router-fixture.js';

const WEB = '10.43.0.10:8080';
const POD = '10.1.0.5:8080';

async function busy(): Promise<ProxyRouterFixture> {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).answer(aPolicy());
  proxy.profile(WEB).answer(aProfile());
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  proxy.accept(POD);
  proxy.server(8080).answer(aServer('web'));
  return proxy;
}

test('the same address is one destination on each side', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(POD);
  proxy.policy(POD).answer(aPolicy({ http: { web: { forwardTo: '10.1.0.9:80' } } }));
  proxy.profile(POD).answer(aProfile());
  proxy.accept(POD);
  assert.deepEqual(proxy.behind(POD), ['10.1.0.9:80']);
  assert.deepEqual(proxy.behind(POD, Direction.INBOUND), [POD]);
  proxy.idle(POD);
  assert.equal(proxy.isKnown(POD), false);
  assert.equal(proxy.isKnown(POD, Direction.INBOUND), true);
});

test('the state of every question is told with its times', async () => {
  const proxy = await busy();
  proxy.clock.advance(2000);
  proxy.policy(WEB).reset(14, 'the controller is away');
  proxy.clock.advance(500);
  const known = { state: 'known', open: true, ageMs: 2500, lastMessageAgoMs: 2500, lastFailure: undefined };
  assert.deepEqual(proxy.router.streams(), [
    {
      kind: 'outbound-policy',
      subject: WEB,
      state: 'known',
      open: false,
      ageMs: 500,
      lastMessageAgoMs: 2500,
      lastFailure: { code: 14, message: 'the controller is away', agoMs: 500 },
    },
    { kind: 'profile', subject: WEB, ...known },
    { kind: 'endpoints', subject: pathOf('web'), ...known },
    { kind: 'inbound-policy', subject: '8080', ...known },
  ]);
});

test('a question without an answer says so', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  assert.deepEqual(proxy.router.streams(), [
    {
      kind: 'inbound-policy',
      subject: '8080',
      state: 'pending',
      open: true,
      ageMs: 0,
      lastMessageAgoMs: undefined,
      lastFailure: undefined,
    },
  ]);
});

test('routes and backends of a table are known by their resources', async () => {
  const proxy = await busy();
  const { rules, tcp } = proxy.table(WEB);
  const parent = {
    group: 'core',
    kind: 'Service',
    namespace: 'shop',
    name: 'web',
    port: '8080',
    section: '',
  };
  const info = proxy.router.routeInfo(rules[0]?.id ?? 0);
  assert.deepEqual(info?.parent, parent);
  assert.deepEqual([info.route.kind, info.route.name], ['HTTPRoute', 'all']);
  assert.deepEqual(proxy.router.backendInfo(rules[0]?.distribution?.backends[0]?.id ?? 0), parent);
  assert.equal(proxy.router.routeInfo(tcp?.id ?? 0)?.route.kind, 'TCPRoute');
});

test('servers, authorizations and rate limits are known by their resources', async () => {
  const proxy = await busy();
  const { server } = proxy.table(POD, Direction.INBOUND);
  const { group, kind, name } = proxy.router.serverInfo(server?.id ?? 0) ?? {};
  assert.deepEqual([group, kind, name], ['policy.linkerd.io', 'server', 'web']);
  const authorization = proxy.router.authorizationInfo(server?.authorizations[0]?.id ?? 0);
  assert.deepEqual([authorization?.kind, authorization?.name], ['serverauthorization', 'web-clients']);
  assert.equal(proxy.router.rateLimitInfo(server?.rateLimit?.id ?? 0)?.name, 'web-limit');
});

test('an address is known by the target that its connections usually end at', async () => {
  const proxy = await busy();
  const web = { ip: '10.43.0.10', port: 8080 };
  assert.equal(proxy.router.targetAt('outbound', web)?.authority, pathOf('web'));
  assert.equal(proxy.router.targetAt('inbound', { ip: '10.1.0.5', port: 8080 })?.authority, '');
  assert.equal(proxy.router.targetAt('inbound', web), undefined);
});

test('the routes describe destinations, targets and tables', async () => {
  const proxy = await busy();
  const { destinations, targets, routeTables, services, listeners } = proxy.router.routes();
  assert.deepEqual(
    destinations.map(({ kind, address, protocol }) => [kind, address?.ip, protocol]),
    [
      ['outbound', '10.43.0.10', 'detect'],
      ['inbound', '10.1.0.5', 'detect'],
    ],
  );
  assert.deepEqual(
    targets.map(({ kind, endpoints }) => [kind, endpoints.map(({ address }) => address.ip)]),
    [
      ['balance', ['10.1.0.1']],
      ['forward', ['10.1.0.5']],
    ],
  );
  assert.deepEqual(
    routeTables.map(({ service }) => service),
    ['Service.shop.web', 'server.web'],
  );
  assert.deepEqual([services, listeners], [[], []]);
});

test('a destination without an answer is not among the routes', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  assert.deepEqual(proxy.router.routes().destinations, []);
});

test('after stop nothing is asked, and what the data plane has stays', async () => {
  const proxy = await busy();
  const { length } = proxy.dataPlane.commands;
  await proxy.router.stop();
  assert.deepEqual(proxy.controlPlane.open, []);
  proxy.connect('192.0.2.1:80');
  assert.equal(proxy.dataPlane.commands.length, length);
  assert.equal(proxy.dataPlane.subscribers, 0);
  assert.equal(proxy.clock.waiting, 0);
});

test('stop ends the waiting for endpoints', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect('192.0.2.1:80');
  proxy.policy('192.0.2.1:80').answer(aPolicy());
  assert.equal(proxy.clock.waiting, 1);
  await proxy.router.stop();
  assert.equal(proxy.clock.waiting, 0);
});

test('a failure while an answer is taken in is logged and goes no further', async () => {
  const proxy = await busy();
  proxy.endpoints(pathOf('web')).answer(undefined as never);
  assert.deepEqual(
    proxy.logger.at('error').map(({ message }) => message),
    ['the router failed; its decisions so far stay'],
  );
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
});

test('with a thousand services an update of one sends one command', async () => {
  const proxy = await ProxyRouterFixture.started();
  const addresses = Array.from(
    { length: 1000 },
    (_, index) => `192.0.${String(index >> 8)}.${String(index & 255)}:80`,
  );
  const endpointsOf = (index: number, last: number): string[] => [
    ...Array.from(
      { length: 9 },
      (_, endpoint) => `10.${String(index >> 8)}.${String(index & 255)}.${String(endpoint)}:80`,
    ),
    `10.${String(index >> 8)}.${String(index & 255)}.${String(last)}:80`,
  ];
  for (const [index, address] of addresses.entries()) {
    proxy.connect(address);
    proxy.policy(address).answer(aPolicy({ http: { [`service-${String(index)}`]: {} } }));
    proxy.answerEndpoints(pathOf(`service-${String(index)}`), ...endpointsOf(index, 100));
  }
  assert.equal(proxy.dataPlane.targets.size, 1000);
  proxy.dataPlane.commands.length = 0;
  proxy.answerEndpoints(pathOf('service-500'), ...endpointsOf(500, 101));
  const [update, ...others] = proxy.dataPlane.commands;
  assert.deepEqual(others, []);
  assert.equal(update?.name, 'updateEndpoints');
  const { add, remove } = update.value as { readonly add: unknown[]; readonly remove: unknown[] };
  assert.deepEqual([add.length, remove.length], [1, 1]);
});

// What Linkerd's policies ask of the way to endpoints: each spoken to as it takes it, under the authority
// it wants, and none on loopback where that is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';

import {
  Direction,
  EndpointState,
  Protocol,
  Reason,
  TargetKind,
} from '../../src/dataplane/gen/contract_pb.js';
import {
  type Answered,
  aNamedServer,
  asking,
  hostOf,
  type NamedServer,
  VERSIONS,
} from '../support/exchanges.js';
import { aServer, within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';

/** An application behind the inbound side of a proxy of the mesh: it takes HTTP/1 over HTTP/2. */
function meshed(t: TestContext, app: NamedServer): { proxy: ProxyUnderTest; port: number } {
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [app.port],
    protocol: Protocol.DETECT,
    direction: Direction.INBOUND,
  });
  return { proxy, port };
}

/** Asks until both servers have answered; what they answered, by their name. */
async function untilBoth(ask: () => Promise<Answered>): Promise<Map<string, Answered>> {
  const answers = new Map<string, Answered>();
  while (answers.size < 2) {
    const answer = await ask();
    assert.equal(answer.status, 200);
    answers.set(answer.body, answer);
  }
  return answers;
}

test('an HTTP/1.1 client reaches endpoints of one target that take HTTP/1 over HTTP/2, and others', async (t) => {
  const [near, far] = [await aNamedServer(t, 'HTTP/1.1', 'near'), await aNamedServer(t, 'HTTP/1.1', 'far')];
  const inbound = meshed(t, far);
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [near.port, inbound.port],
    balanced: true,
    traits: [{}, { takesOrigProto: true }],
  });
  const ask = asking(t, 'HTTP/1.1', port);
  await untilBoth(() => ask('/a', { headers: { host: 'web.mesh', 'l5d-orig-proto': 'HTTP/1.0' } }));
  for (const app of [near, far]) {
    assert.equal(app.headers()['host'], 'web.mesh', app.name);
    assert.equal(app.headers()['l5d-orig-proto'], undefined, app.name);
  }
  // The one proxy of the mesh has seen HTTP/2 from the other.
  await inbound.proxy.metricBecomes('sluice_detect_results_total', { result: 'http/2' }, 1);
  assert.equal(inbound.proxy.metric('sluice_detect_results_total', { result: 'http/1' }), 0);
});

test('an HTTP/2 client reaches such endpoints over HTTP/2 alike, and nothing is said of HTTP/1', async (t) => {
  const [near, far] = [await aNamedServer(t, 'HTTP/2', 'near'), await aNamedServer(t, 'HTTP/2', 'far')];
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [near.port, far.port],
    balanced: true,
    protocol: Protocol.HTTP2,
    traits: [{}, { takesOrigProto: true }],
  });
  const ask = asking(t, 'HTTP/2', port);
  await untilBoth(() => ask('/a'));
  for (const app of [near, far]) assert.equal(app.headers()['l5d-orig-proto'], undefined, app.name);
});

test('an upgrade reaches an endpoint that takes HTTP/1 over HTTP/2 by HTTP/1.1', async (t) => {
  const server = http.createServer();
  server.on('upgrade', (request, socket) => {
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n';
    socket.write(`${head}${String(request.headers.host)}`);
    socket.pipe(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const endpoint = (server.address() as AddressInfo).port;
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [endpoint],
    balanced: true,
    traits: [{ takesOrigProto: true, authorityOverride: 'other.mesh:81' }],
  });
  const headers = { host: 'web.mesh', connection: 'upgrade', upgrade: 'echo' };
  const request = http.get({ port, host: '127.0.0.1', headers });
  const upgrade = await within(once(request, 'upgrade'), 'no upgrade');
  const [, socket, early] = upgrade as [http.IncomingMessage, Socket, Buffer];
  let text = early.toString();
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.write('hello');
  socket.end();
  await within(once(socket, 'end'), 'no end');
  assert.equal(text, 'other.mesh:81hello');
});

for (const version of VERSIONS) {
  test(`${version}: requests to an endpoint carry the authority that it wants`, async (t) => {
    const [one, two] = [await aNamedServer(t, version, 'one'), await aNamedServer(t, version, 'two')];
    const proxy = aProxy(t);
    const { port } = proxy.route({
      to: [one.port, two.port],
      balanced: true,
      protocol: version === 'HTTP/2' ? Protocol.HTTP2 : Protocol.HTTP1,
      traits: [{ authorityOverride: 'other.mesh:81' }],
    });
    const ask = asking(t, version, port);
    const headers = { ...hostOf(version, 'web.mesh'), 'l5d-dst-canonical': 'web.mesh:80', 'x-own': '1' };
    await untilBoth(() => ask('/a', { headers }));
    const authority = version === 'HTTP/2' ? ':authority' : 'host';
    assert.equal(one.headers()[authority], 'other.mesh:81');
    assert.equal(one.headers()['l5d-dst-canonical'], undefined);
    assert.equal(one.headers()['x-own'], '1');
    assert.equal(two.headers()[authority], 'web.mesh');
    assert.equal(two.headers()['l5d-dst-canonical'], 'web.mesh:80');
  });
}

test('another authority and HTTP/1 over HTTP/2 go together', async (t) => {
  const app = await aNamedServer(t, 'HTTP/1.1', 'far');
  const inbound = meshed(t, app);
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [inbound.port],
    traits: [{ takesOrigProto: true, authorityOverride: 'other.mesh' }],
  });
  const answer = await asking(t, 'HTTP/1.1', port)('/a', { headers: { host: 'web.mesh' } });
  assert.equal(answer.body, 'far');
  assert.equal(app.headers()['host'], 'other.mesh');
});

test('a target that refuses loopback dials nobody there, and says so', async (t) => {
  const app = await aNamedServer(t, 'HTTP/1.1', 'app');
  const proxy = aProxy(t);
  const route = proxy.route({ to: [app.port], target: { refuseLoopback: true } });
  const answer = await asking(t, 'HTTP/1.1', route.port)('/');
  assert.equal(answer.status, 502);
  const failure = await proxy.failure(Reason.CONNECT_REFUSED);
  assert.match(failure.detail, /Outbound proxy cannot initiate connections on the loopback interface/);
  assert.equal(app.requests(), 0);
  assert.equal(proxy.metric('sluice_dials_total'), 0);
});

test('an endpoint on loopback that is refused is in back-off like any that cannot be reached', async (t) => {
  const app = await aNamedServer(t, 'HTTP/1.1', 'app');
  const proxy = aProxy(t);
  const route = proxy.route({
    to: [app.port],
    balanced: true,
    target: { kind: TargetKind.BALANCE, refuseLoopback: true, failFastTimeoutMs: 100 },
  });
  const answer = await asking(t, 'HTTP/1.1', route.port)('/');
  assert.equal(answer.status, 504);
  await proxy.failure(Reason.FAIL_FAST);
  const [endpoint] = proxy.inspect().targets[0]?.endpoints ?? [];
  assert.equal(endpoint?.state, EndpointState.ENDPOINT_BACKOFF);
  assert.notEqual(endpoint.lastErrno, 0);
});

test('an endpoint that does not answer PINGs of its own is given up', async (t) => {
  const proxy = aProxy(t);
  // Takes connections and says nothing.
  const silent = (await aServer(t)).port;
  const { port } = proxy.route({
    to: [silent],
    protocol: Protocol.HTTP2,
    traits: [{ http2Keepalive: { intervalMs: 50, timeoutMs: 50, whileIdle: false } }],
  });
  assert.equal((await asking(t, 'HTTP/2', port)('/')).status, 502);
  await proxy.failure(Reason.KEEPALIVE_TIMEOUT);
});

// WebSocket through `Upgrade`: a real client and a real server of the ws package, the proxy between.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';

import { WebSocket, WebSocketServer } from 'ws';

import { aClient } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { aRawHttpServer, exchange, field } from '../support/raw-http.js';
import { seededBytes } from '../support/seeded-bytes.js';

async function echoServer(t: TestContext): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'echo' });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer, binary) => {
      socket.send(data, { binary });
    });
  });
  await once(server, 'listening');
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function open(t: TestContext, proxy: ProxyUnderTest, to: number): Promise<WebSocket> {
  const { port } = proxy.route({ to: [to] });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, ['echo'], { perMessageDeflate: false });
  t.after(() => {
    socket.terminate();
  });
  await once(socket, 'open');
  return socket;
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  socket.send(message);
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data;
}

test('text, a binary megabyte and pings are echoed, and the subprotocol is agreed', async (t) => {
  const proxy = aProxy(t);
  const socket = await open(t, proxy, (await echoServer(t)).port);
  assert.equal(socket.protocol, 'echo');
  assert.equal((await echoed(socket, 'grüezi')).toString(), 'grüezi');
  const megabyte = seededBytes(9, 1 << 20);
  assert.ok(megabyte.equals(await echoed(socket, megabyte)));
  socket.ping('still there?');
  assert.equal(String((await once(socket, 'pong'))[0]), 'still there?');
  assert.equal(proxy.metric('response_total', { status_code: '101' }), 1);
});

test('close codes arrive on the other side, whoever closes', async (t) => {
  const proxy = aProxy(t);
  const { server, port } = await echoServer(t);
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const first = await open(t, proxy, port);
  const [endpoint] = await accepted;
  first.close(4001, 'client leaves');
  const [code, why] = (await once(endpoint, 'close')) as [number, Buffer];
  assert.deepEqual([code, why.toString()], [4001, 'client leaves']);

  const acceptedAgain = once(server, 'connection') as Promise<[WebSocket]>;
  const second = await open(t, proxy, port);
  (await acceptedAgain)[0].close(4002, 'server leaves');
  const [codeAgain, whyAgain] = (await once(second, 'close')) as [number, Buffer];
  assert.deepEqual([codeAgain, whyAgain.toString()], [4002, 'server leaves']);
  await proxy.idle();
  assert.equal(proxy.metric('sluice_connection_errors_total'), 0);
});

test('an upgrade that the server declines is an ordinary exchange', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(
    client,
    'GET / HTTP/1.1\nHost: web\nConnection: Upgrade\nUpgrade: websocket\n\n',
  );
  assert.equal(response.status, 200);
  const [request] = server.requests;
  assert.ok(request !== undefined);
  assert.equal(field(request, 'upgrade'), 'websocket');
  assert.equal(field(request, 'connection'), 'upgrade');
  assert.equal((await exchange(client, 'GET /next HTTP/1.1\nHost: web\n\n')).status, 200);
});

test('101 to a client that asked for no upgrade is a malformed response', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, () => 'HTTP/1.1 101 Switching\nConnection: upgrade\nUpgrade: x\n\n');
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(client, 'GET / HTTP/1.1\nHost: web\n\n');
  assert.equal(response.status, 502);
  assert.match(field(response, 'l5d-proxy-error') ?? '', /malformed response: bad_status/);
});

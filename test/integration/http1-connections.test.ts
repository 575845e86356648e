// Connections of HTTP/1: reuse on both sides, pipelining, versions, and how each side may end them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { OriginalDestinationSource } from '../../src/dataplane/gen/contract_pb.js';
import { aClient, aServer } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { aRawHttpServer, crlf, exchange, field, OK, readRequest, readResponse } from '../support/raw-http.js';

test('many requests of one client use one connection to the endpoint', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  for (let i = 0; i < 500; i += 1) {
    const response = await exchange(client, `GET /${i} HTTP/1.1\nHost: web\n\n`);
    assert.equal(response.status, 200);
  }
  assert.equal(server.accepted(), 1);
  assert.deepEqual(
    server.requests.map(({ target }) => target),
    Array.from({ length: 500 }, (_, i) => `/${i}`),
  );
  assert.equal(proxy.metric('sluice_dials_total'), 1);
  assert.equal(proxy.metric('request_total'), 500);
});

test('a connection that a client left is used for the next client', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const { port } = proxy.route({ to: [server.port] });
  for (let i = 0; i < 20; i += 1) {
    const client = await aClient(t, port);
    await exchange(client, 'GET / HTTP/1.1\nHost: web\n\n');
    client.finish();
    assert.equal(await client.ending(), 'fin');
  }
  assert.equal(server.accepted(), 1);
});

test('100 requests in one write are answered in order', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, ({ target }) => {
    return `HTTP/1.1 200 OK\nContent-Length: ${target.length}\n\n${target}`;
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const texts = Array.from({ length: 100 }, (_, i) =>
    i % 3 === 0
      ? `POST /${i} HTTP/1.1\nHost: web\nContent-Length: 5\n\nhello`
      : `GET /${i} HTTP/1.1\nHost: web\n\n`,
  );
  await client.send(crlf(texts.join('')));
  for (let i = 0; i < 100; i += 1) assert.equal((await readResponse(client)).body.toString(), `/${i}`);
  assert.equal(server.requests.length, 100);
  assert.equal(server.accepted(), 1);
});

test('requests that were sent before a half-close are all answered', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('GET /1 HTTP/1.1\nHost: web\n\n'.repeat(3)));
  client.finish();
  for (let i = 0; i < 3; i += 1) assert.equal((await readResponse(client)).status, 200);
  assert.equal(await client.ending(), 'fin');
});

test('a client that asks for it gets its connection closed, the endpoint keeps its own', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const { port } = proxy.route({ to: [server.port] });
  for (let i = 0; i < 3; i += 1) {
    const client = await aClient(t, port);
    const response = await exchange(client, 'GET / HTTP/1.1\nHost: web\nConnection: close\n\n');
    assert.equal(field(response, 'connection'), 'close');
    assert.equal(await client.ending(), 'fin');
  }
  assert.equal(server.accepted(), 1);
  assert.deepEqual(
    server.requests.map((request) => field(request, 'connection')),
    [undefined, undefined, undefined],
  );
});

test('an endpoint that closes after each response is dialled for each request', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, () => 'HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok');
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  for (let i = 0; i < 5; i += 1) {
    const response = await exchange(client, 'GET / HTTP/1.1\nHost: web\n\n');
    assert.equal(response.body.toString(), 'ok');
    assert.equal(field(response, 'connection'), undefined, 'the client may go on');
  }
  assert.equal(server.accepted(), 5);
});

test('an HTTP/1.0 client without keep-alive gets its response and the end', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, () => 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n');
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('GET /old HTTP/1.0\nHost: web\n\n'));
  const response = await readResponse(client);
  assert.equal(field(response, 'transfer-encoding'), undefined, 'it does not know chunks');
  assert.equal(response.body.toString(), 'ok');
  assert.equal(server.requests[0]?.startLine, 'GET /old HTTP/1.1');
});

test('an HTTP/1.0 client with keep-alive keeps its connection', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  for (let i = 0; i < 3; i += 1) {
    const response = await exchange(client, 'GET / HTTP/1.0\nHost: web\nConnection: keep-alive\n\n');
    assert.equal(field(response, 'connection'), 'keep-alive');
  }
});

test('an HTTP/1.0 server ends its body by closing; the client gets chunks and goes on', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    await readRequest(peer);
    await peer.send(crlf('HTTP/1.0 200 OK\nX-Old: yes\n\nall there is'));
    peer.finish();
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  for (let i = 0; i < 3; i += 1) {
    const response = await exchange(client, 'GET / HTTP/1.1\nHost: web\n\n');
    assert.equal(field(response, 'transfer-encoding'), 'chunked');
    assert.equal(response.body.toString(), 'all there is');
  }
  assert.equal(server.accepted(), 3);
});

test('an idempotent request is sent again when the reused connection dies under it', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  let connections = 0;
  const server = await aServer(t, async (peer) => {
    connections += 1;
    const first = connections === 1;
    await readRequest(peer);
    await peer.send(crlf(OK));
    if ((await readRequest(peer)) === undefined) return;
    if (first) peer.reset();
    else await peer.send(crlf(OK));
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await exchange(client, 'GET /1 HTTP/1.1\nHost: web\n\n');
  const response = await exchange(client, 'PUT /2 HTTP/1.1\nHost: web\nContent-Length: 3\n\nput');
  assert.equal(response.status, 200);
  assert.equal(proxy.metric('sluice_request_replays_total'), 1);
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
  assert.equal(server.accepted(), 2);
});

test('a POST is not sent again when the reused connection dies under it', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t, async (peer) => {
    await readRequest(peer);
    await peer.send(crlf(OK));
    await readRequest(peer);
    peer.reset();
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await exchange(client, 'GET /1 HTTP/1.1\nHost: web\n\n');
  const response = await exchange(client, 'POST /2 HTTP/1.1\nHost: web\nContent-Length: 4\n\npost');
  assert.equal(response.status, 502);
  assert.equal(server.accepted(), 1);
  assert.equal(proxy.metric('sluice_request_replays_total'), 0);
});

test('CONNECT through the forward proxy becomes a tunnel, also for bytes sent ahead', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    await peer.send('welcome');
    assert.equal((await peer.toEnd()).toString(), 'early and late');
    await peer.send(' and bye');
    peer.finish();
  });
  const route = proxy.route({ to: [server.port], source: OriginalDestinationSource.SOURCE_HTTP_PROXY });
  const client = await aClient(t, route.port);
  await client.send(crlf('CONNECT tunnel.mesh:443 HTTP/1.1\nHost: tunnel.mesh:443\n\nearly'));
  const response = await readResponse(client, 'CONNECT');
  assert.equal(response.status, 200);
  assert.deepEqual(response.fields, [], 'no framing in a 2xx to CONNECT');
  assert.equal((await client.exactly(7)).toString(), 'welcome');
  await client.send(' and late');
  client.finish();
  assert.equal((await client.toEnd()).toString(), ' and bye');
});

test('the forward proxy turns absolute-form into origin-form and keeps proxy credentials to itself', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const route = proxy.route({ to: [server.port], source: OriginalDestinationSource.SOURCE_HTTP_PROXY });
  const client = await aClient(t, route.port);
  await exchange(
    client,
    'GET http://web.mesh/a?b HTTP/1.1\nHost: web.mesh\nProxy-Authorization: Basic eA==\n\n',
  );
  const [request] = server.requests;
  assert.equal(request?.startLine, 'GET /a?b HTTP/1.1');
  assert.deepEqual(request.fields, [['Host', 'web.mesh']]);
});

test('without a forward proxy absolute-form is relayed as it came', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await exchange(client, 'GET http://web.mesh/a HTTP/1.1\nHost: web.mesh\n\n');
  assert.equal(server.requests[0]?.startLine, 'GET http://web.mesh/a HTTP/1.1');
  assert.equal(field(server.requests[0], 'host'), 'web.mesh');
});

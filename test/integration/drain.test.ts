// Draining: nothing new is accepted, what is under way finishes, idle clients are sent away, and the
// grace period ends what is left.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { aClient, aServer, within } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { aRawHttpServer, crlf, exchange, field, OK, readRequest, readResponse } from '../support/raw-http.js';

const GRACE_MS = 10_000;
const GET = crlf('GET / HTTP/1.1\nHost: web\n\n');

async function refused(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const [error] = (await within(once(socket, 'error'), 'it was accepted')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
}

test('a request under way finishes, and its client is told to close', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ to: [server.port] });
  const client = await aClient(t, port);
  await client.send(GET);
  const endpoint = await server.connection();
  await readRequest(endpoint);
  proxy.plane.drain(GRACE_MS);
  proxy.inspect();
  await refused(port);
  assert.equal(proxy.events.waiting('drained'), 0);
  await endpoint.send(crlf(OK));
  const response = await readResponse(client);
  assert.equal(response.body.toString(), 'ok');
  assert.equal(field(response, 'connection'), 'close');
  assert.equal(await client.ending(), 'fin');
  await proxy.events.next('drained');
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
});

test('idle connections are closed at once', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t);
  const { port } = proxy.route({ to: [server.port] });
  const used = await aClient(t, port);
  await exchange(used, 'GET / HTTP/1.1\nHost: web\n\n');
  const fresh = await aClient(t, port);
  await proxy.metricBecomes('tcp_open_connections', { peer: 'src' }, 2);
  proxy.plane.drain(GRACE_MS);
  assert.equal(await used.ending(), 'fin');
  assert.equal(await fresh.ending(), 'fin');
  await proxy.events.next('drained');
  assert.equal(proxy.metric('tcp_open_connections', { peer: 'src' }), 0);
});

test('of pipelined requests the one under way is answered, and the end is said', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(GET.repeat(3));
  const endpoint = await server.connection();
  await readRequest(endpoint);
  proxy.plane.drain(GRACE_MS);
  proxy.inspect();
  await endpoint.send(crlf(OK));
  const response = await readResponse(client);
  assert.equal(field(response, 'connection'), 'close');
  assert.equal((await client.toEnd()).length, 0, 'FIN, not a reset that could destroy the response');
  client.finish();
  await proxy.events.next('drained');
});

test('an opaque connection lives until its peers end it', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] }).port);
  const endpoint = await server.connection();
  proxy.plane.drain(GRACE_MS);
  proxy.inspect();
  await client.send('still');
  assert.equal((await endpoint.exactly(5)).toString(), 'still');
  await endpoint.send('here');
  assert.equal((await client.exactly(4)).toString(), 'here');
  client.finish();
  endpoint.finish();
  await proxy.events.next('drained');
  assert.equal(proxy.metric('sluice_connection_errors_total'), 0);
});

test('the grace period cuts what is left, with its reason', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const opaque = await aClient(t, proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] }).port);
  const first = await server.connection();
  const http = await aClient(t, proxy.route({ to: [server.port] }).port);
  await http.send(GET);
  const second = await server.connection();
  await readRequest(second);
  const began = performance.now();
  proxy.plane.drain(200);
  await proxy.events.next('drained');
  const lasted = performance.now() - began;
  assert.ok(lasted >= 190 && lasted < 5_000, `drained after ${lasted} ms`);
  assert.equal(await opaque.ending(), 'reset');
  assert.equal(await first.ending(), 'reset');
  assert.equal(await http.ending(), 'reset');
  await second.ending();
  assert.equal(proxy.metric('sluice_connection_errors_total', { error: 'draining' }), 2);
  await proxy.failure(Reason.DRAINING);
});

test('with nothing under way it is over at once', async (t) => {
  const proxy = aProxy(t);
  proxy.route({ to: [] });
  const began = performance.now();
  proxy.plane.drain(GRACE_MS);
  await proxy.events.next('drained');
  assert.ok(performance.now() - began < 1_000);
});

// The admin server over real sockets: paths, bodies, failures, stopping.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';

import { type AdminEndpoint, textResponse } from '../../../src/admin/http.js';
import { AdminServer } from '../../../src/admin/server.js';
import { systemClock } from '../../../src/core/clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

interface Answer {
  status: number | undefined;
  allow: readonly string[];
  body: string;
}

async function aServer(
  t: TestContext,
  endpoints: Record<string, AdminEndpoint>,
): Promise<{ port: number; logger: RecordingLogger }> {
  const logger = new RecordingLogger();
  const server = new AdminServer({
    address: { ip: '127.0.0.1', port: 0 },
    endpoints: new Map(Object.entries(endpoints)),
    logger,
    clock: systemClock,
  });
  await server.start();
  t.after(() => server.stop());
  return { port: server.bound?.port ?? 0, logger };
}

function ask(port: number, path: string, method = 'GET', body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode, allow: response.headersDistinct['allow'] ?? [], body: text });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const echo: AdminEndpoint = ({ method, query, body, fromLoopback }) =>
  textResponse(200, JSON.stringify({ method, query, body, fromLoopback }));

test('an endpoint gets method, query, body and where the peer is', async (t) => {
  const { port } = await aServer(t, { '/echo': echo });
  const answer = await ask(port, '/echo?a&b', 'PUT', 'hello');
  assert.deepEqual(JSON.parse(answer.body), {
    method: 'PUT',
    query: 'a&b',
    body: 'hello',
    fromLoopback: true,
  });
});

test('paths match exactly, everything else is 404 with an empty body', async (t) => {
  const { port } = await aServer(t, { '/echo': echo });
  for (const path of ['/', '/echo/', '/ech', '/ECHO', '/%65cho']) {
    assert.deepEqual(await ask(port, path), { status: 404, allow: [], body: '' }, path);
  }
});

test('an array of values becomes several lines', async (t) => {
  const { port } = await aServer(t, { '/x': () => ({ status: 405, headers: { allow: ['GET', 'PUT'] } }) });
  assert.deepEqual(await ask(port, '/x'), { status: 405, allow: ['GET', 'PUT'], body: '' });
});

test('an endpoint that throws answers 500, is logged, and the server lives on', async (t) => {
  const { port, logger } = await aServer(t, {
    '/bad': () => {
      throw new Error('broken');
    },
    '/echo': echo,
  });
  assert.deepEqual(await ask(port, '/bad'), { status: 500, allow: [], body: 'broken\n' });
  assert.equal(logger.at('error')[0]?.fields['path'], '/bad');
  assert.equal((await ask(port, '/echo')).status, 200);
});

test('a body that is too large is refused and not kept', async (t) => {
  const { port } = await aServer(t, { '/echo': echo });
  assert.equal((await ask(port, '/echo', 'PUT', 'x'.repeat(16 * 1024 + 1))).status, 413);
  assert.equal((await ask(port, '/echo', 'PUT', 'x'.repeat(16 * 1024))).status, 200);
});

test('stopping ends idle connections at once', async (t) => {
  const server = new AdminServer({
    address: { ip: '127.0.0.1', port: 0 },
    endpoints: new Map([['/echo', echo]]),
    logger: new RecordingLogger(),
    clock: systemClock,
  });
  await server.start();
  const socket = connect(server.bound?.port ?? 0, '127.0.0.1');
  t.after(() => socket.destroy());
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write('GET /echo HTTP/1.1\r\nhost: x\r\n\r\n');
  await answered;
  await server.stop();
  await closed;
});

test('stopping a server that never started is no error', async () => {
  const server = new AdminServer({
    address: { ip: '127.0.0.1', port: 0 },
    endpoints: new Map(),
    logger: new RecordingLogger(),
    clock: systemClock,
  });
  await server.stop();
  assert.equal(server.bound, undefined);
});

test('a busy address is a rejection with the code of node', async (t) => {
  const { port } = await aServer(t, {});
  const second = new AdminServer({
    address: { ip: '127.0.0.1', port },
    endpoints: new Map(),
    logger: new RecordingLogger(),
    clock: systemClock,
  });
  await assert.rejects(second.start(), { code: 'EADDRINUSE' });
  await second.stop();
});

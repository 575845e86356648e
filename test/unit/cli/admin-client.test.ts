// Asking an admin server: good answers, bad ones, none.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import { AdminUnavailableError, askAdmin } from '../../../src/cli/admin-client.js';
import { type HostPort } from '../../../src/core/ip.js';

async function aServer(t: TestContext, status: number, body: string): Promise<HostPort> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { ip: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

test('the body of a good answer is the result', async (t) => {
  assert.equal(await askAdmin(await aServer(t, 200, 'a 1\n'), '/metrics'), 'a 1\n');
});

test('another status is an error that names the place', async (t) => {
  const address = await aServer(t, 404, '');
  await assert.rejects(askAdmin(address, '/routes.json'), (error) => {
    assert.ok(error instanceof AdminUnavailableError);
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${String(address.port)}.*404`));
    return true;
  });
});

test('nobody listening is an error that says so', async (t) => {
  const address = await aServer(t, 200, '');
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  await assert.rejects(askAdmin({ ...address, port }, '/'), /nobody listens there/);
});

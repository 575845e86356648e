// Every endpoint of the admin server as a function: answers and who may ask.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { environmentEndpoint, REDACTED } from '../../../src/admin/environment-endpoint.js';
import { live, Readiness } from '../../../src/admin/health.js';
import { type AdminRequest, isLoopbackPeer } from '../../../src/admin/http.js';
import { logLevelEndpoint } from '../../../src/admin/log-level-endpoint.js';
import { logsEndpoint } from '../../../src/admin/logs-endpoint.js';
import { metricsEndpoint } from '../../../src/admin/metrics-endpoint.js';
import { shutdownEndpoint } from '../../../src/admin/shutdown-endpoint.js';

interface Asked {
  method?: string;
  query?: string;
  headers?: Readonly<Record<string, string>>;
  fromLoopback?: boolean;
  body?: string;
}

function aRequest({
  method = 'GET',
  query,
  headers = {},
  fromLoopback = true,
  body = '',
}: Asked = {}): AdminRequest {
  return { method, query, header: (name) => headers[name], fromLoopback, body };
}

test('live is always live', async () => {
  assert.deepEqual(await live(aRequest()), {
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: 'live\n',
  });
});

test('ready answers 503 without a content type until it is, then for good', async () => {
  const readiness = new Readiness();
  assert.deepEqual(await readiness.endpoint(aRequest()), { status: 503, body: 'not ready\n' });
  readiness.markReady();
  assert.equal((await readiness.endpoint(aRequest())).body, 'ready\n');
});

test('metrics are compressed for those who take gzip', async () => {
  const page = { contentType: 'text/plain; version=0.0.4', text: 'a 1\n' };
  const endpoint = metricsEndpoint({ render: () => Promise.resolve(page) });
  const plain = await endpoint(aRequest());
  assert.equal(plain.body, 'a 1\n');
  assert.equal(plain.headers?.['content-encoding'], undefined);
  const zipped = await endpoint(aRequest({ headers: { 'accept-encoding': 'deflate, gzip;q=1.0' } }));
  assert.equal(zipped.headers?.['content-encoding'], 'gzip');
  assert.equal(gunzipSync(zipped.body as Uint8Array).toString(), 'a 1\n');
});

const ENVIRONMENT = {
  PATH: '/bin',
  API_TOKEN: 'abc',
  SERVICE_ACCOUNT_TOKEN_FILE: '/run/token',
  db_password: 'p',
  DATABASE_URL: 'postgres://user:pw@db/x',
  SSH_AUTH_SOCK: '/tmp/agent',
  AUTHORITY_LABELS: 'unsafe',
  BASIC_AUTH: 'me:pw',
};

async function environment(asked: Asked = {}): Promise<{ status: number; body: unknown }> {
  const answer = await environmentEndpoint(() => ENVIRONMENT)(aRequest(asked));
  const isJson = answer.headers?.['content-type'] === 'application/json';
  return { status: answer.status, body: isJson ? JSON.parse(answer.body as string) : answer.body };
}

test('the environment shows every name, but no secret', async () => {
  assert.deepEqual(await environment(), {
    status: 200,
    body: {
      PATH: '/bin',
      API_TOKEN: REDACTED,
      SERVICE_ACCOUNT_TOKEN_FILE: '/run/token',
      db_password: REDACTED,
      DATABASE_URL: `postgres://${REDACTED}@db/x`,
      SSH_AUTH_SOCK: '/tmp/agent',
      AUTHORITY_LABELS: 'unsafe',
      BASIC_AUTH: REDACTED,
    },
  });
});

test('a query chooses variables, and missing ones are null', async () => {
  assert.deepEqual((await environment({ query: 'PATH&NOPE&constructor' })).body, {
    PATH: '/bin',
    NOPE: null,
    constructor: null,
  });
});

for (const [about, asked, status] of [
  ['a query with values is refused', { query: 'PATH=x' }, 400],
  ['another method is refused', { method: 'POST' }, 405],
  ['who does not take JSON gets none', { headers: { accept: 'text/html' } }, 406],
  ['who takes any application type gets JSON', { headers: { accept: 'text/html, application/*' } }, 200],
  ['who takes anything gets JSON', { headers: { accept: '*/*' } }, 200],
  ['an Accept that is not text is refused', { headers: { accept: 'caf\u00e9' } }, 400],
  ['it answers others than loopback too', { fromLoopback: false }, 200],
] as const) {
  test(`environment: ${about}`, async () => {
    assert.equal((await environment(asked)).status, status);
  });
}

function levels(): { endpoint: ReturnType<typeof logLevelEndpoint>; changes: string[] } {
  const changes: string[] = [];
  const endpoint = logLevelEndpoint({
    current: () => 'info',
    change: (text) => (text === 'bad' ? 'no such level' : (changes.push(text), undefined)),
  });
  return { endpoint, changes };
}

test('the log level can be read and changed', async () => {
  const { endpoint, changes } = levels();
  assert.equal((await endpoint(aRequest())).body, 'info');
  assert.deepEqual(await endpoint(aRequest({ method: 'PUT', body: 'debug' })), { status: 204 });
  assert.deepEqual(changes, ['debug']);
});

test('a bad log level is refused with the reason', async () => {
  const { endpoint } = levels();
  const answer = await endpoint(aRequest({ method: 'PUT', body: 'bad' }));
  assert.deepEqual([answer.status, answer.body], [400, 'no such level']);
});

test('the log level is for this host only, whatever the method', async () => {
  const { endpoint, changes } = levels();
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await endpoint(aRequest({ method, fromLoopback: false, body: 'debug' }));
    assert.deepEqual([answer.status, answer.body], [403, 'Requests are only permitted from localhost.']);
  }
  assert.deepEqual(changes, []);
});

test('another method on the log level names the two allowed ones', async () => {
  const { endpoint } = levels();
  assert.deepEqual(await endpoint(aRequest({ method: 'POST' })), {
    status: 405,
    headers: { allow: ['GET', 'PUT'] },
  });
});

test('where nothing is logged the level is not there, for this host only', async () => {
  const endpoint = logLevelEndpoint(undefined);
  assert.deepEqual(await endpoint(aRequest()), { status: 404 });
  assert.equal((await endpoint(aRequest({ fromLoopback: false }))).status, 403);
});

test('the log is followed from this host only', async () => {
  const endpoint = logsEndpoint({
    open: () => {
      throw new Error('must not be opened');
    },
  });
  for (const method of ['GET', 'QUERY', 'POST']) {
    const answer = await endpoint(aRequest({ method, query: 'info', body: 'info', fromLoopback: false }));
    assert.deepEqual([answer.status, answer.body], [403, 'Requests are only permitted from localhost.']);
  }
});

for (const { about, enabled, begins, asked, status, body, begun } of [
  { about: 'begins', enabled: true, begins: true, asked: {}, status: 200, body: 'shutdown\n', begun: 1 },
  {
    about: 'is refused where it is disabled',
    enabled: false,
    begins: true,
    asked: {},
    status: 404,
    body: 'shutdown endpoint is not enabled\n',
    begun: 0,
  },
  {
    about: 'says when nobody is left to do it',
    enabled: true,
    begins: false,
    asked: {},
    status: 500,
    body: 'shutdown listener dropped\n',
    begun: 1,
  },
  {
    about: 'is refused from another host',
    enabled: true,
    begins: true,
    asked: { fromLoopback: false },
    status: 403,
    body: 'Requests are only permitted from localhost.',
    begun: 0,
  },
  {
    about: 'needs POST',
    enabled: true,
    begins: true,
    asked: { method: 'GET' },
    status: 405,
    body: undefined,
    begun: 0,
  },
] as const) {
  test(`shutdown ${about}`, async () => {
    let count = 0;
    const endpoint = shutdownEndpoint(
      () => enabled,
      () => {
        count++;
        return begins;
      },
    );
    const answer = await endpoint(aRequest({ method: 'POST', ...asked }));
    assert.deepEqual([answer.status, answer.body, count], [status, body, begun]);
  });
}

test('loopback is told by the address of the peer', () => {
  for (const address of ['127.0.0.1', '127.9.8.7', '::1', '::ffff:127.0.0.1'])
    assert.ok(isLoopbackPeer(address), address);
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', '::2', '127.0.0.1.evil', undefined]) {
    assert.ok(!isLoopbackPeer(address), address);
  }
});

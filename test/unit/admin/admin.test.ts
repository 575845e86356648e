// The whole admin server over real connections: each endpoint as a probe, a scraper or an operator asks.
import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { type AdminParts, createAdminServer } from '../../../src/admin/admin.js';
import { Readiness } from '../../../src/admin/health.js';
import { type AdminServer } from '../../../src/admin/server.js';
import { systemClock } from '../../../src/core/clock.js';
import { type RecordParts } from '../../../src/logs/log-record.js';
import { LogStreams, STREAM_LINES } from '../../../src/logs/log-streams.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { until } from '../../support/processes.js';

interface Fixture {
  readonly server: AdminServer;
  readonly port: number;
  readonly streams: LogStreams;
  readonly readiness: Readiness;
  readonly filters: string[];
}

async function anAdminServer(t: TestContext, changes: Partial<AdminParts> = {}): Promise<Fixture> {
  const streams = new LogStreams();
  const readiness = new Readiness();
  const filters = ['warn'];
  const neverAsked = (): never => {
    throw new Error('not part of these tests');
  };
  const server = createAdminServer({
    address: { ip: '127.0.0.1', port: 0 },
    clock: systemClock,
    logger: new RecordingLogger(),
    readiness,
    metrics: { render: () => Promise.resolve({ contentType: 'text/plain', text: 'a 1\n' }) },
    variables: () => ({
      LINKERD2_PROXY_LOG: 'warn',
      LINKERD2_PROXY_INBOUND_METRICS_AUTHORITY_LABELS: 'unsafe',
      API_TOKEN: 'secret',
    }),
    levels: {
      current: () => filters.at(-1) ?? '',
      change: (text) => (text === 'bad' ? 'invalid filter' : (filters.push(text), undefined)),
    },
    logs: streams,
    shutdownEnabled: () => true,
    shutDown: () => true,
    routes: { routes: neverAsked, inspect: neverAsked, capture: neverAsked },
    why: { select: neverAsked },
    ...changes,
  });
  await server.start();
  t.after(() => server.stop());
  return { server, port: server.bound?.port ?? 0, streams, readiness, filters };
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The head of the answer; its body is still to come. */
function open(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body = '' }: Asked = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A QUERY has a body, which node does not know.
    const lengths = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = request(
      { host: '127.0.0.1', port, path, method, headers: { ...headers, ...lengths }, agent: false },
      resolve,
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly allow: readonly string[] | undefined;
  readonly body: string;
}

async function ask(port: number, path: string, asked?: Asked): Promise<Answer> {
  const response = await open(port, path, asked);
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  const { 'content-type': type, 'content-encoding': encoding } = response.headers;
  const body = (encoding === 'gzip' ? gunzipSync(all) : all).toString();
  return { status: response.statusCode, type, allow: response.headersDistinct['allow'], body };
}

/** Lines of an answer that goes on. */
class Lines {
  readonly response: IncomingMessage;
  readonly #chunks: AsyncIterator<string>;
  #text = '';

  constructor(response: IncomingMessage) {
    this.response = response.setEncoding('utf8');
    this.#chunks = (response as AsyncIterable<string>)[Symbol.asyncIterator]();
  }

  /** The next line as JSON; undefined at the end. */
  async next(): Promise<Record<string, unknown> | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line) as Record<string, unknown>;
      }
      const chunk = await this.#chunks.next();
      if (chunk.done === true) return undefined;
      this.#text += chunk.value;
    }
  }
}

function aLine(message: string, level: RecordParts['level'] = 'info'): RecordParts {
  return { level, fields: {}, message, timeMs: 0 };
}

for (const method of ['GET', 'POST', 'DELETE']) {
  test(`probes may ask with ${method}`, async (t) => {
    const { port, readiness } = await anAdminServer(t);
    assert.deepEqual(await ask(port, '/live?x', { method }), {
      status: 200,
      type: 'text/plain',
      allow: undefined,
      body: 'live\n',
    });
    assert.deepEqual(await ask(port, '/ready', { method }), {
      status: 503,
      type: undefined,
      allow: undefined,
      body: 'not ready\n',
    });
    readiness.markReady();
    assert.equal((await ask(port, '/ready', { method })).body, 'ready\n');
  });
}

test('a scrape that takes gzip among others gets it', async (t) => {
  const { port } = await anAdminServer(t);
  const headers = { 'accept-encoding': 'deflate, gzip' };
  const response = await open(port, '/metrics', { headers });
  assert.equal(response.headers['content-encoding'], 'gzip');
  response.resume();
  assert.equal((await ask(port, '/metrics', { headers })).body, 'a 1\n');
  assert.equal((await ask(port, '/metrics')).body, 'a 1\n');
});

test('a page of metrics that cannot be made is an answer of its own', async (t) => {
  const metrics = { render: () => Promise.reject(new Error('no page')) };
  const { port } = await anAdminServer(t, { metrics });
  assert.deepEqual(await ask(port, '/metrics'), {
    status: 500,
    type: 'text/plain',
    allow: undefined,
    body: 'no page\n',
  });
});

test('chosen variables are shown, missing ones as null, and a name with "auth" in it need not be a secret', async (t) => {
  const { port } = await anAdminServer(t);
  const names = [
    'LINKERD2_PROXY_LOG',
    'NOPE',
    'LINKERD2_PROXY_INBOUND_METRICS_AUTHORITY_LABELS',
    'API_TOKEN',
  ];
  assert.deepEqual(JSON.parse((await ask(port, `/env.json?${names.join('&')}`)).body), {
    LINKERD2_PROXY_LOG: 'warn',
    NOPE: null,
    LINKERD2_PROXY_INBOUND_METRICS_AUTHORITY_LABELS: 'unsafe',
    API_TOKEN: '[redacted]',
  });
  assert.equal((await ask(port, '/env.json?LINKERD2_PROXY_LOG=x')).status, 400);
  assert.equal((await ask(port, '/env.json', { method: 'PUT' })).status, 405);
  const refused = await ask(port, '/env.json', { headers: { accept: 'text/html' } });
  assert.deepEqual([refused.status, refused.body], [406, 'application/json']);
});

test('the filter of the log is read and changed', async (t) => {
  const { port, filters } = await anAdminServer(t);
  assert.equal((await ask(port, '/proxy-log-level')).body, 'warn');
  assert.equal((await ask(port, '/proxy-log-level', { method: 'PUT', body: 'linkerd=debug' })).status, 204);
  assert.deepEqual(filters, ['warn', 'linkerd=debug']);
  const bad = await ask(port, '/proxy-log-level', { method: 'PUT', body: 'bad' });
  assert.deepEqual([bad.status, bad.body], [400, 'invalid filter']);
  const other = await ask(port, '/proxy-log-level', { method: 'POST', body: 'x' });
  assert.deepEqual([other.status, other.allow], [405, ['GET', 'PUT']]);
});

test('where nothing is logged there is no filter and nothing to follow', async (t) => {
  const { port } = await anAdminServer(t, { levels: undefined, logs: undefined });
  for (const path of ['/proxy-log-level', '/logs.json?info']) {
    assert.deepEqual(await ask(port, path), { status: 404, type: undefined, allow: undefined, body: '' });
  }
});

for (const { about, path, asked } of [
  { about: 'GET', path: '/logs.json?warn,linkerd=info', asked: {} },
  { about: 'an encoded GET', path: '/logs.json?warn%2Clinkerd%3Dinfo', asked: {} },
  { about: 'QUERY', path: '/logs.json', asked: { method: 'QUERY', body: 'warn,linkerd=info' } },
]) {
  test(`the log is followed with ${about}, line by line`, async (t) => {
    const { port, streams } = await anAdminServer(t);
    const lines = new Lines(await open(port, path, asked));
    assert.equal(lines.response.headers['content-type'], 'application/json');
    streams.offer(aLine('not asked for', 'debug'));
    streams.offer(aLine('one'));
    assert.deepEqual((await lines.next())?.['fields'], { message: 'one' });
    streams.offer(aLine('two'));
    assert.deepEqual((await lines.next())?.['fields'], { message: 'two' });
    lines.response.destroy();
    await until('the stream is given up', () => !streams.isFollowed);
  });
}

test('lines that come faster than they are taken are counted', async (t) => {
  const { port, streams } = await anAdminServer(t);
  const lines = new Lines(await open(port, '/logs.json?info'));
  for (let index = 0; index < STREAM_LINES + 7; index++) streams.offer(aLine(String(index)));
  for (let index = 0; index < STREAM_LINES; index++) {
    assert.deepEqual((await lines.next())?.['fields'], { message: String(index) });
  }
  assert.deepEqual(await lines.next(), { dropped_events: 7 });
  lines.response.destroy();
});

test('a reader that takes nothing costs a bounded number of lines', async (t) => {
  const { port, streams } = await anAdminServer(t);
  const response = await open(port, '/logs.json?info');
  response.pause();
  const long = 'x'.repeat(4096);
  let turns = 0;
  // Until the buffers of the system are full: then the channel is, and lines are counted.
  const lines = new Lines(response);
  while (turns++ < 20_000) {
    streams.offer(aLine(long));
    if (turns % STREAM_LINES === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  streams.close();
  let dropped = 0;
  let taken = 0;
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    if (typeof line['dropped_events'] === 'number') dropped += line['dropped_events'];
    else taken += 1;
  }
  assert.ok(dropped > 0);
  assert.equal(taken + dropped, 20_000);
});

for (const { about, path, asked, status, body } of [
  {
    about: 'without a filter',
    path: '/logs.json',
    asked: {},
    status: 400,
    body: /"error":"the query must be a filter.*"status":400/,
  },
  {
    about: 'with a bad filter',
    path: '/logs.json?a%20b',
    asked: {},
    status: 400,
    body: /"error":"invalid filter directive \\"a b\\"","status":400/,
  },
  {
    about: 'with a bad filter in the body',
    path: '/logs.json',
    asked: { method: 'QUERY', body: 'linkerd=loud' },
    status: 400,
    body: /unknown level/,
  },
  {
    about: 'for something else than JSON',
    path: '/logs.json?info',
    asked: { headers: { accept: 'text/plain' } },
    status: 406,
    body: /^application\/json$/,
  },
  {
    about: 'with another method',
    path: '/logs.json?info',
    asked: { method: 'POST' },
    status: 405,
    body: /^$/,
  },
]) {
  test(`following the log ${about} is refused`, async (t) => {
    const { port, streams } = await anAdminServer(t);
    const answer = await ask(port, path, asked);
    assert.equal(answer.status, status);
    assert.match(answer.body, body);
    if (status === 405) assert.deepEqual(answer.allow, ['GET', 'QUERY']);
    assert.ok(!streams.isFollowed);
  });
}

test('stopping the server ends what is followed, cleanly', async (t) => {
  const { server, port, streams } = await anAdminServer(t);
  const lines = new Lines(await open(port, '/logs.json?info'));
  streams.offer(aLine('last'));
  const stopped = server.stop();
  assert.deepEqual((await lines.next())?.['fields'], { message: 'last' });
  assert.equal(await lines.next(), undefined);
  await stopped;
  assert.ok(!streams.isFollowed);
});

test('there is nothing at other paths', async (t) => {
  const { port } = await anAdminServer(t);
  for (const path of ['/', '/tasks', '/live/', '/debug/pprof/profile.pb.gz']) {
    assert.deepEqual(
      await ask(port, path),
      { status: 404, type: undefined, allow: undefined, body: '' },
      path,
    );
  }
});

test('the drain begins where it may, with POST only', async (t) => {
  let begun = 0;
  const { port } = await anAdminServer(t, { shutDown: () => (begun++, true) });
  const other = await ask(port, '/shutdown');
  assert.deepEqual([other.status, other.allow, begun], [405, ['POST'], 0]);
  assert.equal((await ask(port, '/shutdown', { method: 'POST' })).body, 'shutdown\n');
  assert.equal(begun, 1);
});

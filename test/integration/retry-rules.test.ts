// What a rule says of retries, and what a request may say instead: which requests are sent again, how
// often, whole to the last byte, and what the client gets when nothing comes of it.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import {
  aClient,
  aServer,
  type Call,
  type Fields,
  type ServerSide,
  type Version,
} from '../support/http-ends.js';
import { within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { fiveHundreds, oneRule, rule, type RuleInit } from '../support/route-tables.js';
import { seededBytes } from '../support/seeded-bytes.js';

const VERSIONS: readonly Version[] = ['HTTP/1.1', 'HTTP/2'];

interface Got {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

async function wholeOf(from: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of from) parts.push(part);
  return Buffer.concat(parts);
}

interface Scene {
  readonly proxy: ProxyUnderTest;
  /** What came to the server, try by try. */
  readonly got: readonly Got[];
  readonly send: (call?: Call, body?: readonly Buffer[]) => Promise<Got & { readonly status: number }>;
}

/** A rule before one server; `answer` is called once a request is there, with its number from 1 on. */
async function scene(
  t: TestContext,
  version: Version,
  more: RuleInit,
  answer: (exchange: ServerSide, number: number, body: Buffer) => void,
): Promise<Scene> {
  const got: Got[] = [];
  const server = await aServer(t, version, (exchange) => {
    wholeOf(exchange.body).then(
      (body) => {
        got.push({ headers: exchange.headers, body });
        answer(exchange, got.length, body);
      },
      () => undefined,
    );
  });
  const proxy = aProxy(t);
  const protocol = version === 'HTTP/2' ? Protocol.HTTP2 : Protocol.HTTP1;
  const { port } = proxy.routed(oneRule(rule(11, proxy.target([server.port]), more)), { protocol });
  const client = aClient(t, version, port);
  const send: Scene['send'] = async (call = {}, body = []) => {
    const sent = client.send({
      method: body.length > 0 ? 'POST' : 'GET',
      hasBody: body.length > 0,
      ...call,
    });
    // What is refused before its end is not taken to its end.
    sent.request.on('error', () => undefined);
    if (body.length > 0) {
      for (const part of body) sent.request.write(part);
      sent.request.end();
    }
    const { status, headers } = await within(sent.head, 'no response');
    return { status, headers, body: await within(wholeOf(await sent.body()), 'no end of the response') };
  };
  return { proxy, got, send };
}

function answering(
  status: number,
  body = String(status),
  fields: Fields = {},
): (exchange: ServerSide) => void {
  return (exchange) => {
    exchange.head(status, fields);
    exchange.response.write(body);
    exchange.end();
  };
}

/** Fails with 503 until the `count`th request, which is answered with its own body. */
function failingBefore(count: number): (exchange: ServerSide, number: number, body: Buffer) => void {
  return (exchange, number, body) => {
    if (number < count) {
      answering(503)(exchange);
      return;
    }
    exchange.head(200);
    exchange.response.write(body);
    exchange.end();
  };
}

const RETRY = { maxRetries: 3, maxRequestBytes: 65_536n, statuses: fiveHundreds } as const;

function counted(proxy: ProxyUnderTest, what: string): number {
  return proxy.metric(`outbound_http_route_retry_${what}_total`);
}

for (const version of VERSIONS) {
  test(`${version}: a body is sent again byte for byte, with its head`, async (t) => {
    const { send, got, proxy } = await scene(t, version, { retry: RETRY }, failingBefore(4));
    const parts = [seededBytes(1, 1), seededBytes(2, 40_000), seededBytes(3, 20_000)];
    const whole = Buffer.concat(parts);
    const { status, body } = await send({ path: '/again?and=again', headers: { 'x-mark': 'kept' } }, parts);
    assert.equal(status, 200);
    assert.ok(body.equals(whole), 'the answer has what was sent');
    assert.equal(got.length, 4);
    for (const one of got) {
      assert.ok(one.body.equals(whole), 'every try has what was sent');
      assert.equal(one.headers['x-mark'], 'kept');
    }
    assert.deepEqual(
      ['requests', 'successes', 'overflow'].map((what) => counted(proxy, what)),
      [3, 1, 0],
    );
  });

  test(`${version}: a body that is larger than the cap is sent once`, async (t) => {
    const retry = { ...RETRY, maxRequestBytes: 10_000n };
    const { send, got, proxy } = await scene(t, version, { retry }, answering(503));
    const known = await send({ headers: { 'content-length': '10001' } }, [seededBytes(1, 10_001)]);
    assert.deepEqual([known.status, got.length], [503, 1]);
    // Nobody knows before it has come that it outgrows the cap.
    const grown = await send({}, [seededBytes(1, 9000), seededBytes(2, 2000)]);
    assert.deepEqual([grown.status, got.length], [503, 2]);
    assert.equal(got[1]?.body.length, 11_000);
    assert.equal(counted(proxy, 'requests'), 0);
    // And what is exactly as large is sent again.
    await send({}, [seededBytes(1, 10_000)]);
    assert.equal(counted(proxy, 'requests'), 3);
  });

  test(`${version}: a request is sent again as often as allowed, and its last answer passed on`, async (t) => {
    const { send, got, proxy } = await scene(
      t,
      version,
      { retry: { ...RETRY, maxRetries: 2 } },
      (exchange, number) => {
        answering(503, `try ${String(number)}`, { 'x-try': String(number) })(exchange);
      },
    );
    const { status, headers, body } = await send();
    assert.deepEqual([status, headers['x-try'], body.toString()], [503, '3', 'try 3']);
    assert.equal(got.length, 3);
    assert.deepEqual(
      ['requests', 'successes', 'limit_exceeded'].map((what) => counted(proxy, what)),
      [2, 0, 1],
    );
    assert.equal(proxy.metric('outbound_http_route_request_statuses_total', { http_status: '503' }), 1);
    assert.equal(
      proxy.metric('outbound_http_route_backend_response_statuses_total', { http_status: '503' }),
      3,
    );
  });

  test(`${version}: a status that the rule does not name is an answer`, async (t) => {
    const retry = { ...RETRY, statuses: [{ first: 502, last: 504 }] };
    const { send, got } = await scene(t, version, { retry }, answering(500));
    assert.equal((await send()).status, 500);
    assert.equal(got.length, 1);
  });

  test(`${version}: a budget is never exceeded; without one the last answer is passed on`, async (t) => {
    const budget = { id: 1, ratio: 0.5, minRetriesPerSecond: 0, ttlMs: 60_000 };
    const { send, got, proxy } = await scene(
      t,
      version,
      { retry: { ...RETRY, maxRetries: 1, budget } },
      answering(503, 'as the server said'),
    );
    for (let sent = 1; sent <= 10; sent += 1) {
      const { status, body } = await send();
      assert.deepEqual([status, body.toString()], [503, 'as the server said']);
      assert.equal(got.length, sent + Math.floor(sent / 2));
    }
    // A request that may not be sent again is counted with why: every second had no budget.
    assert.deepEqual(
      ['requests', 'overflow', 'limit_exceeded'].map((what) => counted(proxy, what)),
      [5, 5, 5],
    );
  });

  test(`${version}: a try that hangs is given up after its time-out, and the next one succeeds`, async (t) => {
    const { send, got, proxy } = await scene(
      t,
      version,
      { retry: { ...RETRY, timeoutMs: 100 } },
      (exchange, number) => {
        if (number > 1) answering(200)(exchange);
      },
    );
    assert.equal((await send()).status, 200);
    assert.ok(got.length >= 2);
    assert.equal(counted(proxy, 'successes'), 1);
    assert.ok(
      proxy.metric('outbound_http_route_backend_response_statuses_total', {
        error: 'RESPONSE_HEADERS_TIMEOUT',
      }) >= 1,
    );
  });

  test(`${version}: a rule that allows it obeys what a request says, and keeps it from the server`, async (t) => {
    const rules = { allowRequestOverrides: true };
    const { send, got, proxy } = await scene(t, version, rules, failingBefore(4));
    const asked = { 'l5d-retry-http': '5xx', 'l5d-retry-limit': '3', 'l5d-timeout': '20s', 'x-mark': 'kept' };
    assert.equal((await send({ headers: asked })).status, 200);
    assert.equal(got.length, 4);
    for (const { headers } of got) {
      assert.deepEqual(
        Object.keys(headers).filter((name) => /^l5d-(?:retry|timeout)/.test(name)),
        [],
      );
      assert.equal(headers['x-mark'], 'kept');
    }
    assert.equal(counted(proxy, 'requests'), 3);
  });

  test(`${version}: a rule that does not allow it passes on what a request says`, async (t) => {
    const { send, got, proxy } = await scene(t, version, {}, failingBefore(2));
    const asked = { 'l5d-retry-http': '5xx', 'l5d-retry-limit': '3', 'l5d-timeout': '20s' };
    assert.equal((await send({ headers: asked })).status, 503);
    assert.equal(got.length, 1);
    for (const [name, value] of Object.entries(asked)) assert.equal(got[0]?.headers[name], value);
    assert.equal(counted(proxy, 'requests'), 0);
  });

  test(`${version}: a time-out that a request asks for spans all its tries`, async (t) => {
    const rules = { allowRequestOverrides: true, retry: { ...RETRY, maxRetries: 100, timeoutMs: 50 } };
    const { send, got, proxy } = await scene(t, version, rules, () => undefined);
    const { status, headers } = await send({ headers: { 'l5d-timeout': '300ms' } });
    assert.equal(status, 504);
    assert.match(String(headers['l5d-proxy-error']), /timed out/);
    const failure = await proxy.failure(Reason.REQUEST_TIMEOUT);
    assert.ok(failure.tries > 1, `${String(failure.tries)} tries`);
    assert.ok(
      got.length > 1 && got.length <= failure.tries,
      `${String(got.length)} of ${String(failure.tries)} tries came`,
    );
  });
}

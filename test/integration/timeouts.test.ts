// The time-outs of routes: before the head of a response they are a 504 that leaves the connection alone;
// after it the response is cut short in a way that nobody takes for its end. gRPC: grpc-retries.test.ts.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { Reason } from '../../src/dataplane/gen/contract_pb.js';
import { asking, protocolOf, VERSIONS } from '../support/exchanges.js';
import { aClient as anHttpClient, aServer, type ServerSide, type Version } from '../support/http-ends.js';
import { aClient, within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest, type Route } from '../support/proxy-under-test.js';
import { oneRule, rule, type RuleInit } from '../support/route-tables.js';
import { exchange as exchangeRaw, field } from '../support/raw-http.js';

interface Timeout {
  readonly what: string;
  readonly rule: RuleInit;
  readonly reason: Reason;
  readonly label: string;
}

const TIMEOUTS: readonly Timeout[] = [
  {
    what: 'the whole request',
    rule: { timeouts: { requestMs: 300 } },
    reason: Reason.REQUEST_TIMEOUT,
    label: 'REQUEST_TIMEOUT',
  },
  {
    what: 'the response',
    rule: { timeouts: { responseMs: 300 } },
    reason: Reason.RESPONSE_TIMEOUT,
    label: 'RESPONSE_STREAM_TIMEOUT',
  },
  {
    what: 'idleness',
    rule: { timeouts: { idleMs: 300 } },
    reason: Reason.STREAM_IDLE_TIMEOUT,
    label: 'IDLE_TIMEOUT',
  },
];

async function scene(
  t: TestContext,
  version: Version,
  more: RuleInit,
  serve: (exchange: ServerSide) => void,
  responseTimeoutMs = 0,
): Promise<{ readonly proxy: ProxyUnderTest; readonly route: Route }> {
  const server = await aServer(t, version, serve);
  const proxy = aProxy(t);
  const target = proxy.target([server.port], { target: { responseTimeoutMs } });
  return {
    proxy,
    route: proxy.routed(oneRule(rule(11, target, more)), { protocol: protocolOf(version) }),
  };
}

/** Never answers `/hang`, stops in the middle of `/stop`, goes on for long with `/drip`. */
function serve(exchange: ServerSide): void {
  exchange.body.resume();
  if (exchange.path === '/hang') return;
  exchange.head(200);
  exchange.response.write('part');
  if (exchange.path === '/stop') return;
  exchange.end();
}

/** As above, but sends a byte now and then until its exchange is cut. */
function serveDripping(exchange: ServerSide): void {
  exchange.body.resume();
  exchange.head(200);
  const drip = setInterval(() => {
    exchange.response.write('.');
  }, 10);
  exchange.response.on('close', () => {
    clearInterval(drip);
  });
}

for (const { what, rule: more, reason, label } of TIMEOUTS) {
  for (const version of VERSIONS) {
    test(`${version}: the time-out of ${what} before a head is 504, and the connection goes on`, async (t) => {
      const { proxy, route } = await scene(t, version, more, serve);
      const ask = asking(t, version, route.port);
      for (let n = 1; n <= 2; n += 1) {
        const { status, headers } = await ask('/hang');
        assert.equal(status, 504);
        assert.notEqual(headers['connection'], 'close');
        assert.ok(String(headers['l5d-proxy-error']).length > 0);
        assert.deepEqual((await ask('/')).body, 'part');
      }
      assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 1);
      const failure = await proxy.failure(reason);
      assert.deepEqual([failure.status, failure.routeId, failure.tries], [504, 11, 1]);
      const name = 'outbound_http_route_request_statuses_total';
      assert.equal(proxy.metric(name, { http_status: '504', error: label }), 2);
    });

    test(`${version}: the time-out of ${what} within a body cuts it short`, async (t) => {
      const { proxy, route } = await scene(t, version, more, serve);
      const client = anHttpClient(t, version, route.port);
      const sent = client.send({ method: 'GET', path: '/stop', hasBody: false });
      const { status } = await within(sent.head, 'no head');
      assert.equal(status, 200);
      const parts: string[] = [];
      const body = await sent.body();
      const ended = new Promise<string>((resolve) => {
        body.on('data', (part: Buffer) => parts.push(part.toString()));
        body.on('error', (error) => {
          resolve(error.message);
        });
        body.on('end', () => {
          resolve('complete');
        });
      });
      const ending = await within(ended, 'no end of the response');
      assert.match(ending, version === 'HTTP/2' ? /NGHTTP2_INTERNAL_ERROR/ : /aborted/);
      assert.equal(parts.join(''), 'part');
      const failure = await proxy.failure(reason);
      assert.deepEqual([failure.status, failure.routeId], [0, 11]);
      assert.equal(
        proxy.metric('outbound_http_route_request_statuses_total', { http_status: '200', error: label }),
        1,
      );
      // Of HTTP/2 connections only the stream goes.
      const after = await asking(t, version, route.port)('/');
      assert.equal(after.body, 'part');
    });
  }
}

for (const version of VERSIONS) {
  test(`${version}: bytes that come keep a response from being idle, but not from its own time-out`, async (t) => {
    const timeouts = { idleMs: 5000, responseMs: 500 };
    const { proxy, route } = await scene(t, version, { timeouts }, serveDripping);
    const client = anHttpClient(t, version, route.port);
    const sent = client.send({ method: 'GET', path: '/drip', hasBody: false });
    const body = await within(sent.body(), 'no head');
    const ended = new Promise<void>((resolve) => {
      body.on('error', () => {
        resolve();
      });
      body.on('end', resolve);
    });
    body.resume();
    await within(ended, 'no end of the response');
    await proxy.failure(Reason.RESPONSE_TIMEOUT);
  });

  test(`${version}: no head in time of the last try is 504, and the connection goes on`, async (t) => {
    const retry = { maxRetries: 1, statuses: [{ first: 500, last: 599 }], timeoutMs: 100 };
    const { proxy, route } = await scene(t, version, { retry }, serve, 300);
    const ask = asking(t, version, route.port);
    assert.equal((await ask('/hang')).status, 504);
    const failure = await proxy.failure(Reason.RESPONSE_HEADERS_TIMEOUT);
    assert.deepEqual([failure.status, failure.tries], [504, 2]);
    assert.equal((await ask('/')).status, 200);
    assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 1);
  });
}

test('an HTTP/1 connection carries the next request after a 504, and is aborted within a body', async (t) => {
  const { route } = await scene(t, 'HTTP/1.1', { timeouts: { requestMs: 300 } }, serve);
  const client = await aClient(t, route.port);
  const first = await exchangeRaw(client, 'GET /hang HTTP/1.1\nHost: web\n\n');
  assert.deepEqual([first.status, field(first, 'connection')], [504, undefined]);
  const second = await exchangeRaw(client, 'GET / HTTP/1.1\nHost: web\n\n');
  assert.deepEqual([second.status, second.body.toString()], [200, 'part']);
  client.write('GET /stop HTTP/1.1\r\nHost: web\r\n\r\n');
  const head = await client.through('part');
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal(await client.ending(), 'reset');
});

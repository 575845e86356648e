// Every reason the data path can give, produced by a real fault: its status, its metric and its
// failure event; and counters that match what was sent.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import { OriginalDestinationSource, Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { reasonName } from '../../src/dataplane/reason-name.js';
import { closedPort } from '../contract/harness.js';
import { aClient, aServer, type Peer } from '../support/peer.js';
import {
  aProxy,
  type ProxyUnderTest,
  type ProxyWishes,
  type RouteWishes,
} from '../support/proxy-under-test.js';
import { aRawHttpServer, crlf, exchange, field, OK, readRequest, readResponse } from '../support/raw-http.js';

const GET = crlf('GET /path?query HTTP/1.1\nHost: web\n\n');

interface Fault {
  readonly name: string;
  readonly reason: Reason;
  readonly status: number;
  /** Part of `l5d-proxy-error`. */
  readonly says: RegExp;
  /** The client's connection may go on: what failed was this request alone. */
  readonly keeps?: boolean;
  readonly proxy?: ProxyWishes;
  readonly route?: Partial<RouteWishes>;
  /** What the endpoint does with its connection; without it nobody listens there. */
  readonly endpoint?: (peer: Peer) => Promise<void>;
  readonly request?: string;
  /** What the control logic does when it is asked. */
  readonly meanwhile?: (proxy: ProxyUnderTest) => Promise<void>;
}

function answering(text: string): (peer: Peer) => Promise<void> {
  return async (peer) => {
    await readRequest(peer);
    peer.write(crlf(text));
  };
}

const discovering: Partial<RouteWishes> = {
  destination: { targetId: 0, discoverAuthorities: true },
  source: OriginalDestinationSource.SOURCE_HTTP_PROXY,
};

const LONG = 'x'.repeat(70_000);
const MANY = Array.from({ length: 300 }, (_, i) => `X-${i}: ${i}\r\n`).join('');

const FAULTS: readonly Fault[] = [
  {
    name: 'a head that does not end',
    reason: Reason.CLIENT_HEAD_TIMEOUT,
    status: 408,
    says: /request head not complete in time/,
    proxy: { http: { requestHeadTimeoutMs: 100 } },
    request: 'GET / HTTP/1.1\r\nHost',
  },
  {
    name: 'a malformed head',
    reason: Reason.MALFORMED_REQUEST,
    status: 400,
    says: /malformed request: bad_field_name/,
    request: 'GET / HTTP/1.1\r\nbad name: x\r\n\r\n',
  },
  {
    name: 'a head of too many bytes',
    reason: Reason.REQUEST_HEAD_TOO_LARGE,
    status: 431,
    says: /request head too large: head_too_large/,
    request: `GET / HTTP/1.1\r\nHost: web\r\nX: ${LONG}\r\n\r\n`,
  },
  {
    name: 'a head of too many fields',
    reason: Reason.REQUEST_HEAD_TOO_LARGE,
    status: 431,
    says: /request head too large: too_many_fields/,
    request: `GET / HTTP/1.1\r\nHost: web\r\n${MANY}\r\n`,
  },
  {
    name: 'an unknown version',
    reason: Reason.UNSUPPORTED_VERSION,
    status: 505,
    says: /unsupported HTTP version/,
    request: 'GET / HTTP/2.3\r\nHost: web\r\n\r\n',
  },
  {
    name: 'a discovery that says no',
    reason: Reason.DISCOVERY_FAILED,
    status: 502,
    says: /discovery failed: web: no such name/,
    route: discovering,
    meanwhile: async (proxy) => {
      const { destinationId, authority } = await proxy.events.next('discoverAuthority');
      proxy.plane.failDiscovery({ destinationId, authority, detail: 'no such name' });
    },
  },
  {
    name: 'a discovery without an answer',
    reason: Reason.DISCOVERY_TIMEOUT,
    status: 504,
    says: /discovery timed out: web/,
    proxy: { tcp: { discoveryTimeoutMs: 100 } },
    route: discovering,
  },
  {
    name: 'an authority without a target',
    reason: Reason.NO_ROUTE,
    status: 404,
    says: /no route/,
    keeps: true,
    route: { destination: { targetId: 0, authorities: [{ authority: 'other', targetId: 1 }] } },
  },
  {
    name: 'a target without endpoints',
    reason: Reason.NO_ENDPOINTS,
    status: 503,
    says: /no endpoints/,
    route: { to: [], balanced: true },
  },
  {
    name: 'endpoints that all refuse',
    reason: Reason.FAIL_FAST,
    status: 504,
    says: /service in fail-fast/,
    route: { balanced: true, target: { failFastTimeoutMs: 100 } },
  },
  {
    name: 'a queue without room',
    reason: Reason.QUEUE_FULL,
    status: 503,
    says: /service unavailable/,
    route: { balanced: true, target: { queueCapacity: 0 } },
  },
  {
    name: 'an endpoint that refuses',
    reason: Reason.CONNECT_REFUSED,
    status: 502,
    says: /endpoint 127\.0\.0\.1:\d+: connection refused: Connection refused \(os error 111\)/,
  },
  {
    name: 'an endpoint that closes without a response',
    reason: Reason.ENDPOINT_CLOSED,
    status: 502,
    says: /endpoint closed the connection before a complete response/,
    endpoint: async (peer) => {
      await readRequest(peer);
      peer.finish();
    },
  },
  {
    name: 'an endpoint that closes in its head',
    reason: Reason.ENDPOINT_CLOSED,
    status: 502,
    says: /endpoint closed/,
    endpoint: async (peer) => {
      await readRequest(peer);
      await peer.send('HTTP/1.1 200 OK\r\nContent-');
      peer.finish();
    },
  },
  {
    name: 'an endpoint that resets',
    reason: Reason.ENDPOINT_RESET,
    status: 502,
    says: /endpoint reset the connection: Connection reset by peer \(os error 104\)/,
    endpoint: async (peer) => {
      await readRequest(peer);
      peer.reset();
    },
  },
  {
    name: 'a response that is none',
    reason: Reason.MALFORMED_RESPONSE,
    status: 502,
    says: /malformed response: bad_start_line/,
    endpoint: answering('220 smtp ready\n'),
  },
  {
    name: 'a response of two lengths',
    reason: Reason.MALFORMED_RESPONSE,
    status: 502,
    says: /malformed response: bad_content_length/,
    endpoint: answering('HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nab'),
  },
  {
    name: 'a response of a length and an encoding',
    reason: Reason.MALFORMED_RESPONSE,
    status: 502,
    says: /malformed response: length_and_encoding/,
    endpoint: answering('HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n0\n\n'),
  },
  {
    name: 'a response head of too many bytes',
    reason: Reason.RESPONSE_HEAD_TOO_LARGE,
    status: 502,
    says: /response head too large: head_too_large/,
    endpoint: answering(`HTTP/1.1 200 OK\nX: ${LONG}\n\n`),
  },
  {
    name: 'a response head of too many fields',
    reason: Reason.RESPONSE_HEAD_TOO_LARGE,
    status: 502,
    says: /response head too large: too_many_fields/,
    endpoint: answering(`HTTP/1.1 200 OK\n${MANY.replaceAll('\r', '')}\n`),
  },
  {
    name: 'a response that does not come',
    reason: Reason.RESPONSE_HEADERS_TIMEOUT,
    status: 504,
    says: /timed out waiting for response headers/,
    keeps: true,
    route: { target: { responseTimeoutMs: 100 } },
    endpoint: async (peer) => {
      await readRequest(peer);
    },
  },
];

async function provoke(t: TestContext, fault: Fault): Promise<ProxyUnderTest> {
  const proxy = aProxy(t, { workers: 1, ...fault.proxy });
  const to = fault.endpoint === undefined ? await closedPort() : (await aServer(t, fault.endpoint)).port;
  const client = await aClient(t, proxy.route({ to: [to], ...fault.route }).port);
  client.write(fault.request ?? GET);
  await fault.meanwhile?.(proxy);
  const response = await readResponse(client);
  assert.equal(response.status, fault.status);
  assert.match(field(response, 'l5d-proxy-error') ?? '', fault.says);
  assert.equal(field(response, 'content-length'), '0');
  if (fault.keeps === true) {
    assert.equal(field(response, 'connection'), undefined);
    client.write(fault.request ?? GET);
    assert.equal((await readResponse(client)).status, fault.status);
  } else {
    assert.equal(field(response, 'connection'), 'close');
    assert.equal((await client.toEnd()).length, 0);
  }
  return proxy;
}

for (const fault of FAULTS) {
  test(`${fault.name}: ${fault.status}, ${reasonName(fault.reason)}`, async (t) => {
    const proxy = await provoke(t, fault);
    const failure = await proxy.failure(fault.reason);
    assert.equal(failure.status, fault.status);
    assert.match(failure.detail, fault.says);
    if (fault.request === undefined) assert.deepEqual([failure.method, failure.path], ['GET', '/path']);
    // Where the connection goes on it is asked once more.
    const times = fault.keeps === true ? 2 : 1;
    assert.equal(proxy.failures.length, times, 'one reason per failure');
    const error = reasonName(fault.reason);
    await proxy.metricBecomes('sluice_request_errors_total', { direction: 'outbound', error }, times);
    assert.equal(proxy.metric('sluice_request_errors_total'), times);
    // Sent to an endpoint, so it counts there too.
    const sent = fault.endpoint === undefined ? 0 : times;
    assert.equal(proxy.metric('request_total'), sent);
    await proxy.metricBecomes('response_total', { classification: 'failure', error }, sent);
  });
}

test('an endpoint that dies in its body ends the client with a reset, never with a short body', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(GET);
  const endpoint = await server.connection();
  await readRequest(endpoint);
  await endpoint.send(crlf('HTTP/1.1 200 OK\nContent-Length: 100\n\nhalf'));
  await client.through('half');
  endpoint.finish();
  assert.equal(await client.ending(), 'reset');
  const failure = await proxy.failure(Reason.ENDPOINT_CLOSED);
  assert.match(failure.detail, /in the body/);
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'endpoint_closed' }, 1);
  await proxy.metricBecomes('response_total', { status_code: '200', classification: 'failure' }, 1);
});

test('chunks that are cut off end the client with a reset', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(GET);
  const endpoint = await server.connection();
  await readRequest(endpoint);
  await endpoint.send(crlf('HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4\nhalf\n'));
  await client.through('half');
  await endpoint.send('zz\r\n');
  assert.equal(await client.ending(), 'reset');
  await proxy.failure(Reason.MALFORMED_RESPONSE);
});

test('a client that leaves in its body is counted, and the endpoint is told', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('POST / HTTP/1.1\nHost: web\nContent-Length: 100\n\nhalf'));
  const endpoint = await server.connection();
  await endpoint.through('half');
  client.finish();
  await endpoint.ending();
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'client_closed' }, 1);
});

test('a client that resets while it waits is counted, and the endpoint is told', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(GET);
  const endpoint = await server.connection();
  await readRequest(endpoint);
  client.reset();
  await endpoint.ending();
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'client_reset' }, 1);
});

test("an idle connection is closed after its time-out, which is nobody's failure", async (t) => {
  const proxy = aProxy(t, { workers: 1, http: { clientIdleTimeoutMs: 100 } });
  const server = await aRawHttpServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  assert.equal((await exchange(client, 'GET / HTTP/1.1\nHost: web\n\n')).status, 200);
  assert.equal(await client.ending(), 'fin');
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
  assert.equal(proxy.metric('sluice_connection_errors_total'), 0);
});

test('a client that says all and waits is answered until the half-close time-out', async (t) => {
  const proxy = aProxy(t, { workers: 1, tcp: { halfCloseTimeoutMs: 100 } });
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(GET);
  client.finish();
  await readRequest(await server.connection());
  assert.equal(await client.ending(), 'reset');
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'half_close_timeout' }, 1);
});

test('a server that speaks first is heard without waiting for the detection time-out', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t, async (peer) => {
    await peer.send('220 ready\r\n');
  });
  const route = proxy.route({
    to: [server.port],
    protocol: Protocol.DETECT,
    destination: { detectTimeoutMs: 3_600_000 },
  });
  for (const connections of [1, 2]) {
    const client = await aClient(t, route.port);
    assert.equal(await client.through('\r\n'), '220 ready\r\n');
    await proxy.metricBecomes('sluice_detect_results_total', { result: 'server_first' }, connections);
  }
});

test('silence on both sides of a port to be detected goes on as opaque after the time-out', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t);
  const route = proxy.route({
    to: [server.port],
    protocol: Protocol.DETECT,
    destination: { detectTimeoutMs: 50 },
  });
  const client = await aClient(t, route.port);
  await proxy.metricBecomes('sluice_detect_results_total', { result: 'read_timeout' }, 1);
  const request = 'GET / HTTP/1.1\r\nConnection: x\r\nX: 1\r\n\r\n';
  await client.send(request);
  const endpoint = await server.connection();
  assert.equal((await endpoint.exactly(request.length)).toString(), request);
});

test('detection tells HTTP from other bytes, however they are split, and loses none', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t, async (peer) => {
    const all = await peer.toEnd();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${all.length}\r\n\r\n`);
    await peer.send(all);
    peer.finish();
  });
  const route = proxy.route({ to: [server.port], protocol: Protocol.DETECT });
  const other = ['\x16\x03\x01\x00\x05hello', 'SSH-2.0-x\r\n', 'GETT', 'GE'];
  for (const bytes of other) {
    const client = await aClient(t, route.port);
    for (const byte of bytes) await client.send(byte);
    client.finish();
    assert.equal((await readResponse(client)).body.toString('latin1'), bytes);
  }
  await proxy.metricBecomes('sluice_detect_results_total', { result: 'not_http' }, other.length);
  const client = await aClient(t, route.port);
  for (const byte of 'GET / HTTP/1.1\r\nbad name: x\r\n\r\n') await client.send(byte);
  assert.equal((await readResponse(client)).status, 400, 'a malformed request is still HTTP');
  await proxy.metricBecomes('sluice_detect_results_total', { result: 'http/1' }, 1);
  const newer = await aClient(t, route.port);
  for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') await newer.send(byte);
  // SETTINGS comes first (RFC 9113 §3.4).
  assert.equal((await newer.exactly(9))[3], 4);
  await proxy.metricBecomes('sluice_detect_results_total', { result: 'http/2' }, 1);
});

test('counters match what was sent, exactly', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, ({ target }) =>
    target === '/missing' ? 'HTTP/1.1 404 Not Found\nContent-Length: 0\n\n' : OK,
  );
  const { port } = proxy.route({ to: [server.port] });
  const request = crlf('POST / HTTP/1.1\nHost: web\nContent-Length: 5\n\nhello');
  const missing = crlf('GET /missing HTTP/1.1\nHost: web\n\n');
  const clients = await Promise.all(Array.from({ length: 4 }, () => aClient(t, port)));
  for (const client of clients) {
    for (let i = 0; i < 30; i += 1) {
      await client.send(i % 3 === 0 ? missing : request);
      await readResponse(client);
    }
    client.finish();
    await client.toEnd();
  }
  proxy.plane.drain(5_000);
  await proxy.events.next('drained');

  const ok = crlf(OK).length;
  const notFound = crlf('HTTP/1.1 404 Not Found\nContent-Length: 0\n\n').length;
  const sent = 4 * (20 * request.length + 10 * missing.length);
  const answered = 4 * (20 * ok + 10 * notFound);
  assert.equal(proxy.metric('request_total', { direction: 'outbound' }), 120);
  assert.equal(proxy.metric('response_total', { status_code: '200', classification: 'success' }), 80);
  assert.equal(proxy.metric('response_total', { status_code: '404', classification: 'success' }), 40);
  assert.equal(proxy.metric('response_total'), 120);
  assert.equal(proxy.metric('response_latency_ms_count', { status_code: '200' }), 80);
  assert.equal(proxy.metric('tcp_read_bytes_total', { peer: 'src' }), sent);
  assert.equal(proxy.metric('tcp_write_bytes_total', { peer: 'src' }), answered);
  // Nothing in these messages is changed on the way.
  assert.equal(proxy.metric('tcp_write_bytes_total', { peer: 'dst' }), sent);
  assert.equal(proxy.metric('tcp_read_bytes_total', { peer: 'dst' }), answered);
  assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 4);
  assert.equal(proxy.metric('tcp_open_connections', { peer: 'src' }), 0);
  assert.equal(proxy.metric('tcp_close_total', { peer: 'src', errno: '' }), 4);
  assert.equal(proxy.metric('tcp_open_total', { peer: 'dst' }), proxy.metric('sluice_dials_total'));
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
});

// What connections speak, told by their first bytes: real TLS programs through the proxy, HTTP in the
// smallest pieces, silence and garbage. Nothing of it may change a byte.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type tls from 'node:tls';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { closedPort } from '../contract/harness.js';
import { aLineProcess } from '../support/line-process.js';
import { aClient, aServer } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { readResponse } from '../support/raw-http.js';
import { aCertificate, aTlsServer, heardByTls } from '../support/tls-ends.js';

const NAME = 'web.example';
const FILES = aCertificate(NAME);
const { key: KEY, certificate: CERTIFICATE } = FILES;

/** OpenSSL's server, which sends every line back reversed; its port. */
async function opensslServer(t: TestContext): Promise<number> {
  const words = ['s_server', '-accept', '127.0.0.1:0', '-cert', CERTIFICATE, '-key', KEY, '-rev'];
  const server = aLineProcess(t, 'openssl', words);
  for (;;) {
    const port = /^ACCEPT .*:(\d+)$/.exec(await server.answer())?.[1];
    if (port !== undefined) return Number(port);
  }
}

/** Ends each connection with the name its client asked for; its port. */
function namingServer(t: TestContext): Promise<number> {
  return aTlsServer(t, FILES, (name) => name);
}

function heard(port: number, options: tls.ConnectionOptions): Promise<string> {
  return heardByTls(port, FILES, options);
}

async function countedAs(
  proxy: ProxyUnderTest,
  protocol: string,
  result: string,
  connections: number,
): Promise<void> {
  await proxy.metricBecomes('sluice_detect_results_total', { result }, connections);
  assert.equal(proxy.metric('outbound_tcp_protocol_connections_total', { protocol }), connections);
  assert.equal(proxy.metric('outbound_tcp_detect_http_duration_seconds_count'), connections);
}

for (const [protocol, label] of [
  [Protocol.DETECT, 'detect'],
  [Protocol.TLS, 'tls'],
] as const) {
  test(`OpenSSL's client and server talk through a ${label} port, end to end`, async (t) => {
    const proxy = aProxy(t);
    const { port } = proxy.route({ protocol, to: [await opensslServer(t)] });
    const client = aLineProcess(t, 'openssl', [
      ...['s_client', '-quiet', '-connect', `127.0.0.1:${String(port)}`, '-servername', NAME],
      ...['-CAfile', CERTIFICATE, '-verify_return_error', '-verify_hostname', NAME],
    ]);
    client.ask('through the proxy');
    assert.equal(await client.answer(), 'yxorp eht hguorht');
    await countedAs(proxy, label, 'tls', 1);
  });

  test(`the server of a ${label} port sees the name that node's client asked for`, async (t) => {
    const proxy = aProxy(t);
    const { port } = proxy.route({ protocol, to: [await namingServer(t)] });
    assert.equal(await heard(port, { servername: NAME, ALPNProtocols: ['h2', 'http/1.1'] }), NAME);
    await countedAs(proxy, label, 'tls', 1);
  });

  test(`a failure of TLS on a ${label} port tells the name of the server`, async (t) => {
    const proxy = aProxy(t);
    const { port } = proxy.route({ protocol, to: [await closedPort()] });
    await assert.rejects(heard(port, { servername: 'Shop.Example' }));
    const failure = await proxy.failure(Reason.CONNECT_REFUSED);
    assert.match(failure.detail, /^SNI shop\.example: endpoint 127\.0\.0\.1:\d+: connection refused/);
  });
}

test('TLS without a name passes where detection found it', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.route({ protocol: Protocol.DETECT, to: [await namingServer(t)] });
  assert.equal(await heard(port, { servername: '' }), 'false');
  await countedAs(proxy, 'detect', 'tls', 1);
});

test('TLS without a name is refused where TLS is declared', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.route({ protocol: Protocol.TLS, to: [await namingServer(t)] });
  await assert.rejects(heard(port, { servername: '' }));
  const failure = await proxy.failure(Reason.NO_ROUTE);
  assert.match(failure.detail, /Could not find SNI/);
  assert.equal(proxy.metric('sluice_dials_total'), 0);
  await countedAs(proxy, 'tls', 'error', 1);
});

test('HTTP where TLS is declared is told so in HTTP', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.route({ protocol: Protocol.TLS, to: [await closedPort()] });
  const client = await aClient(t, port);
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await readResponse(client)).status, 404);
  await proxy.failure(Reason.NO_ROUTE);
});

test('silence where TLS is declared ends with its reason', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({
    protocol: Protocol.TLS,
    to: [server.port],
    destination: { detectTimeoutMs: 50 },
  });
  const client = await aClient(t, port);
  assert.equal(await client.ending(), 'reset');
  await proxy.failure(Reason.DETECT_TIMEOUT);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'detect_timeout' }, 1);
  await countedAs(proxy, 'tls', 'read_timeout', 1);
});

test('half a ClientHello goes on as it is after the time-out', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({
    protocol: Protocol.DETECT,
    to: [server.port],
    destination: { detectTimeoutMs: 50 },
  });
  const client = await aClient(t, port);
  const half = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';
  await client.send(half);
  const endpoint = await server.connection();
  assert.equal((await endpoint.exactly(half.length)).toString('latin1'), half);
  await countedAs(proxy, 'detect', 'read_timeout', 1);
});

test('HTTP/1 that comes byte by byte is HTTP/1', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    await peer.through('\r\n\r\n');
    await peer.send('HTTP/1.1 204 No Content\r\n\r\n');
  });
  const { port } = proxy.route({ protocol: Protocol.DETECT, to: [server.port] });
  const client = await aClient(t, port);
  for (const byte of 'GET / HTTP/1.1\r\nHost: a\r\n\r\n') await client.send(byte);
  assert.equal((await readResponse(client)).status, 204);
  await countedAs(proxy, 'detect', 'http/1', 1);
});

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = '\0\0\0\x04\0\0\0\0\0';

test('an HTTP/2 preface in two segments is HTTP/2, wherever it is cut', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const { port } = proxy.route({ protocol: Protocol.DETECT, to: [await closedPort()] });
  let sent = 0;
  for (let cut = 1; cut < PREFACE.length; cut += 1) {
    const client = await aClient(t, port);
    await client.send(PREFACE.slice(0, cut));
    sent += cut;
    // The first segment has been read on its own before the second one goes.
    await proxy.metricBecomes('tcp_read_bytes_total', { peer: 'src' }, sent);
    const rest = PREFACE.slice(cut) + EMPTY_SETTINGS;
    await client.send(rest);
    sent += rest.length;
    // SETTINGS comes first (RFC 9113 §3.4).
    assert.equal((await client.exactly(9))[3], 4, `cut after ${String(cut)} bytes`);
  }
  await countedAs(proxy, 'detect', 'http/2', PREFACE.length - 1);
});

test('declared HTTP/2 is served without a look at it', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.route({ protocol: Protocol.HTTP2, to: [await closedPort()] });
  const client = await aClient(t, port);
  await client.send(PREFACE + EMPTY_SETTINGS);
  assert.equal((await client.exactly(9))[3], 4);
  assert.equal(proxy.metric('outbound_tcp_protocol_connections_total', { protocol: 'http/2' }), 1);
  assert.equal(proxy.metric('sluice_detect_results_total'), 0);
});

test('garbage is opaque and arrives as it is', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aServer(t, async (peer) => {
    await peer.send(await peer.toEnd());
    peer.finish();
  });
  const { port } = proxy.route({ protocol: Protocol.DETECT, to: [server.port] });
  const garbage = [
    '\0',
    '\xff\xfe\xfd',
    '\x16\x03\x01\x00\x00',
    '\x16\x02',
    '\x80\x2e\x01\x03\x01',
    '*1\r\n$4\r\nPING\r\n',
  ];
  for (const bytes of garbage) {
    const client = await aClient(t, port);
    await client.send(bytes);
    client.finish();
    assert.equal((await client.toEnd()).toString('latin1'), bytes);
  }
  await countedAs(proxy, 'detect', 'not_http', garbage.length);
});

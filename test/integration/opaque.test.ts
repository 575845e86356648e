// Opaque TCP through the proxy: every byte in order, FIN where it belongs, resets passed on, and
// memory that does not grow with what a receiver leaves unread.
import assert from 'node:assert/strict';
import { memoryUsage } from 'node:process';
import { test } from 'node:test';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { closedPort } from '../contract/harness.js';
import { aClient, aServer, eventually, type Peer } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { hashOf, seededBytes, sendMegabytes } from '../support/seeded-bytes.js';

const MEGABYTES = 200;
const BYTES = MEGABYTES << 20;
const MIB = 1 << 20;

/** Both directions at once; `first` ends its direction before the other one may end. */
async function bothWays(first: Peer, second: Peer): Promise<void> {
  const sendFirst = async (): Promise<string> => {
    const hash = await sendMegabytes(first, 1, MEGABYTES);
    first.finish();
    return hash;
  };
  // The last piece is sent only after FIN of the other side has come.
  const sendSecond = async (received: Promise<unknown>): Promise<string> => {
    const hash = await sendMegabytes(second, 1000, MEGABYTES - 1);
    await received;
    await second.send(seededBytes(7, MIB));
    second.finish();
    return hash;
  };
  const atSecond = hashOf(second, BYTES).then(async (hash) => {
    assert.equal((await second.toEnd()).length, 0, 'FIN follows the last byte');
    return hash;
  });
  const atFirst = hashOf(first, BYTES - MIB);
  const [sent, answered] = await Promise.all([sendFirst(), sendSecond(atSecond)]);
  assert.equal(await atSecond, sent);
  assert.equal(await atFirst, answered);
  assert.ok(seededBytes(7, MIB).equals(await first.toEnd()), 'what came after the half-close');
}

test('200 MB each way at once arrive byte for byte when the client ends first', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  await bothWays(await aClient(t, port), await server.connection());
  await proxy.idle();
  for (const peer of ['src', 'dst']) {
    assert.equal(proxy.metric('tcp_read_bytes_total', { peer }), BYTES);
    assert.equal(proxy.metric('tcp_write_bytes_total', { peer }), BYTES);
    assert.equal(proxy.metric('tcp_open_connections', { peer }), 0);
    await proxy.metricBecomes('tcp_close_total', { peer, errno: '' }, 1);
  }
  assert.equal(proxy.metric('sluice_connection_errors_total'), 0);
  assert.equal(proxy.inspect().bufferBytes, 0n, 'an ended connection holds no memory');
});

test('200 MB each way at once arrive byte for byte when the server ends first', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  await bothWays(await server.connection(), client);
  await proxy.idle();
  assert.equal(proxy.metric('sluice_connection_errors_total'), 0);
});

/** More than the kernel's buffers on the way can hold. */
const MORE_THAN_FITS = 64;

/** Sends until nothing more is taken. */
async function fill(proxy: ProxyUnderTest, senders: readonly Peer[]): Promise<void> {
  const piece = seededBytes(3, MIB);
  for (const { socket } of senders) {
    let left = MORE_THAN_FITS;
    const more = (): void => {
      while (left-- > 0 && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  }
  let moved = -1;
  let still = 0;
  await eventually(() => {
    const now = proxy.metric('tcp_read_bytes_total');
    still = now === moved ? still + 1 : 0;
    moved = now;
    return still === 50;
  }, 'the bytes never stopped moving');
  assert.ok(
    senders.every(({ socket }) => socket.writableNeedDrain),
    'every sender is blocked',
  );
}

for (const direction of ['to the server', 'to the client'] as const) {
  test(`a receiver that never reads costs no more than its budget (${direction})`, async (t) => {
    const connections = 16;
    const budget = 64 * 1024;
    const proxy = aProxy(t, {
      buffers: { directionBudgetBytes: budget, spliceThresholdBytes: 65_536, totalBudgetBytes: 1n << 30n },
    });
    const server = await aServer(t);
    const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
    const clients: Peer[] = [];
    const servers: Peer[] = [];
    for (let i = 0; i < connections; i += 1) {
      clients.push(await aClient(t, port));
      servers.push(await server.connection());
    }
    const senders = direction === 'to the server' ? clients : servers;
    const before = memoryUsage.rss();
    await fill(proxy, senders);
    const taken = proxy.metric('tcp_read_bytes_total');
    assert.ok(taken > connections * MIB, `the kernel alone holds more than ${taken} bytes`);
    const held = Number(proxy.inspect().bufferBytes);
    assert.ok(held <= connections * budget, `${held} bytes are held for ${connections} connections`);
    const grown = memoryUsage.rss() - before;
    assert.ok(grown < connections * MIB, `${grown} bytes more are resident`);
  });
}

test('what a receiver left unread arrives once it reads', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  const endpoint = await server.connection();
  const sent = sendMegabytes(client, 5, 32);
  await eventually(() => proxy.metric('tcp_read_bytes_total', { peer: 'src' }) > 2 * MIB, 'nothing moves');
  assert.equal(await hashOf(endpoint, 32 * MIB), await sent);
});

test('a reset by the client reaches the server as a reset', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  const endpoint = await server.connection();
  await client.send('half a sen');
  assert.equal((await endpoint.exactly(10)).toString(), 'half a sen');
  client.reset();
  assert.equal(await endpoint.ending(), 'reset');
  const failure = await proxy.failure(Reason.CLIENT_RESET);
  assert.equal(failure.client?.port, client.localPort);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'client_reset' }, 1);
});

test('a reset by the server reaches the client as a reset', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  const endpoint = await server.connection();
  await endpoint.send('half an ans');
  assert.equal((await client.exactly(11)).toString(), 'half an ans');
  endpoint.reset();
  assert.equal(await client.ending(), 'reset');
  const failure = await proxy.failure(Reason.ENDPOINT_RESET);
  assert.equal(failure.endpoint?.port, server.port);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'endpoint_reset' }, 1);
});

test('a reset after a half-close reaches the side that waits', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  const endpoint = await server.connection();
  client.finish();
  assert.equal((await endpoint.toEnd()).length, 0);
  endpoint.reset();
  assert.equal(await client.ending(), 'reset');
});

test('on an opaque port the server may speak first', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    await peer.send('220 ready\r\n');
    assert.equal(await peer.through('\r\n'), 'QUIT\r\n');
    await peer.send('221 bye\r\n');
    peer.finish();
  });
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  assert.equal(await client.through('\r\n'), '220 ready\r\n');
  await client.send('QUIT\r\n');
  assert.equal((await client.toEnd()).toString(), '221 bye\r\n');
});

test('an endpoint that refuses ends an opaque connection with a reset, counted with its reason', async (t) => {
  const proxy = aProxy(t);
  const refusing = await closedPort();
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [refusing] });
  const client = await aClient(t, port);
  assert.equal(await client.ending(), 'reset');
  const failure = await proxy.failure(Reason.CONNECT_REFUSED);
  assert.equal(failure.endpoint?.port, refusing);
  assert.match(failure.detail, /connection refused/i);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'connect_refused' }, 1);
  assert.equal(proxy.metric('sluice_dials_total'), 1);
});

test('a connection half open for too long without a byte is cut on both sides', async (t) => {
  const proxy = aProxy(t, { tcp: { halfCloseTimeoutMs: 200, discoveryTimeoutMs: 1_000, acceptBatch: 16 } });
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const client = await aClient(t, port);
  const endpoint = await server.connection();
  client.finish();
  assert.equal(await endpoint.ending(), 'fin');
  assert.equal(await client.ending(), 'reset');
  await proxy.failure(Reason.HALF_CLOSE_TIMEOUT);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'half_close_timeout' }, 1);
});

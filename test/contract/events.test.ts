// Every kind of event crosses the border, provoked by real connections and compared field by field.
// (series_defined is in metrics.test.ts.)
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import {
  Direction,
  LogLevel,
  OriginalDestinationSource,
  Protocol,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import {
  balanceTarget,
  closedPort,
  dial,
  forwardPort,
  forwardTarget,
  loopback,
  openPlane,
  type OpenPlane,
  plain,
  received,
  request,
  serveHttp,
  serveTcp,
} from './harness.js';

const { OUTBOUND, INBOUND } = Direction;
const ANY_ADDRESS = Uint8Array.of(0, 0, 0, 0);

/** A listener whose connections go where they were addressed, like steered inbound ones. Answers its port. */
function listenInbound({ plane }: OpenPlane): number {
  return plane.listen({
    id: 1,
    direction: INBOUND,
    address: { ip: ANY_ADDRESS, port: 0 },
    source: OriginalDestinationSource.SOURCE_LOCAL_ADDRESS,
  }).port;
}

test('discover_destination: asked once for many connections, which the answer lets go on', async (t) => {
  const open = openPlane(t);
  const { plane, events } = open;
  const backend = await serveHttp(t, 'found');
  const port = listenInbound(open);
  const responses = [1, 2, 3, 4, 5].map(() => request(t, port, 'web.mesh'));

  const asked = await events.next('discoverDestination');
  assert.equal(asked.direction, INBOUND);
  assert.deepEqual(plain(asked.address), loopback(port));
  plane.putTarget(forwardTarget(1));
  plane.updateEndpoints({ targetId: 1, reset: true, add: [{ address: loopback(backend) }] });
  plane.putDestination({
    id: 1,
    direction: INBOUND,
    address: loopback(port),
    protocol: Protocol.HTTP1,
    targetId: 1,
  });

  for (const response of await Promise.all(responses)) {
    assert.ok(response.startsWith('HTTP/1.1 200 '), response);
    assert.ok(response.endsWith('found'), response);
  }
  assert.equal(events.waiting('discoverDestination'), 0);
});

test('failDiscovery ends the waiting with its reason, and the next connection asks anew', async (t) => {
  const open = openPlane(t);
  const { plane, events } = open;
  const port = listenInbound(open);
  for (const detail of ['first', 'second']) {
    // Connected before the answer: the refusal may be a reset.
    const socket = await dial(t, port);
    const end = received(socket);
    await events.next('discoverDestination');
    plane.failDiscovery({ direction: INBOUND, address: loopback(port), detail });
    await end;
    const failure = await events.next('failure');
    assert.equal(failure.reason, Reason.DISCOVERY_FAILED);
    assert.equal(failure.direction, INBOUND);
    assert.deepEqual(plain(failure.originalDestination), loopback(port));
    assert.ok(failure.detail.includes(detail), failure.detail);
  }
});

test('a connection that nobody answers for ends with DISCOVERY_TIMEOUT', async (t) => {
  const open = openPlane(t, {
    tcp: { halfCloseTimeoutMs: 60_000, discoveryTimeoutMs: 20, acceptBatch: 16 },
  });
  const socket = connect({ port: listenInbound(open), host: '127.0.0.1' });
  t.after(() => socket.destroy());
  // Closed or reset, perhaps before it was seen to be open.
  const end = received(socket);
  const failure = await open.events.next('failure');
  assert.equal(failure.reason, Reason.DISCOVERY_TIMEOUT);
  await end;
});

test('discover_authority: in lower case, and the request goes on with the answer', async (t) => {
  const { plane, events } = openPlane(t);
  const backend = await serveHttp(t, 'found');
  const destination = {
    id: 1,
    direction: OUTBOUND,
    protocol: Protocol.HTTP1,
    discoverAuthorities: true,
  };
  plane.putDestination(destination);
  const { port } = plane.listen({
    id: 1,
    direction: OUTBOUND,
    address: loopback(0),
    source: OriginalDestinationSource.SOURCE_FIXED,
    destinationId: 1,
  });
  const response = request(t, port, 'Web.Mesh:8080');
  const asked = await events.next('discoverAuthority');
  assert.equal(asked.destinationId, 1);
  assert.equal(asked.authority, 'web.mesh:8080');
  plane.putTarget(balanceTarget(2));
  plane.updateEndpoints({ targetId: 2, reset: true, add: [{ address: loopback(backend) }] });
  plane.putDestination({ ...destination, authorities: [{ authority: 'web.mesh:8080', targetId: 2 }] });
  assert.ok((await response).endsWith('found'));

  const refused = request(t, port, 'other.mesh');
  const askedAgain = await events.next('discoverAuthority');
  assert.equal(askedAgain.authority, 'other.mesh');
  plane.failDiscovery({ destinationId: 1, authority: 'other.mesh', detail: 'no such name' });
  assert.match(await refused, /^HTTP\/1\.1 5\d\d /);
  const failure = await events.next('failure');
  assert.equal(failure.reason, Reason.DISCOVERY_FAILED);
  assert.ok(failure.detail.includes('no such name'), failure.detail);
});

test('destination_idle: for the destination that nobody uses, and not for one that may be idle for ever', async (t) => {
  const { plane, events } = openPlane(t);
  plane.putTarget(forwardTarget(1));
  plane.putDestination({ id: 5, direction: OUTBOUND, protocol: Protocol.HTTP1, targetId: 1 });
  plane.putDestination({
    id: 6,
    direction: OUTBOUND,
    protocol: Protocol.HTTP1,
    targetId: 1,
    idleTimeoutMs: 1,
  });
  const idle = await events.next('destinationIdle');
  assert.equal(idle.id, 6);
  assert.equal(events.waiting('destinationIdle'), 0);
});

test('failure: a refused dial, with everything that is known about it', async (t) => {
  const { plane, events } = openPlane(t);
  const nobody = await closedPort();
  const port = forwardPort(plane, 7, Protocol.HTTP1, nobody);
  const socket = await dial(t, port);
  const { localPort } = socket;
  const before = BigInt(Date.now());
  const response = received(socket);
  socket.write(
    'POST /path?secret=1 HTTP/1.1\r\nHost: web.mesh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
  );
  assert.match(await response, /^HTTP\/1\.1 502 /);
  const failure = await events.next('failure');
  assert.equal(failure.reason, Reason.CONNECT_REFUSED);
  assert.equal(failure.direction, OUTBOUND);
  assert.equal(failure.targetId, 7);
  assert.deepEqual(plain(failure.endpoint), loopback(nobody));
  assert.ok(localPort !== undefined);
  assert.deepEqual(plain(failure.client), loopback(localPort));
  assert.equal(failure.originalDestination, undefined);
  assert.equal(failure.method, 'POST');
  assert.equal(failure.path, '/path');
  assert.equal(failure.status, 502);
  // The two clocks are one, read at most a millisecond apart when rounded.
  assert.ok(failure.timeMs >= before - 1n && failure.timeMs <= BigInt(Date.now()) + 1n);
});

test('failure: bytes that are not UTF-8 arrive as replacement characters', async (t) => {
  const { plane, events } = openPlane(t);
  const port = forwardPort(plane, 1, Protocol.HTTP1, await closedPort());
  const socket = await dial(t, port);
  const response = received(socket);
  socket.write(Buffer.from('GET /\xff HTTP/1.1\r\nHost: web.mesh\r\nConnection: close\r\n\r\n', 'latin1'));
  assert.match(await response, /^HTTP\/1\.1 [45]\d\d /);
  const failure = await events.next('failure');
  // Refused as malformed or forwarded: whichever the parser's rules say, the batch is readable.
  assert.ok([Reason.MALFORMED_REQUEST, Reason.CONNECT_REFUSED].includes(failure.reason));
});

test('log: lines at the level asked for, with their fields', async (t) => {
  const { plane, events } = openPlane(t, { workers: 1, logLevel: LogLevel.LOG_OFF });
  const nobody = await closedPort();
  const port = forwardPort(plane, 1, Protocol.HTTP1, nobody);
  await request(t, port, 'quiet.mesh');
  await events.next('failure');
  assert.equal(events.waiting('log'), 0);

  plane.setLogLevel(LogLevel.LOG_DEBUG);
  const before = BigInt(Date.now());
  await request(t, port, 'loud.mesh');
  const line = await events.next('log', ({ level }) => level === LogLevel.LOG_DEBUG);
  assert.equal(line.worker, 0);
  assert.notEqual(line.message, '');
  assert.ok(line.timeMs >= before - 1n && line.timeMs <= BigInt(Date.now()) + 1n);
  assert.ok(
    Object.values(line.fields).some((value) => value.includes(String(nobody))),
    JSON.stringify(line.fields),
  );
});

test('drained: after the last connection has ended', async (t) => {
  const { plane, events } = openPlane(t);
  const backend = await serveTcp(t, (socket) => socket.pipe(socket));
  const port = forwardPort(plane, 1, Protocol.OPAQUE, backend);
  const socket = await dial(t, port);
  socket.write('ping');
  await once(socket, 'data');
  plane.drain(60_000);
  assert.equal(events.waiting('drained'), 0);
  const end = received(socket);
  socket.end();
  await end;
  await events.next('drained');
  assert.equal(plane.inspect().connections, 0n);
  assert.equal(events.waiting('drained'), 0);
});

test('drained: after the grace, when connections have not ended by themselves', async (t) => {
  const { plane, events } = openPlane(t);
  const backend = await serveTcp(t, (socket) => socket.pipe(socket));
  const port = forwardPort(plane, 1, Protocol.OPAQUE, backend);
  const socket = await dial(t, port);
  socket.write('ping');
  await once(socket, 'data');
  const end = received(socket);
  plane.drain(1);
  await events.next('drained');
  await end;
});

test('drained: at once when there is nothing to wait for', async (t) => {
  const { plane, events } = openPlane(t);
  plane.drain(0);
  await events.next('drained');
});

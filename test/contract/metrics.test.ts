// series_defined and scrapes: each series has its place in its worker's array, and the array has
// the figures of the traffic that was.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import {
  Classification,
  Direction,
  Family,
  Peer,
  Protocol,
  Reason,
  type SeriesDefined,
} from '../../src/dataplane/gen/contract_pb.js';
import {
  closedPort,
  dial,
  forwardPort,
  loopback,
  openPlane,
  plain,
  received,
  request,
  serveHttp,
  serveTcp,
  settings,
} from './harness.js';

const LATENCY_WIDTH = (settings().metrics?.latencyBoundsMs?.length ?? 0) + 2;
const DURATION_WIDTH = (settings().metrics?.durationBoundsMs?.length ?? 0) + 2;
const DETECT_WIDTH = (settings().metrics?.detectDurationBoundsUs?.length ?? 0) + 2;
const WIDTHS = new Map([
  [Family.RESPONSE_LATENCY_MS, LATENCY_WIDTH],
  [Family.TCP_CONNECTION_DURATION_MS, DURATION_WIDTH],
  [Family.DETECT_DURATION_US, DETECT_WIDTH],
]);

function valuesOf(arrays: readonly BigUint64Array[], series: SeriesDefined): readonly bigint[] {
  const array = arrays[series.worker];
  assert.ok(array !== undefined, `a series of worker ${series.worker}`);
  assert.ok(series.offset + series.width <= array.length, 'a series lies within the array');
  return [...array.subarray(series.offset, series.offset + series.width)];
}

test('one request leaves its series and their figures', async (t) => {
  const { plane, events } = openPlane(t, { workers: 1 });
  const backend = await serveHttp(t, 'hello');
  const port = forwardPort(plane, 3, Protocol.HTTP1, backend);
  assert.match(await request(t, port, 'web.mesh'), /^HTTP\/1\.1 200 /);

  const requests = await events.next('seriesDefined', ({ family }) => family === Family.REQUEST_TOTAL);
  assert.equal(requests.worker, 0);
  assert.equal(requests.labels?.direction, Direction.OUTBOUND);
  assert.equal(requests.labels.targetId, 3);
  assert.deepEqual(plain(requests.labels.endpoint), loopback(backend));
  const responses = await events.next('seriesDefined', ({ family }) => family === Family.RESPONSE_TOTAL);
  assert.equal(responses.labels?.statusCode, 200);
  assert.equal(responses.labels.classification, Classification.SUCCESS);
  assert.equal(responses.labels.reason, Reason.NONE);
  assert.equal(responses.labels.overflow, false);
  const latency = await events.next('seriesDefined', ({ family }) => family === Family.RESPONSE_LATENCY_MS);
  assert.equal(latency.width, LATENCY_WIDTH);

  // Inspecting waits for the worker: what it did before is in its counters then.
  plane.inspect();
  const arrays = plane.scrape();
  assert.deepEqual(valuesOf(arrays, requests), [1n]);
  assert.deepEqual(valuesOf(arrays, responses), [1n]);
  const buckets = valuesOf(arrays, latency);
  assert.equal(
    buckets.slice(0, -1).reduce((sum, count) => sum + count, 0n),
    1n,
  );
});

test('an opaque connection counts its bytes on both sides, and is no longer open afterwards', async (t) => {
  const { plane, events } = openPlane(t, { workers: 1 });
  const backend = await serveTcp(t, (socket) => socket.pipe(socket));
  const port = forwardPort(plane, 1, Protocol.OPAQUE, backend);
  const socket = await dial(t, port);
  const echo = received(socket);
  socket.end('12345');
  assert.equal(await echo, '12345');

  for (const peer of [Peer.SRC, Peer.DST]) {
    const find = (family: Family): Promise<SeriesDefined> =>
      events.next('seriesDefined', (series) => series.family === family && series.labels?.peer === peer);
    const read = await find(Family.TCP_READ_BYTES_TOTAL);
    const written = await find(Family.TCP_WRITE_BYTES_TOTAL);
    const opened = await find(Family.TCP_OPEN_TOTAL);
    const open = await find(Family.TCP_OPEN_CONNECTIONS);
    const duration = await find(Family.TCP_CONNECTION_DURATION_MS);
    // Defined when the first connection closes, so waiting for it is waiting for that.
    const closed = await find(Family.TCP_CLOSE_TOTAL);
    plane.inspect();
    const arrays = plane.scrape();
    assert.deepEqual(valuesOf(arrays, read), [5n], `read, peer ${Peer[peer]}`);
    assert.deepEqual(valuesOf(arrays, written), [5n], `written, peer ${Peer[peer]}`);
    assert.deepEqual(valuesOf(arrays, opened), [1n]);
    assert.deepEqual(valuesOf(arrays, open), [0n]);
    assert.deepEqual(valuesOf(arrays, closed), [1n]);
    assert.equal(duration.width, DURATION_WIDTH);
    assert.equal(
      valuesOf(arrays, duration)
        .slice(0, -1)
        .reduce((sum, count) => sum + count, 0n),
      1n,
    );
  }
});

test('while a connection is open, the gauge says so', async (t) => {
  const { plane, events } = openPlane(t, { workers: 1 });
  const backend = await serveTcp(t, (socket) => socket.pipe(socket));
  const port = forwardPort(plane, 1, Protocol.OPAQUE, backend);
  const socket = await dial(t, port);
  socket.write('x');
  await once(socket, 'data');
  const open = await events.next(
    'seriesDefined',
    ({ family, labels }) => family === Family.TCP_OPEN_CONNECTIONS && labels?.peer === Peer.SRC,
  );
  plane.inspect();
  assert.deepEqual(valuesOf(plane.scrape(), open), [1n]);
});

test('a failed request is counted with its reason', async (t) => {
  const { plane, events } = openPlane(t, { workers: 1 });
  const port = forwardPort(plane, 1, Protocol.HTTP1, await closedPort());
  assert.match(await request(t, port, 'web.mesh'), /^HTTP\/1\.1 502 /);
  const errors = await events.next('seriesDefined', ({ family }) => family === Family.REQUEST_ERRORS_TOTAL);
  assert.equal(errors.labels?.direction, Direction.OUTBOUND);
  assert.equal(errors.labels.reason, Reason.CONNECT_REFUSED);
  plane.inspect();
  assert.deepEqual(valuesOf(plane.scrape(), errors), [1n]);
});

test('series of a worker never overlap, lie within its array, and have the width of their family', async (t) => {
  const { plane, events } = openPlane(t, { workers: 2 });
  const defined: SeriesDefined[] = [];
  plane.subscribe((batch) => {
    for (const { kind } of batch.events) if (kind.case === 'seriesDefined') defined.push(kind.value);
  });
  const backend = await serveHttp(t, 'hello');
  const port = forwardPort(plane, 1, Protocol.DETECT, backend);
  const responses = await Promise.all(Array.from({ length: 20 }, () => request(t, port, 'web.mesh')));
  assert.ok(responses.every((response) => response.startsWith('HTTP/1.1 200 ')));
  // Everything said before the last of these has been delivered with it or earlier.
  plane.drain(10_000);
  await events.next('drained');

  const arrays = plane.scrape();
  assert.equal(arrays.length, 2);
  const taken = new Set<string>();
  for (const series of defined) {
    assert.equal(series.width, WIDTHS.get(series.family) ?? 1, Family[series.family]);
    assert.ok(series.offset > 0, '0 is never a series');
    valuesOf(arrays, series);
    for (let cell = series.offset; cell < series.offset + series.width; cell += 1) {
      const place = `${series.worker}:${cell}`;
      assert.ok(!taken.has(place), `${place} belongs to two series`);
      taken.add(place);
    }
  }
  const total = defined
    .filter(({ family }) => family === Family.REQUEST_TOTAL)
    .reduce((sum, series) => sum + (valuesOf(arrays, series)[0] ?? 0n), 0n);
  assert.equal(total, 20n);
  assert.ok(
    defined.some(
      ({ family, labels }) => family === Family.DETECT_RESULTS_TOTAL && labels?.detected === 'http/1',
    ),
  );
});

test('beyond the budget new label sets share the overflow series of their family', async (t) => {
  const { plane, events } = openPlane(t, {
    workers: 1,
    metrics: { latencyBoundsMs: [1], durationBoundsMs: [1], maxSeriesPerWorker: 3 },
  });
  const backend = await serveHttp(t, 'hello');
  const port = forwardPort(plane, 1, Protocol.HTTP1, backend);
  assert.match(await request(t, port, 'web.mesh'), /^HTTP\/1\.1 200 /);
  const overflow = await events.next(
    'seriesDefined',
    ({ family, labels }) => family === Family.RESPONSE_TOTAL && labels?.overflow === true,
  );
  assert.equal(overflow.labels?.statusCode, 0);
  assert.equal(overflow.labels.endpoint, undefined);
  plane.inspect();
  assert.deepEqual(valuesOf(plane.scrape(), overflow), [1n]);
});

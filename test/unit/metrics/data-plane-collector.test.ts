// Summing series over workers: by label text, never going back.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { Direction, Family, Peer } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector, SeriesShapeError } from '../../../src/metrics/data-plane-collector.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import { aTarget, directoryOf, FakeSeries } from '../../support/fake-series.js';

const NOBODY = directoryOf();

/** Samples of one family: `name{label values}` to value. */
function values(collector: DataPlaneCollector, family: string): Record<string, number> {
  const found = collector.collect().find(({ name }) => name === family);
  return Object.fromEntries(
    (found?.values ?? []).map(({ metricName, labels, value }) => [
      `${metricName}{${Object.values(labels).join(',')}}`,
      value,
    ]),
  );
}

test('a family without series is not on the page', () => {
  const collector = new DataPlaneCollector(new FakeSeries(1), NOBODY);
  assert.deepEqual(
    collector.collect().map(({ name }) => name),
    ['sluice_log_lines_dropped_total'],
  );
});

test('equal label sets are summed over workers, others are not', () => {
  const series = new FakeSeries(2);
  const collector = new DataPlaneCollector(series, NOBODY);
  series.define(0, Family.REQUEST_TOTAL, { direction: Direction.OUTBOUND })(3n);
  series.define(1, Family.REQUEST_TOTAL, { direction: Direction.OUTBOUND })(4n);
  series.define(1, Family.REQUEST_TOTAL, { direction: Direction.INBOUND })(5n);
  assert.deepEqual(values(collector, 'request_total'), {
    'request_total{outbound}': 7,
    'request_total{inbound}': 5,
  });
});

test('targets with the same words share a series, so a rediscovered one goes on counting', () => {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, directoryOf(aTarget(1, 'web:80'), aTarget(2, 'web:80')));
  series.define(0, Family.REQUEST_TOTAL, { targetId: 1 })(10n);
  series.define(0, Family.REQUEST_TOTAL, { targetId: 2 })(1n);
  assert.deepEqual(values(collector, 'request_total'), { 'request_total{web:80}': 11 });
});

test('a series keeps its text when its target is forgotten', () => {
  const series = new FakeSeries(1);
  let known = true;
  const targets = { ...NOBODY, targetInfo: (id: number) => (known ? aTarget(id, 'web:80') : undefined) };
  const collector = new DataPlaneCollector(series, targets);
  series.define(0, Family.REQUEST_TOTAL, { targetId: 1 })(2n);
  known = false;
  assert.deepEqual(values(collector, 'request_total'), { 'request_total{web:80}': 2 });
});

test('a gauge of one worker may be negative', () => {
  const series = new FakeSeries(2);
  const collector = new DataPlaneCollector(series, NOBODY);
  series.define(0, Family.TCP_OPEN_CONNECTIONS, { peer: Peer.SRC })(BigInt.asUintN(64, -2n));
  series.define(1, Family.TCP_OPEN_CONNECTIONS, { peer: Peer.SRC })(5n);
  assert.deepEqual(values(collector, 'tcp_open_connections'), { 'tcp_open_connections{src}': 3 });
});

test('buckets of a histogram are shown cumulative, with count and sum', () => {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, NOBODY);
  const cells = new Array<bigint>(METRIC_BOUNDS.latencyMs.length + 2).fill(0n);
  cells[0] = 2n; // at most 1 ms
  cells[5] = 3n; // at most 10 ms
  cells[METRIC_BOUNDS.latencyMs.length] = 1n; // above every bound
  cells[METRIC_BOUNDS.latencyMs.length + 1] = 60_025n;
  series.define(0, Family.RESPONSE_LATENCY_MS, {}, cells.length)(...cells);
  const samples = values(collector, 'response_latency_ms');
  assert.equal(samples['response_latency_ms_bucket{1}'], 2);
  assert.equal(samples['response_latency_ms_bucket{5}'], 2);
  assert.equal(samples['response_latency_ms_bucket{10}'], 5);
  assert.equal(samples['response_latency_ms_bucket{50000}'], 5);
  assert.equal(samples['response_latency_ms_bucket{+Inf}'], 6);
  assert.equal(samples['response_latency_ms_count{}'], 6);
  assert.equal(samples['response_latency_ms_sum{}'], 60_025);
});

test('a series that was defined after the arrays were copied counts as zero', () => {
  const series = new FakeSeries(1);
  const source = { scrape: () => [new BigUint64Array(1)], subscribe: series.subscribe.bind(series) };
  const collector = new DataPlaneCollector(source, NOBODY);
  series.define(0, Family.REQUEST_TOTAL, {})(9n);
  assert.deepEqual(values(collector, 'request_total'), { 'request_total{}': 0 });
});

test('a series of the wrong width is refused as a bug', () => {
  const series = new FakeSeries(1);
  new DataPlaneCollector(series, NOBODY);
  assert.throws(() => series.define(0, Family.RESPONSE_LATENCY_MS, {}, 3), SeriesShapeError);
  assert.throws(() => series.define(0, Family.FAMILY_UNSPECIFIED, {}), SeriesShapeError);
});

test('lost log lines are counted', () => {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, NOBODY);
  series.emit({ droppedLogs: 4n });
  series.emit({ droppedLogs: 3n });
  assert.deepEqual(values(collector, 'sluice_log_lines_dropped_total'), {
    'sluice_log_lines_dropped_total{}': 7,
  });
});

test('nothing is followed after close', () => {
  const series = new FakeSeries(1);
  new DataPlaneCollector(series, NOBODY).close();
  assert.equal(series.listenerCount, 0);
});

test('whatever workers define and add in whatever order, no sum ever goes back', () => {
  const step = fc.record({
    worker: fc.nat(2),
    targetId: fc.integer({ min: 1, max: 4 }),
    add: fc.bigInt({ min: 0n, max: 1000n }),
    forget: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const series = new FakeSeries(3);
      const forgotten = new Set<number>();
      const targets = {
        ...NOBODY,
        targetInfo: (id: number) => (forgotten.has(id) ? undefined : aTarget(id, `t${String(id % 2)}`)),
      };
      const collector = new DataPlaneCollector(series, targets);
      const cells = new Map<string, { set: (value: bigint) => void; value: bigint }>();
      let before: Record<string, number> = {};
      let total = 0n;
      for (const { worker, targetId, add, forget } of steps) {
        const key = `${String(worker)} ${String(targetId)}`;
        let cell = cells.get(key);
        if (cell === undefined) {
          cell = { set: series.define(worker, Family.REQUEST_TOTAL, { targetId }), value: 0n };
          cells.set(key, cell);
        }
        cell.value += add;
        cell.set(cell.value);
        total += add;
        if (forget) forgotten.add(targetId);
        const now = values(collector, 'request_total');
        for (const [name, value] of Object.entries(before)) assert.ok((now[name] ?? -1) >= value, name);
        assert.equal(
          Object.values(now).reduce((sum, value) => sum + value, 0),
          Number(total),
        );
        before = now;
      }
    }),
  );
});

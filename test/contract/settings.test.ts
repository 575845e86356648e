// Settings cross the border: the good ones start workers, each bad field is named.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Poller } from '../../src/dataplane/gen/contract_pb.js';
import { loadAddon } from '../../src/dataplane/load.js';
import { NativeDataPlane } from '../../src/dataplane/native-dataplane.js';
import { assertRefused, notAnEnumerator, openPlane, settings, type SettingsInit } from './harness.js';

const good = settings();

/** `good` with fields of one of its messages replaced. */
function withPart(part: 'tcp' | 'http' | 'buffers' | 'metrics', fields: object): SettingsInit {
  return { ...good, [part]: { ...good[part], ...fields } };
}

function without(part: 'tcp' | 'http' | 'buffers' | 'metrics'): SettingsInit {
  const rest = { ...good };
  Reflect.deleteProperty(rest, part);
  return rest;
}

const refused: readonly (readonly [string, SettingsInit])[] = [
  ['workers', { ...good, workers: 0 }],
  ['workers', { ...good, workers: 65 }],
  ['poller', { ...good, poller: notAnEnumerator(7) }],
  ['log_level', { ...good, logLevel: notAnEnumerator(9) }],
  ['tcp', without('tcp')],
  ['http', without('http')],
  ['buffers', without('buffers')],
  ['metrics', without('metrics')],
  ['tcp.half_close_timeout_ms', withPart('tcp', { halfCloseTimeoutMs: 0 })],
  ['tcp.discovery_timeout_ms', withPart('tcp', { discoveryTimeoutMs: 0 })],
  ['tcp.accept_batch', withPart('tcp', { acceptBatch: 1025 })],
  ['http.max_head_bytes', withPart('http', { maxHeadBytes: 1023 })],
  ['http.max_fields', withPart('http', { maxFields: 257 })],
  ['http.request_head_timeout_ms', withPart('http', { requestHeadTimeoutMs: 0 })],
  ['http.client_idle_timeout_ms', withPart('http', { clientIdleTimeoutMs: 0 })],
  ['buffers.direction_budget_bytes', withPart('buffers', { directionBudgetBytes: 1 })],
  ['buffers.total_budget_bytes', withPart('buffers', { totalBudgetBytes: 1n })],
  ['metrics.latency_bounds_ms[2]', withPart('metrics', { latencyBoundsMs: [1, 5, 5] })],
  ['metrics.duration_bounds_ms', withPart('metrics', { durationBoundsMs: [] })],
  ['metrics.max_series_per_worker', withPart('metrics', { maxSeriesPerWorker: 0 })],
];

for (const [index, [field, init]] of refused.entries()) {
  test(`settings with a bad ${field} are refused (${String(index)})`, () => {
    assertRefused(
      () =>
        new NativeDataPlane(loadAddon().addon, init, () => {
          assert.fail('a data plane that does not exist reported something');
        }),
      field,
    );
  });
}

test('as many workers run as were asked for', (t) => {
  assert.equal(openPlane(t, { workers: 1 }).plane.scrape().length, 1);
  assert.equal(openPlane(t, { workers: 5 }).plane.scrape().length, 5);
});

for (const poller of [Poller.EPOLL, Poller.LIBUV]) {
  const name = Poller[poller];
  const skip = poller === Poller.EPOLL && process.platform !== 'linux' ? 'epoll is Linux only' : false;
  test(`workers start with ${name}`, { skip }, (t) => {
    assert.equal(openPlane(t, { poller }).plane.inspect().connections, 0n);
  });
}

// The metrics page as a whole, read by a strict parser.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction, Family } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector } from '../../../src/metrics/data-plane-collector.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import { systemProcessFacts } from '../../../src/metrics/process-metrics.js';
import { MetricsRegistry } from '../../../src/metrics/registry.js';
import { aTarget, directoryOf, FakeSeries } from '../../support/fake-series.js';
import { parsePrometheusText } from '../../support/prometheus-text.js';

const AWKWARD = 'back\\slash "quoted"\nnew line';

function aRegistry(): { registry: MetricsRegistry; series: FakeSeries } {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, directoryOf(aTarget(1, 'web:80', { note: AWKWARD })));
  return { registry: new MetricsRegistry([collector], { version: '1.2.3' }, systemProcessFacts), series };
}

test('the page is well-formed, with families of the data plane, the process and the build', async () => {
  const { registry, series } = aRegistry();
  const width = METRIC_BOUNDS.latencyMs.length + 2;
  series.define(0, Family.REQUEST_TOTAL, { direction: Direction.OUTBOUND, targetId: 1 })(7n);
  series.define(0, Family.RESPONSE_LATENCY_MS, { targetId: 1 }, width)(1n, 2n, 3n);
  const page = await registry.render();
  assert.match(page.contentType, /^text\/plain/);
  const families = parsePrometheusText(page.text);
  assert.equal(families.get('request_total')?.type, 'counter');
  assert.equal(families.get('response_latency_ms')?.type, 'histogram');
  assert.equal(families.get('process_uptime_seconds_total')?.samples.length, 1);
  assert.equal(families.get('process_start_time_seconds')?.samples.length, 1);
  assert.deepEqual(families.get('proxy_build_info')?.samples[0]?.labels, { version: '1.2.3' });
});

test('label values survive whatever they contain', async () => {
  const { registry, series } = aRegistry();
  series.define(0, Family.REQUEST_TOTAL, { targetId: 1 })(7n);
  const families = parsePrometheusText((await registry.render()).text);
  assert.deepEqual(families.get('request_total')?.samples, [
    { name: 'request_total', labels: { authority: 'web:80', dst_note: AWKWARD }, value: 7 },
  ]);
});

test('a second page shows what has been counted since', async () => {
  const { registry, series } = aRegistry();
  const set = series.define(0, Family.REQUEST_TOTAL, {});
  set(1n);
  await registry.render();
  set(2n);
  const families = parsePrometheusText((await registry.render()).text);
  assert.equal(families.get('request_total')?.samples[0]?.value, 2);
});

// Series of routes of ServiceProfiles on the page: linkerd's names, labels and words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Classification, Direction, Family, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector, type Sample } from '../../../src/metrics/data-plane-collector.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import type { RouteInfo } from '../../../src/routing/route-directory.js';
import { serviceResource } from '../../../src/routing/route-table-ids.js';
import { directoryOf, FakeSeries, type LabelsInit } from '../../support/fake-series.js';

const ID = 7;
const ROUTE: RouteInfo = {
  kind: 'profile',
  name: 'profile web.shop.svc.cluster.local:80',
  parent: serviceResource('web', 80),
  route: { group: '', kind: '', namespace: '', name: '' },
  profile: { dst: 'web.shop.svc.cluster.local:80', labels: { route: 'GET /a', 'app.team': 'shop' } },
};
const DIRECTORY = { ...directoryOf(), routeInfo: (id: number) => (id === ID ? ROUTE : undefined) };

/** The samples of one series, but for the line that is always there. */
function shown(family: Family, labels: LabelsInit, ...values: readonly bigint[]): readonly Sample[] {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, DIRECTORY);
  const outbound = labels.overflow === true ? labels : { direction: Direction.OUTBOUND, ...labels };
  series.define(0, family, outbound, values.length)(...values);
  return collector
    .collect()
    .flatMap((found) => found.values)
    .filter(({ metricName }) => metricName !== 'sluice_log_lines_dropped_total');
}

const PROFILE = [
  ['direction', 'outbound'],
  ['dst', 'web.shop.svc.cluster.local:80'],
  ['rt_app_team', 'shop'],
  ['rt_route', 'GET /a'],
] as const;

test('requests and tries have direction, profile and the labels of the route, in this order', () => {
  for (const [family, name] of [
    [Family.PROFILE_REQUEST_TOTAL, 'route_request_total'],
    [Family.PROFILE_ACTUAL_REQUEST_TOTAL, 'route_actual_request_total'],
  ] as const) {
    const [sample] = shown(family, { routeId: ID }, 3n);
    assert.equal(sample?.metricName, name);
    assert.deepEqual(Object.entries(sample.labels), PROFILE);
    assert.equal(sample.value, 3);
  }
});

test('responses say how they ended', () => {
  const rows: readonly (readonly [LabelsInit, readonly (readonly [string, string])[]])[] = [
    [
      { statusCode: 200, classification: Classification.SUCCESS },
      [
        ['status_code', '200'],
        ['classification', 'success'],
        ['grpc_status', ''],
        ['error', ''],
      ],
    ],
    [
      { statusCode: 200, classification: Classification.FAILURE, grpcStatus: 14 },
      [
        ['status_code', '200'],
        ['classification', 'failure'],
        ['grpc_status', '14'],
        ['error', ''],
      ],
    ],
    [
      { classification: Classification.FAILURE, reason: Reason.ROUTE_TIMEOUT },
      [
        ['classification', 'failure'],
        ['grpc_status', ''],
        ['error', 'timeout'],
      ],
    ],
    [
      { classification: Classification.FAILURE, reason: Reason.CONNECT_REFUSED },
      [
        ['classification', 'failure'],
        ['grpc_status', ''],
        ['error', 'unclassified'],
      ],
    ],
  ];
  for (const family of [Family.PROFILE_RESPONSE_TOTAL, Family.PROFILE_ACTUAL_RESPONSE_TOTAL]) {
    for (const [labels, ending] of rows) {
      const [sample] = shown(family, { routeId: ID, ...labels }, 1n);
      assert.deepEqual(Object.entries(sample?.labels ?? {}), [...PROFILE, ...ending]);
    }
  }
});

test('latencies have the status and the bounds of response latencies', () => {
  const bounds = METRIC_BOUNDS.latencyMs.length;
  const values = [1n, ...new Array<bigint>(bounds + 1).fill(0n)];
  const samples = shown(Family.PROFILE_RESPONSE_LATENCY_MS, { routeId: ID, statusCode: 503 }, ...values);
  assert.equal(samples.length, bounds + 3);
  assert.equal(samples[0]?.metricName, 'route_response_latency_ms_bucket');
  assert.deepEqual(Object.entries(samples[0].labels), [...PROFILE, ['status_code', '503'], ['le', '1']]);
});

test('what was not tried again for want of budget says so', () => {
  const [all] = shown(Family.PROFILE_RETRYABLE_TOTAL, { routeId: ID }, 5n);
  assert.deepEqual(Object.entries(all?.labels ?? {}), PROFILE);
  const [skipped] = shown(Family.PROFILE_RETRYABLE_TOTAL, { routeId: ID, noBudget: true }, 2n);
  assert.equal(skipped?.metricName, 'route_retryable_total');
  assert.deepEqual(Object.entries(skipped.labels), [...PROFILE, ['skipped', 'no_budget']]);
});

test('a route that nobody remembers has no words, and what is too much is in one series', () => {
  assert.deepEqual(shown(Family.PROFILE_REQUEST_TOTAL, { routeId: 8 }, 1n)[0]?.labels, {
    direction: 'outbound',
    dst: '',
  });
  for (const family of [
    Family.PROFILE_REQUEST_TOTAL,
    Family.PROFILE_RESPONSE_TOTAL,
    Family.PROFILE_RETRYABLE_TOTAL,
  ]) {
    assert.deepEqual(shown(family, { overflow: true }, 1n)[0]?.labels, { overflow: 'true' });
  }
});

// The table of families agrees with the contract and with naming conventions.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { Direction, Family, LabelsSchema } from '../../../src/dataplane/gen/contract_pb.js';
import { describeSeries, FAMILY_ORDER } from '../../../src/metrics/families.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import { RouteTableIds } from '../../../src/routing/route-table-ids.js';
import { type LabelsInit } from '../../support/fake-series.js';

const ids = new RouteTableIds();
const HTTP = ids.route('web', 80, 'http', 'all').id;
const GRPC = ids.route('web', 80, 'grpc', 'rpc').id;

function names(family: Family, labels: LabelsInit = {}): readonly string[] | undefined {
  return describeSeries(family, create(LabelsSchema, labels), ids)?.map(({ name }) => name);
}

test('every family of the contract is shown under names of its own', () => {
  const numbers = Object.values(Family).filter((value) => typeof value === 'number');
  for (const family of numbers) {
    assert.equal(names(family) === undefined, family === Family.FAMILY_UNSPECIFIED, Family[family]);
  }
  const all = FAMILY_ORDER.map(({ name }) => name);
  assert.equal(new Set(all).size, all.length);
});

test('names are those of linkerd or begin with sluice_, and counters end in _total', () => {
  for (const { name, type } of FAMILY_ORDER) {
    assert.match(name, /^(?:sluice_|request_|response_|route_|tcp_|outbound_|inbound_)/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
  }
});

test('bounds of histograms ascend', () => {
  for (const bounds of Object.values(METRIC_BOUNDS)) {
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
    );
    assert.equal(new Set(bounds).size, bounds.length);
  }
});

test('families are in the order of the contract', () => {
  assert.equal(FAMILY_ORDER[0]?.name, 'request_total');
  assert.equal(FAMILY_ORDER.at(-1)?.name, 'outbound_tls_route_close_total');
});

for (const [about, family, labels, expected] of [
  [
    'a request of an HTTP route',
    Family.ROUTE_REQUEST_DURATION_MS,
    { routeId: HTTP },
    ['outbound_http_route_request_duration_seconds'],
  ],
  [
    'a request of a gRPC route',
    Family.ROUTE_REQUEST_DURATION_MS,
    { routeId: GRPC },
    ['outbound_grpc_route_request_duration_seconds'],
  ],
  [
    'a response of a backend of a gRPC route',
    Family.BACKEND_RESPONSE_STATUSES_TOTAL,
    { routeId: GRPC },
    ['outbound_grpc_route_backend_response_statuses_total'],
  ],
  [
    'a request of a route from the future',
    Family.ROUTE_RETRY_OVERFLOW_TOTAL,
    { routeId: 99 },
    ['outbound_http_route_retry_overflow_total'],
  ],
  [
    'an outbound detection',
    Family.DETECT_RESULTS_TOTAL,
    { direction: Direction.OUTBOUND },
    ['sluice_detect_results_total', 'outbound_tcp_detect_http_results_total'],
  ],
  [
    'an inbound detection',
    Family.DETECT_DURATION_US,
    { direction: Direction.INBOUND },
    ['inbound_tcp_detect_http_duration_seconds'],
  ],
] as const) {
  test(`${about} is shown as ${expected.join(' and ')}`, () => {
    assert.deepEqual(names(family, labels), expected);
  });
}

test('a family from the future has no description', () => {
  const describe = names as (family: number) => unknown;
  assert.equal(describe(1000), undefined);
});

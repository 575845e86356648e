// Series of routes on the page: linkerd's names, labels and words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction, Family, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector } from '../../../src/metrics/data-plane-collector.js';
import type { LabelText } from '../../../src/metrics/family-description.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import { RouteTableIds } from '../../../src/routing/route-table-ids.js';
import { directoryOf, FakeSeries, type LabelsInit } from '../../support/fake-series.js';

const ids = new RouteTableIds();
const HTTP = ids.route('web', 80, 'http', 'canary').id;
const GRPC = ids.route('web', 80, 'grpc', 'rpc').id;
const TCP = ids.route('web', 80, 'tcp', 'tcp').id;
const BACKEND = ids.backend('web-v2', 8080);
const DIRECTORY = {
  ...directoryOf(),
  routeInfo: (id: number) => ids.routeInfo(id),
  backendInfo: (id: number) => ids.backendInfo(id),
};

const PARENT = {
  parent_group: 'core',
  parent_kind: 'Service',
  parent_namespace: '',
  parent_name: 'web',
  parent_port: '80',
  parent_section_name: '',
};
const ROUTE = {
  ...PARENT,
  route_group: 'gateway.networking.k8s.io',
  route_kind: 'HTTPRoute',
  route_namespace: '',
  route_name: 'canary',
};

interface Shown {
  readonly name: string;
  readonly labels: LabelText;
  readonly value: number;
}

/** The samples of one series, but for the line that is always there. */
function shown(family: Family, labels: LabelsInit, ...values: readonly bigint[]): readonly Shown[] {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, DIRECTORY);
  series.define(0, family, labels, values.length)(...values);
  return collector
    .collect()
    .flatMap((found) => found.values)
    .filter(({ metricName }) => metricName !== 'sluice_log_lines_dropped_total')
    .map(({ metricName, labels: text, value }) => ({ name: metricName, labels: text, value }));
}

test('a request of an HTTP route has parent, route, host name, status and error', () => {
  assert.deepEqual(shown(Family.ROUTE_REQUEST_STATUSES_TOTAL, { routeId: HTTP, statusCode: 200 }, 7n), [
    {
      name: 'outbound_http_route_request_statuses_total',
      labels: { ...ROUTE, hostname: '', http_status: '200', error: '' },
      value: 7,
    },
  ]);
});

test('a response of a backend has the backend in place of the host name', () => {
  const labels = { routeId: HTTP, backendId: BACKEND, statusCode: 503, reason: Reason.FAIL_FAST };
  assert.deepEqual(shown(Family.BACKEND_RESPONSE_STATUSES_TOTAL, labels, 1n)[0]?.labels, {
    ...ROUTE,
    backend_group: 'core',
    backend_kind: 'Service',
    backend_namespace: '',
    backend_name: 'web-v2',
    backend_port: '8080',
    backend_section_name: '',
    http_status: '503',
    error: 'FAIL_FAST',
  });
});

for (const [code, name] of [
  [0, 'OK'],
  [14, 'UNAVAILABLE'],
  [4, 'DEADLINE_EXCEEDED'],
  [99, 'UNKNOWN'],
  [undefined, 'UNKNOWN'],
] as const) {
  test(`a gRPC route has the status ${String(code)} as ${name}`, () => {
    const labels = { routeId: GRPC, statusCode: 200, ...(code === undefined ? {} : { grpcStatus: code }) };
    const [sample] = shown(Family.ROUTE_REQUEST_STATUSES_TOTAL, labels, 1n);
    assert.equal(sample?.name, 'outbound_grpc_route_request_statuses_total');
    assert.equal(sample.labels['grpc_status'], name);
    assert.equal(sample.labels['http_status'], undefined);
  });
}

for (const [reason, error] of [
  [Reason.NONE, ''],
  [Reason.INJECTED_FAILURE, ''],
  [Reason.NO_READY_BACKEND, 'LOAD_SHED'],
  [Reason.REQUEST_TIMEOUT, 'REQUEST_TIMEOUT'],
  [Reason.RESPONSE_HEADERS_TIMEOUT, 'RESPONSE_HEADERS_TIMEOUT'],
  [Reason.RESPONSE_TIMEOUT, 'RESPONSE_STREAM_TIMEOUT'],
  [Reason.STREAM_IDLE_TIMEOUT, 'IDLE_TIMEOUT'],
  [Reason.CONNECT_REFUSED, 'IO'],
  [Reason.ENDPOINT_RESET, 'RESET'],
  [Reason.CLIENT_CLOSED, 'UNKNOWN'],
  [Reason.NO_DISPATCHER, 'UNKNOWN'],
] as const) {
  test(`${Reason[reason]} of a route is "${error}" in linkerd's words`, () => {
    const [sample] = shown(Family.ROUTE_REQUEST_STATUSES_TOTAL, { routeId: HTTP, reason }, 1n);
    assert.deepEqual([sample?.labels['error'], sample?.labels['http_status']], [error, '']);
  });
}

for (const [reason, error] of [
  [Reason.NONE, ''],
  [Reason.FORBIDDEN, 'forbidden'],
  [Reason.INVALID_POLICY, 'invalid_policy'],
  [Reason.NO_DISPATCHER, 'invalid_backend'],
  [Reason.CONNECT_REFUSED, 'unexpected'],
] as const) {
  test(`${Reason[reason]} of a connection is "${error}" in linkerd's words`, () => {
    const targetAddress = { ip: Uint8Array.of(10, 77, 0, 10), port: 80 };
    const labels = { routeId: TCP, targetAddress, reason };
    assert.deepEqual(shown(Family.TCP_ROUTE_CLOSE_TOTAL, labels, 1n), [
      {
        name: 'outbound_tcp_route_close_total',
        labels: {
          ...ROUTE,
          route_kind: 'TCPRoute',
          route_name: 'tcp',
          target_ip: '10.77.0.10',
          target_port: '80',
          error,
        },
        value: 1,
      },
    ]);
  });
}

test('what is counted in milliseconds is shown in seconds', () => {
  const samples = shown(Family.ROUTE_REQUEST_DURATION_MS, { routeId: HTTP }, 1n, 2n, 0n, 1n, 0n, 3250n);
  assert.deepEqual(
    samples.map(({ labels, value }) => [labels['le'], value]),
    [
      ['0.05', 1],
      ['0.5', 3],
      ['1', 3],
      ['10', 4],
      ['+Inf', 4],
      [undefined, 4],
      [undefined, 3.25],
    ],
  );
});

test('what is counted in microseconds is shown in seconds', () => {
  const samples = shown(Family.DETECT_DURATION_US, { direction: Direction.OUTBOUND }, 1n, 0n, 1n, 150_500n);
  assert.deepEqual(
    samples.map(({ labels, value }) => [labels['le'], value]),
    [
      ['0.001', 1],
      ['0.1', 1],
      ['+Inf', 2],
      [undefined, 2],
      [undefined, 0.1505],
    ],
  );
});

test('sizes of frames stay bytes', () => {
  const [first] = shown(Family.BACKEND_RESPONSE_FRAME_BYTES, { routeId: GRPC }, 1n, 0n, 0n, 0n, 100n);
  assert.deepEqual(
    [first?.name, first?.labels['le']],
    ['outbound_grpc_route_backend_response_frame_size_bytes_bucket', String(METRIC_BOUNDS.frameBytes[0])],
  );
});

test('results of detection that linkerd does not tell apart are one of its own', () => {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, DIRECTORY);
  for (const [detected, value] of [
    ['http/1', 1n],
    ['server_first', 2n],
    ['tls', 4n],
    ['not_http', 8n],
  ] as const) {
    series.define(0, Family.DETECT_RESULTS_TOTAL, { direction: Direction.OUTBOUND, detected })(value);
  }
  const found = collector.collect();
  const results = (name: string): unknown =>
    found
      .find((family) => family.name === name)
      ?.values.map(({ labels, value }) => [labels['result'], value]);
  assert.deepEqual(results('outbound_tcp_detect_http_results_total'), [
    ['http/1', 1],
    ['not_http', 14],
  ]);
  assert.deepEqual(results('sluice_detect_results_total'), [
    ['http/1', 1],
    ['server_first', 2],
    ['tls', 4],
    ['not_http', 8],
  ]);
});

test('connections by protocol have linkerd’s label', () => {
  const [sample] = shown(Family.TCP_PROTOCOL_CONNECTIONS_TOTAL, { detected: 'opaq' }, 1n);
  assert.deepEqual(
    [sample?.name, sample?.labels],
    ['outbound_tcp_protocol_connections_total', { protocol: 'opaq' }],
  );
});

test('a route that nobody remembers has empty labels, and the overflow series has none', () => {
  const [sample] = shown(Family.ROUTE_RETRY_REQUESTS_TOTAL, { routeId: 12_345 }, 1n);
  assert.ok(Object.values(sample?.labels ?? { some: 'x' }).every((value) => value === ''));
  const [overflow] = shown(Family.ROUTE_REQUEST_STATUSES_TOTAL, { overflow: true }, 1n);
  assert.deepEqual(overflow?.labels, { overflow: 'true' });
});

test('a connection that was routed by its server name has it as its host name', () => {
  const labels = { routeId: TCP, serverName: 'api.shop' };
  const route = { ...ROUTE, route_kind: 'TCPRoute', route_name: 'tcp', hostname: 'api.shop' };
  assert.deepEqual(shown(Family.TLS_ROUTE_OPEN_TOTAL, labels, 2n), [
    { name: 'outbound_tls_route_open_total', labels: route, value: 2 },
  ]);
  const closed = shown(Family.TLS_ROUTE_CLOSE_TOTAL, { ...labels, reason: Reason.FORBIDDEN }, 1n);
  assert.deepEqual(closed, [
    { name: 'outbound_tls_route_close_total', labels: { ...route, error: 'forbidden' }, value: 1 },
  ]);
});

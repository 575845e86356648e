// Series about the policies of servers on the page: linkerd's names, labels and their order.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction, Family, RateLimitScope, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector } from '../../../src/metrics/data-plane-collector.js';
import type { PolicyInfo, RouteInfo } from '../../../src/routing/route-directory.js';
import { directoryOf, FakeSeries, type LabelsInit } from '../../support/fake-series.js';

const GROUP = 'policy.linkerd.io';
const EMPTY = { group: '', kind: '', namespace: '', name: '', port: '', section: '' };

function policy(kind: string): (id: number) => PolicyInfo | undefined {
  return (id) => (id === 0 ? undefined : { group: GROUP, kind, name: `${kind}-${String(id)}` });
}

const DIRECTORY = {
  ...directoryOf(),
  serverInfo: policy('server'),
  authorizationInfo: policy('serverauthorization'),
  rateLimitInfo: policy('limit'),
  routeInfo: (id: number): RouteInfo | undefined =>
    id === 0
      ? undefined
      : {
          kind: id === 5 ? 'grpc' : 'http',
          name: 'r',
          parent: EMPTY,
          route: { ...EMPTY, kind: 'default', name: 'default' },
        },
};

const TARGET = { targetAddress: { ip: Uint8Array.of(10, 0, 0, 1), port: 8080 }, serverId: 2 };

/** The series as it stands on the page, without its value; undefined when it is not there. */
function shown(family: Family, labels: LabelsInit, width = 1): string | undefined {
  const series = new FakeSeries(1);
  const collector = new DataPlaneCollector(series, DIRECTORY);
  series.define(0, family, { direction: Direction.INBOUND, ...labels }, width)(1n);
  const [sample] = collector
    .collect()
    .flatMap(({ values }) => values)
    .filter(({ metricName }) => metricName !== 'sluice_log_lines_dropped_total');
  if (sample === undefined) return undefined;
  const text = Object.entries(sample.labels).map(([key, value]) => `${key}="${value}"`);
  return `${sample.metricName}{${text.join(',')}}`;
}

const AT = 'target_addr="10.0.0.1:8080",target_ip="10.0.0.1",target_port="8080"';
const SERVER = `srv_group="${GROUP}",srv_kind="server",srv_name="server-2",srv_port="8080"`;
const ROUTE = 'route_group="",route_kind="default",route_name="default"';
const AUTHZ = `authz_group="${GROUP}",authz_kind="serverauthorization",authz_name="serverauthorization-3"`;
const CLEAR = 'tls="no_identity",no_tls_reason="no_tls_from_remote"';
const SKIPPED = 'tls="no_identity",no_tls_reason="port_skipped"';

for (const [what, family, labels, expected] of [
  [
    'an allowed request',
    Family.HTTP_AUTHZ_ALLOW_TOTAL,
    { routeId: 4, authorizationId: 3 },
    `inbound_http_authz_allow_total{${AT},${SERVER},${ROUTE},${AUTHZ},${CLEAR}}`,
  ],
  [
    'a denied request',
    Family.HTTP_AUTHZ_DENY_TOTAL,
    { routeId: 4 },
    `inbound_http_authz_deny_total{${AT},${SERVER},${ROUTE},${CLEAR}}`,
  ],
  [
    'a request without a route',
    Family.HTTP_ROUTE_NOT_FOUND_TOTAL,
    {},
    `inbound_http_route_not_found_total{${AT},${SERVER},${CLEAR}}`,
  ],
  [
    'a request beyond the limit of its client',
    Family.HTTP_RATE_LIMIT_TOTAL,
    { rateLimitId: 6, rateLimitScope: RateLimitScope.SCOPE_IDENTITY },
    `inbound_http_local_ratelimit_total{${AT},${SERVER},ratelimit_group="${GROUP}",ratelimit_kind="limit",ratelimit_name="limit-6",ratelimit_scope="identity",${CLEAR}}`,
  ],
  [
    'an allowed connection',
    Family.TCP_AUTHZ_ALLOW_TOTAL,
    { authorizationId: 3 },
    `inbound_tcp_authz_allow_total{${AT},${SERVER},${AUTHZ},${CLEAR}}`,
  ],
  [
    'a denied connection of a port that nobody looks into',
    Family.TCP_AUTHZ_DENY_TOTAL,
    { portSkipped: true },
    `inbound_tcp_authz_deny_total{${AT},${SERVER},${SKIPPED}}`,
  ],
  [
    'a connection that was cut',
    Family.TCP_AUTHZ_TERMINATE_TOTAL,
    {},
    `inbound_tcp_authz_terminate_total{${AT},${SERVER},${CLEAR}}`,
  ],
  [
    'a request that was shed',
    Family.HTTP_SERVER_ERRORS_TOTAL,
    { reason: Reason.TOO_MANY_IN_FLIGHT },
    `inbound_http_errors_total{error="loadshed",${AT},${SERVER}}`,
  ],
  [
    'a connection to an address that is refused',
    Family.TCP_SERVER_ERRORS_TOTAL,
    { reason: Reason.ADDRESS_NOT_ALLOWED },
    `inbound_tcp_errors_total{error="unexpected",${AT}}`,
  ],
  [
    'a series beyond the bound',
    Family.TCP_AUTHZ_DENY_TOTAL,
    { overflow: true },
    'inbound_tcp_authz_deny_total{overflow="true"}',
  ],
  [
    'an authorization that nobody remembers',
    Family.TCP_AUTHZ_ALLOW_TOTAL,
    {},
    `inbound_tcp_authz_allow_total{${AT},${SERVER},authz_group="",authz_kind="",authz_name="",${CLEAR}}`,
  ],
] as const) {
  test(`${what} is ${expected.split('{')[0] ?? ''}`, () => {
    assert.equal(shown(family, { ...TARGET, ...labels }), expected);
  });
}

for (const [family, reason] of [
  [Family.HTTP_SERVER_ERRORS_TOTAL, Reason.UNAUTHORIZED],
  [Family.HTTP_SERVER_ERRORS_TOTAL, Reason.NO_ROUTE],
  [Family.HTTP_SERVER_ERRORS_TOTAL, Reason.CONNECT_REFUSED],
  [Family.HTTP_SERVER_ERRORS_TOTAL, Reason.CLIENT_CLOSED],
  [Family.TCP_SERVER_ERRORS_TOTAL, Reason.UNAUTHORIZED],
] as const) {
  test(`${Reason[reason]} is no error in ${Family[family]}, as in linkerd`, () => {
    assert.equal(shown(family, { ...TARGET, reason }), undefined);
  });
}

const PARENT = `parent_group="${GROUP}",parent_kind="server",parent_name="server-2",parent_port="8080"`;

test('requests that were let in have the server as their parent', () => {
  const labels = { serverId: 2, serverPort: 8080, routeId: 4 };
  assert.equal(
    shown(Family.SERVER_REQUESTS_TOTAL, labels),
    `inbound_http_requests_total{${PARENT},${ROUTE}}`,
  );
  assert.equal(
    shown(Family.SERVER_STATUSES_TOTAL, { ...labels, statusCode: 503 }),
    `inbound_http_statuses_total{${PARENT},${ROUTE},status="503"}`,
  );
  assert.equal(
    shown(Family.SERVER_STATUSES_TOTAL, labels),
    `inbound_http_statuses_total{${PARENT},${ROUTE},status=""}`,
  );
});

test('those of gRPC have families of their own, and numbers as status', () => {
  const labels = { serverId: 2, serverPort: 8080, routeId: 5 };
  assert.equal(
    shown(Family.SERVER_STATUSES_TOTAL, { ...labels, statusCode: 200, grpcStatus: 14 }),
    `inbound_grpc_statuses_total{${PARENT},${ROUTE},status="14"}`,
  );
});

test('durations of requests and of responses have the bounds that linkerd has on this side', () => {
  const labels = { serverId: 2, serverPort: 8080, routeId: 4 };
  assert.match(
    shown(Family.SERVER_REQUEST_DURATION_MS, labels, 9) ?? '',
    /^inbound_http_request_duration_seconds_bucket\{.*le="0.025"\}$/,
  );
  assert.match(
    shown(Family.SERVER_RESPONSE_DURATION_MS, labels, 6) ?? '',
    /^inbound_http_response_duration_seconds_bucket\{.*le="0.05"\}$/,
  );
});

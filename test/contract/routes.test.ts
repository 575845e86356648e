// Route tables cross the border: a good one decides where requests go, a bad one is refused whole, for the
// field that is bad.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf';

import {
  Direction,
  DistributionKind,
  Family,
  OriginalDestinationSource,
  Protocol,
  type PutRouteTableSchema,
  Reason,
  type RouteHostSchema,
  type RouteRuleSchema,
} from '../../src/dataplane/gen/contract_pb.js';
import type { NativeDataPlane } from '../../src/dataplane/native-dataplane.js';
import { METRIC_BOUNDS } from '../../src/metrics/metric-bounds.js';
import { metricBounds } from '../../src/run/data-plane-settings.js';
import {
  assertRefused,
  balanceTarget,
  loopback,
  type OpenPlane,
  openPlane,
  received,
  request,
  serveHttp,
} from './harness.js';

/** A message as a plain object. */
type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, Message>;
type TableInit = Init<typeof PutRouteTableSchema>;
type RuleInit = Init<typeof RouteRuleSchema>;
type HostInit = Init<typeof RouteHostSchema>;

const { OUTBOUND } = Direction;
const METRICS = { ...metricBounds(METRIC_BOUNDS), maxSeriesPerWorker: 1000 };

/** A rule with one backend. */
function rule(id: number, targetId: number, more: RuleInit = {}): RuleInit {
  const backends = [{ id: 100 + targetId, name: `backend-${String(targetId)}`, targetId, weight: 1 }];
  return {
    id,
    name: `HTTPRoute.web.r${String(id)}`,
    distribution: { kind: DistributionKind.RANDOM_AVAILABLE, backends },
    ...more,
  };
}

function anyHost(...entries: NonNullable<HostInit['entries']>): HostInit[] {
  return [{ host: '', entries }];
}

interface Routed extends OpenPlane {
  readonly port: number;
}

/** A listener whose requests a table decides about; targets 1 and 2 answer `one` and `two`. */
async function routed(t: TestContext, table: TableInit, protocol = Protocol.HTTP1): Promise<Routed> {
  const opened = openPlane(t, { workers: 1, metrics: METRICS });
  const { plane } = opened;
  for (const [id, body] of [
    [1, 'one'],
    [2, 'two'],
  ] as const) {
    plane.putTarget(balanceTarget(id));
    plane.updateEndpoints({ targetId: id, add: [{ address: loopback(await serveHttp(t, body)) }] });
  }
  plane.putRouteTable({ id: 1, ...table });
  plane.putDestination({ id: 1, direction: OUTBOUND, protocol, routeTableId: 1, detectTimeoutMs: 10_000 });
  return { ...opened, port: listen(plane) };
}

function listen(plane: NativeDataPlane): number {
  return plane.listen({
    id: 1,
    direction: OUTBOUND,
    address: loopback(0),
    source: OriginalDestinationSource.SOURCE_FIXED,
    destinationId: 1,
  }).port;
}

test('the first entry that matches decides, and edits decide for the next request', async (t) => {
  const rules = [rule(11, 1), rule(12, 2)];
  const entries = [{ match: { path: { case: 'pathPrefix', value: '/two' } }, rule: 1 }, { rule: 0 }] as const;
  const { plane, port } = await routed(t, { rules, hosts: anyHost(...entries) });
  assert.match(await request(t, port, 'web', '/two/x'), /two$/);
  assert.match(await request(t, port, 'web', '/twofold'), /one$/);
  plane.putRouteTable({ id: 1, rules, hosts: anyHost({ rule: 1 }) });
  assert.match(await request(t, port, 'web', '/twofold'), /two$/);
});

test('an exact host goes before a suffix, and a suffix before any host', async (t) => {
  const { port } = await routed(t, {
    rules: [rule(11, 1), rule(12, 2)],
    hosts: [
      { host: 'web.mesh', entries: [{ rule: 0 }] },
      { host: 'mesh', suffix: true, entries: [{ rule: 1 }] },
    ],
  });
  assert.match(await request(t, port, 'web.mesh'), /one$/);
  assert.match(await request(t, port, 'api.mesh'), /two$/);
  assert.match(await request(t, port, 'mesh'), /^HTTP\/1\.1 404 /);
});

test('a request that no entry matches is answered 404 and told with its reason', async (t) => {
  const { port, events } = await routed(t, { rules: [rule(11, 1)], hosts: [] });
  assert.match(await request(t, port, 'web'), /^HTTP\/1\.1 404 /);
  const failure = await events.next('failure');
  assert.deepEqual([failure.reason, failure.routeId, failure.tries], [Reason.NO_ROUTE, 0, 0]);
});

test('an injected failure has its status, reason and route', async (t) => {
  const failure = { case: 'http', value: { status: 418, message: 'on purpose' } } as const;
  const inject = { case: 'inject', value: { numerator: 1, denominator: 1, failure } } as const;
  const filters = [{ kind: inject }];
  const { port, events } = await routed(t, {
    rules: [rule(11, 1, { filters })],
    hosts: anyHost({ rule: 0 }),
  });
  assert.match(await request(t, port, 'web'), /^HTTP\/1\.1 418 /);
  const told = await events.next('failure');
  assert.deepEqual([told.reason, told.routeId], [Reason.INJECTED_FAILURE, 11]);
  assert.match(told.detail, /on purpose$/);
});

test('a backend that leads nowhere is a failure of the route', async (t) => {
  const { port, events } = await routed(t, { rules: [rule(11, 0)], hosts: anyHost({ rule: 0 }) });
  assert.match(await request(t, port, 'web'), /^HTTP\/1\.1 502 /);
  const told = await events.next('failure');
  assert.deepEqual([told.reason, told.routeId], [Reason.NO_DISPATCHER, 11]);
});

test('connections that are not HTTP are refused where the table says so', async (t) => {
  const tcp = { id: 13, name: 'TCPRoute.web.tcp', refusal: Reason.FORBIDDEN };
  const { port, events } = await routed(t, { rules: [], hosts: [], tcp }, Protocol.OPAQUE);
  // It may be over before `connect` returns.
  const socket = connect({ port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  const everything = received(socket);
  socket.write('hello');
  assert.equal(await everything, '');
  const told = await events.next('failure');
  assert.deepEqual([told.reason, told.routeId], [Reason.FORBIDDEN, 13]);
});

test('a request is counted with its route, and every try of it with its backend', async (t) => {
  const { port, events } = await routed(t, { rules: [rule(11, 2)], hosts: anyHost({ rule: 0 }) });
  await request(t, port, 'web');
  const duration = await events.next(
    'seriesDefined',
    ({ family }) => family === Family.ROUTE_REQUEST_DURATION_MS,
  );
  assert.deepEqual(
    [duration.labels?.routeId, duration.width],
    [11, METRIC_BOUNDS.routeDurationMs.length + 2],
  );
  const tries = await events.next('seriesDefined', ({ family }) => family === Family.BACKEND_REQUESTS_TOTAL);
  assert.deepEqual([tries.labels?.routeId, tries.labels?.backendId], [11, 102]);
});

test('a table that is gone answers no route', async (t) => {
  const { plane, port } = await routed(t, { rules: [rule(11, 1)], hosts: anyHost({ rule: 0 }) });
  plane.removeRouteTable(1);
  assert.match(await request(t, port, 'web'), /^HTTP\/1\.1 404 /);
  assertRefused(() => {
    plane.removeRouteTable(1);
  }, 'remove_route_table.id');
});

test('putRouteTable is refused whole, for its bad field', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(1));
  const good = rule(11, 1);
  const refused = (change: TableInit, field: string): void => {
    assertRefused(() => {
      plane.putRouteTable({ id: 7, rules: [good], hosts: anyHost({ rule: 0 }), ...change });
    }, `put_route_table.${field}`);
  };
  refused({ id: 0 }, 'id');
  refused({ tls: [{ host: 'web:443', route: { id: 1 } }] }, 'tls[0].host');
  refused({ tls: [{ host: 'web' }] }, 'tls[0].route');
  refused({ rules: [{ ...good, retry: { responsesOnly: true } }] }, 'rules[0].retry.budget');
  refused({ hosts: [{ host: 'WEB' }] }, 'hosts[0].host');
  refused({ hosts: [{ host: 'web' }, { host: 'web' }] }, 'hosts[1].host');
  refused({ hosts: anyHost({ rule: 1 }) }, 'hosts[0].entries[0].rule');
  refused(
    { hosts: anyHost({ rule: 0, match: { path: { case: 'pathRegex', value: '(' } } }) },
    'hosts[0].entries[0].match.path_regex',
  );
  refused({ rules: [{ ...good, id: 0 }] }, 'rules[0].id');
  refused({ rules: [rule(11, 99)] }, 'rules[0].distribution.backends[0].target_id');
  refused(
    {
      rules: [
        {
          ...good,
          filters: [{ kind: { case: 'requestHeaders', value: { remove: ['transfer-encoding'] } } }],
        },
      ],
    },
    'rules[0].filters[0].request_headers.remove[0]',
  );
  refused({ rules: [{ ...good, retry: { maxRetries: 0 } }] }, 'rules[0].retry.max_retries');
  refused(
    { rules: [{ ...good, retry: { maxRetries: 1, budget: { id: 1, ttlMs: 999 } } }] },
    'rules[0].retry.budget.ttl_ms',
  );
  refused(
    { rules: [{ ...good, failureStatuses: [{ first: 600, last: 600 }] }] },
    'rules[0].failure_statuses[0].first',
  );
  refused({ tcp: { id: 0 } }, 'tcp.id');
  assertRefused(() => {
    plane.removeRouteTable(7);
  }, 'remove_route_table.id');
});

test('a destination names a table that is there, and not a target beside it', (t) => {
  const { plane } = openPlane(t);
  const destination = { id: 1, direction: OUTBOUND, protocol: Protocol.HTTP1, routeTableId: 1 };
  assertRefused(() => {
    plane.putDestination(destination);
  }, 'put_destination.route_table_id');
  plane.putRouteTable({ id: 1 });
  plane.putDestination(destination);
  plane.putDestination({ ...destination, authorities: [{ authority: 'web', routeTableId: 1 }] });
  assertRefused(() => {
    plane.putDestination({ ...destination, authorities: [{ authority: 'web', routeTableId: 2 }] });
  }, 'put_destination.authorities[0].route_table_id');
});

test('what is wrong with how a target judges its endpoints is named', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget({
    ...balanceTarget(1),
    failureAccrual: {
      maxConsecutiveFailures: 7,
      backoffMinMs: 1000,
      backoffMaxMs: 60_000,
      backoffJitter: 0.5,
    },
    loadPenalty: { penaltyMs: 5000, maxRetryAfterMs: 300_000 },
    http2Keepalive: { intervalMs: 10_000, timeoutMs: 3000 },
  });
  const refused = (change: object, field: string): void => {
    assertRefused(() => {
      plane.putTarget({ ...balanceTarget(2), ...change });
    }, field);
  };
  const accrual = { maxConsecutiveFailures: 1, backoffMinMs: 1, backoffMaxMs: 1 };
  refused({ failureAccrual: { ...accrual, backoffJitter: 2 } }, 'put_target.failure_accrual.backoff_jitter');
  refused(
    { failureAccrual: { ...accrual, minSuccessRatio: 1.5 } },
    'put_target.failure_accrual.min_success_ratio',
  );
  refused({ http2Keepalive: { intervalMs: 0, timeoutMs: 1 } }, 'put_target.http2_keepalive.interval_ms');
});

// Requests that survive bad endpoints: a crowd of them behind one service, most requests sent once, some
// again, none more often than the budget allows; and without retries each failure with its true reason.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test, type TestContext } from 'node:test';

import { DistributionKind, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { reasonName } from '../../src/dataplane/reason-name.js';
import { type Fault, faultyEndpoints } from '../support/faulty-endpoints.js';
import { eventually } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { backend, fiveHundreds, oneRule, rule } from '../support/route-tables.js';

interface Seen {
  readonly status: number;
  /** `l5d-proxy-error`; empty when an endpoint answered. */
  readonly error: string;
}

/** Sends `count` requests over keep-alive connections, `concurrency` at a time; answers how they ended. */
async function load(
  t: TestContext,
  port: number,
  count: number,
  concurrency: number,
): Promise<Map<string, number>> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  t.after(() => {
    agent.destroy();
  });
  const get = (): Promise<Seen> =>
    new Promise((resolve) => {
      const request = http.get({ port, host: '127.0.0.1', agent, headers: { host: 'web' } }, (response) => {
        const error = response.headers['l5d-proxy-error'];
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, error: typeof error === 'string' ? error : '' });
        });
        response.on('error', () => {
          resolve({ status: 0, error: 'cut short' });
        });
        response.resume();
      });
      request.on('error', (error) => {
        resolve({ status: 0, error: error.message });
      });
    });
  const seen = new Map<string, number>();
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const { status, error } = await get();
      // Ports are of no interest here.
      const key = `${String(status)} ${error.replaceAll(/:\d+/g, '')}`.trim();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return seen;
}

function sumOf(seen: ReadonlyMap<string, number>, matches: (key: string) => boolean): number {
  let sum = 0;
  for (const [key, count] of seen) if (matches(key)) sum += count;
  return sum;
}

test('of 100,000 requests over twenty endpoints, half of them bad, 99.99 % succeed within the budget', async (t) => {
  const COUNT = 100_000;
  const budget = { id: 1, ratio: 0.2, minRetriesPerSecond: 10, ttlMs: 10_000 };
  const endpoints = await faultyEndpoints(t, { refuse: 2, hang: 2, reset: 2, flaky: 4, none: 10 });
  const proxy = aProxy(t);
  const target = proxy.target(
    endpoints.map(({ port }) => port),
    {
      target: {
        responseTimeoutMs: 5000,
        failureAccrual: {
          maxConsecutiveFailures: 7,
          backoffMinMs: 200,
          backoffMaxMs: 5000,
          backoffJitter: 0.5,
        },
      },
    },
  );
  const { port } = proxy.routed(
    oneRule(
      rule(11, target, {
        retry: {
          maxRetries: 5,
          statuses: fiveHundreds,
          timeoutMs: 200,
          backoff: { minMs: 1, maxMs: 20, jitter: 0.5 },
          budget,
        },
      }),
    ),
  );

  const begun = performance.now();
  const seen = await load(t, port, COUNT, 64);
  const seconds = (performance.now() - begun) / 1000;

  const told = JSON.stringify(Object.fromEntries(seen));
  t.diagnostic(`${seconds.toFixed(1)} s: ${told}`);
  assert.equal(
    sumOf(seen, () => true),
    COUNT,
  );
  assert.ok((seen.get('200') ?? 0) >= COUNT * 0.9999, told);

  const retries = proxy.metric('outbound_http_route_retry_requests_total');
  const allowed = budget.ratio * COUNT + budget.minRetriesPerSecond * (seconds + budget.ttlMs / 1000);
  t.diagnostic(`${String(retries)} retries, ${allowed.toFixed(0)} allowed`);
  assert.ok(retries <= allowed, `${String(retries)} retries, ${String(allowed)} allowed`);

  // Who failed was found out by failing requests, and those were saved.
  for (const { fault, requests, errors } of endpoints) {
    if (fault === 'hang' || fault === 'reset') assert.ok(requests() > 0, `${fault} was never asked`);
    if (fault === 'flaky') assert.ok(errors() > 0, 'no 500');
  }
  const saved = proxy.metric('outbound_http_route_retry_successes_total');
  assert.ok(saved > 0 && saved <= retries, `${String(saved)} saved by ${String(retries)} retries`);
  assert.equal(
    proxy.metric('outbound_http_route_request_statuses_total', { http_status: '200', error: '' }),
    seen.get('200'),
  );
  assert.equal(proxy.metric('outbound_http_route_request_duration_seconds_count'), COUNT);
  const sent = proxy.metric('outbound_http_route_backend_requests_total');
  const arrived = endpoints.reduce((sum, { requests }) => sum + requests(), 0);
  assert.ok(arrived <= sent && sent <= COUNT + retries, `${String(arrived)} came of ${String(sent)}`);
});

interface Expectation {
  readonly reason: Reason;
  readonly status: number;
  readonly says: RegExp;
}

const FAILURES: Readonly<Record<Exclude<Fault, 'flaky' | 'none'>, Expectation>> = {
  refuse: { reason: Reason.CONNECT_REFUSED, status: 502, says: /connection refused/ },
  hang: { reason: Reason.RESPONSE_HEADERS_TIMEOUT, status: 504, says: /response header/ },
  reset: { reason: Reason.ENDPOINT_RESET, status: 502, says: /endpoint reset/ },
};

test('without retries every failure has its true reason, the same for clients, reports and metrics', async (t) => {
  const COUNT = 2000;
  const endpoints = await faultyEndpoints(t, { refuse: 4, hang: 2, reset: 4, flaky: 6, none: 4 });
  const proxy = aProxy(t);
  // One target for each, dialled for each need: nobody is avoided for having failed.
  const targets = endpoints.map(({ port }) =>
    proxy.target([port], { balanced: false, target: { responseTimeoutMs: 1000 } }),
  );
  const distribution = {
    kind: DistributionKind.RANDOM_AVAILABLE,
    backends: targets.map((target) => backend(target)),
  };
  const { port } = proxy.routed(oneRule(rule(11, 0, { distribution })));

  const seen = await load(t, port, COUNT, 32);

  t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
  const requestsOf = (fault: Fault): number =>
    endpoints.filter((one) => one.fault === fault).reduce((sum, { requests }) => sum + requests(), 0);
  let failed = 0;
  for (const [fault, { reason, status, says }] of Object.entries(FAILURES)) {
    const known = sumOf(seen, (key) => key.startsWith(`${String(status)} `) && says.test(key));
    assert.ok(known > 0, `no request met ${fault}`);
    failed += known;
    const name = reasonName(reason);
    await proxy.metricBecomes('sluice_request_errors_total', { error: name }, known);
    await eventually(
      () => proxy.failures.filter((one) => one.reason === reason).length === known,
      `not ${String(known)} reports of ${name}`,
    );
    if (fault !== 'refuse') assert.equal(requestsOf(fault as Fault), known);
  }
  for (const failure of proxy.failures) {
    assert.deepEqual([failure.routeId, failure.method, failure.path], [11, 'GET', '/']);
    assert.ok(endpoints.some((one) => one.port === failure.endpoint?.port));
  }
  assert.equal(proxy.failures.length, failed);
  // 500 is an answer, and is passed on as it is.
  const errors = endpoints.reduce((sum, one) => sum + one.errors(), 0);
  assert.ok(errors > 0);
  assert.equal(seen.get('500'), errors);
  assert.equal(proxy.metric('outbound_http_route_request_statuses_total', { http_status: '500' }), errors);
  assert.equal(seen.get('200'), requestsOf('flaky') + requestsOf('none') - errors);
  assert.equal(failed + errors + (seen.get('200') ?? 0), COUNT);
  assert.equal(proxy.metric('sluice_request_errors_total'), failed);
  assert.equal(proxy.metric('outbound_http_route_retry_requests_total'), 0);
});

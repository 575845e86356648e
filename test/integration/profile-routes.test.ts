// Routes of ServiceProfiles: responses tried again within a budget, one time-out over all tries, and the
// families in which they are counted.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { Reason, RouteKind } from '../../src/dataplane/gen/contract_pb.js';
import { aNamedServer, asking } from '../support/exchanges.js';
import { aServer } from '../support/http-ends.js';
import { aProxy } from '../support/proxy-under-test.js';
import { fiveHundreds, oneRule, rule, type RuleInit } from '../support/route-tables.js';

/** Answers 503 to so many requests, and then 200. */
async function failingAtFirst(
  t: TestContext,
  failures: number,
): Promise<{ port: number; asked: () => number }> {
  let asked = 0;
  const { port } = await aServer(t, 'HTTP/1.1', (exchange) => {
    asked += 1;
    exchange.body.resume();
    exchange.head(asked <= failures ? 503 : 200);
    exchange.end();
  });
  return { port, asked: () => asked };
}

/** Retries of responses alone; the budget allows so many for each request. */
function profileRule(targetId: number, perRequest: number, more: RuleInit = {}): RuleInit {
  return rule(31, targetId, {
    kind: RouteKind.ROUTE_PROFILE,
    retry: {
      responsesOnly: true,
      maxRetries: 0,
      maxRequestBytes: 65_536n,
      statuses: fiveHundreds,
      budget: { id: 1, ratio: perRequest, minRetriesPerSecond: 0, ttlMs: 60_000 },
    },
    ...more,
  });
}

const PROFILE = { direction: 'outbound', dst: 'web.mesh:80', rt_route: '31' } as const;

test('a route of a profile tries responses again within its budget, and is counted as linkerd does', async (t) => {
  const app = await failingAtFirst(t, 5);
  const proxy = aProxy(t);
  const { port } = proxy.routed(oneRule(profileRule(proxy.target([app.port]), 3)));
  const ask = asking(t, 'HTTP/1.1', port);
  // Three retries for the first request; the two that are still to fail are in the budget of the second.
  assert.equal((await ask('/')).status, 503);
  assert.equal(app.asked(), 4);
  assert.equal((await ask('/')).status, 200);
  assert.equal(app.asked(), 6);
  await proxy.metricBecomes('route_response_total', { ...PROFILE, classification: 'success' }, 1);
  const values = {
    route_request_total: 2,
    route_actual_request_total: 6,
    route_response_latency_ms_count: 2,
  };
  for (const [name, value] of Object.entries(values)) assert.equal(proxy.metric(name, PROFILE), value, name);
  const failed = { ...PROFILE, status_code: '503', classification: 'failure', error: '' };
  assert.equal(proxy.metric('route_response_total', failed), 1);
  assert.equal(proxy.metric('route_actual_response_total', failed), 5);
  assert.equal(proxy.metric('route_retryable_total', { ...PROFILE, skipped: 'no_budget' }), 1);
  // With that series: five responses were to be tried again.
  assert.equal(proxy.metric('route_retryable_total', PROFILE), 5 + 1);
  assert.equal(proxy.metric('outbound_http_route_request_statuses_total'), 0);
});

test('an endpoint that cannot be reached is not tried again by a profile', async (t) => {
  const app = await aNamedServer(t, 'HTTP/1.1', 'app');
  const proxy = aProxy(t);
  const target = proxy.target([app.port], { balanced: false, target: { refuseLoopback: true } });
  const { port } = proxy.routed(oneRule(profileRule(target, 10)));
  assert.equal((await asking(t, 'HTTP/1.1', port)('/')).status, 502);
  await proxy.metricBecomes(
    'route_response_total',
    { ...PROFILE, classification: 'failure', error: 'unclassified' },
    1,
  );
  assert.equal(proxy.metric('route_actual_request_total', PROFILE), 1);
  assert.equal(proxy.metric('route_retryable_total', PROFILE), 0);
});

test('the time for the head of a response spans all tries, and ends the connection', async (t) => {
  let asked = 0;
  const { port: silentAfterOne } = await aServer(t, 'HTTP/1.1', (exchange) => {
    asked += 1;
    exchange.body.resume();
    if (asked > 1) return;
    exchange.head(503);
    exchange.end();
  });
  const proxy = aProxy(t);
  const rule = profileRule(proxy.target([silentAfterOne]), 10, { timeouts: { headMs: 300 } });
  const { port } = proxy.routed(oneRule(rule));
  const answer = await asking(t, 'HTTP/1.1', port)('/');
  assert.equal(answer.status, 504);
  assert.equal(answer.headers['connection'], 'close');
  assert.equal((await proxy.failure(Reason.ROUTE_TIMEOUT)).tries, 2);
  await proxy.metricBecomes('route_response_total', { ...PROFILE, error: 'timeout' }, 1);
});

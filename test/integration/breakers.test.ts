// Circuit breakers: an endpoint that answers badly is taken out and comes back once it answers well; the
// last one stays; one that asks to be spared is; and when nobody is left, what is known of each says why.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import {
  EjectionRule,
  type EndpointInspection,
  EndpointState,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import { closedPort } from '../contract/harness.js';
import { type Ask, asking, VERSIONS, protocolOf } from '../support/exchanges.js';
import { aServer, type Fields, type Version } from '../support/http-ends.js';
import { within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest, type RouteWishes } from '../support/proxy-under-test.js';
import { oneRule, rule } from '../support/route-tables.js';

interface Server {
  readonly port: number;
  requests: number;
  /** What it answers from now on. */
  status: number;
  fields: Fields;
}

async function aServerThatAnswers(
  t: TestContext,
  version: Version,
  status: number,
  fields: Fields = {},
): Promise<Server> {
  const { port } = await aServer(t, version, (exchange) => {
    server.requests += 1;
    exchange.body.resume();
    exchange.head(server.status, server.fields);
    exchange.end();
  });
  const server: Server = { port, requests: 0, status, fields };
  return server;
}

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly ask: Ask;
  /** What is known of the endpoint at this port. */
  readonly known: (port: number) => EndpointInspection;
}

/** One worker, as each finds out for itself who fails. */
function scene(
  t: TestContext,
  version: Version,
  ports: readonly number[],
  target: NonNullable<RouteWishes['target']>,
): Scene {
  const proxy = aProxy(t, { workers: 1 });
  const id = proxy.target(ports, { target });
  const route = proxy.routed(oneRule(rule(11, id)), { protocol: protocolOf(version) });
  const known = (port: number): EndpointInspection => {
    const endpoints = proxy.inspect().targets.find((one) => one.id === id)?.endpoints ?? [];
    const found = endpoints.find(({ address }) => address?.port === port);
    assert.ok(found !== undefined);
    return found;
  };
  return { proxy, ask: asking(t, version, route.port), known };
}

/** Asks until it is so. */
async function askUntil(
  ask: (path: string) => Promise<unknown>,
  isSo: () => boolean,
  what: string,
): Promise<void> {
  let over = false;
  const loop = async (): Promise<void> => {
    while (!over && !isSo()) await ask('/');
  };
  try {
    await within(loop(), what);
  } finally {
    over = true;
  }
}

const LONG_MS = 600_000;
const BREAKER = { maxConsecutiveFailures: 5, backoffMinMs: LONG_MS, backoffMaxMs: LONG_MS } as const;
const SOON = { ...BREAKER, backoffMinMs: 50, backoffMaxMs: 100 } as const;

for (const version of VERSIONS) {
  test(`${version}: an endpoint that fails so often in a row gets no request any more`, async (t) => {
    const [good, bad] = [
      await aServerThatAnswers(t, version, 200),
      await aServerThatAnswers(t, version, 500),
    ];
    const { ask, known } = scene(t, version, [good.port, bad.port], { failureAccrual: BREAKER });
    const isOut = (): boolean => known(bad.port).state === EndpointState.ENDPOINT_EJECTED;
    await askUntil(ask, isOut, 'the endpoint stayed in');
    assert.equal(bad.requests, BREAKER.maxConsecutiveFailures);
    const { ejectedBy, nextAttemptMs } = known(bad.port);
    assert.equal(ejectedBy, EjectionRule.CONSECUTIVE_FAILURES);
    assert.ok(nextAttemptMs > 0 && nextAttemptMs <= LONG_MS, String(nextAttemptMs));
    for (let n = 0; n < 100; n += 1) assert.equal((await ask('/')).status, 200);
    assert.equal(bad.requests, BREAKER.maxConsecutiveFailures);
    assert.equal(known(good.port).state, EndpointState.ENDPOINT_READY);
  });

  test(`${version}: an endpoint that is out comes back when its probe succeeds, not before`, async (t) => {
    const [good, bad] = [
      await aServerThatAnswers(t, version, 200),
      await aServerThatAnswers(t, version, 500),
    ];
    const { ask, known } = scene(t, version, [good.port, bad.port], { failureAccrual: SOON });
    const isOut = (): boolean => known(bad.port).state === EndpointState.ENDPOINT_EJECTED;
    await askUntil(ask, isOut, 'the endpoint stayed in');
    // A probe that fails is one request, and leaves it out.
    const before = bad.requests;
    await askUntil(ask, () => bad.requests >= before + 2, 'nobody probed the endpoint');
    assert.ok(isOut());
    bad.status = 200;
    await askUntil(ask, () => !isOut(), 'the endpoint stayed out');
    assert.equal(known(bad.port).state, EndpointState.ENDPOINT_READY);
    const then = bad.requests;
    // Many at once: one after the other they might all go to whichever happens to be faster.
    const crowd = (path: string): Promise<unknown> =>
      Promise.all(Array.from({ length: 20 }, () => ask(path)));
    await askUntil(crowd, () => bad.requests > then, 'the endpoint got no requests');
  });

  test(`${version}: the last endpoint stays in, unless it may go`, async (t) => {
    for (const mayEjectLast of [false, true]) {
      const bad = await aServerThatAnswers(t, version, 500);
      const { ask, known, proxy } = scene(t, version, [bad.port], {
        failureAccrual: { ...BREAKER, mayEjectLast },
        failFastTimeoutMs: 100,
      });
      for (let n = 0; n < BREAKER.maxConsecutiveFailures; n += 1) {
        assert.equal((await ask('/')).status, 500);
      }
      const { status } = await ask('/');
      const { state, ejectedBy } = known(bad.port);
      if (mayEjectLast) {
        assert.deepEqual(
          [state, ejectedBy],
          [EndpointState.ENDPOINT_EJECTED, EjectionRule.CONSECUTIVE_FAILURES],
        );
        assert.ok(status === 503 || status === 504, String(status));
        assert.equal(bad.requests, BREAKER.maxConsecutiveFailures);
        assert.ok(proxy.metric('sluice_request_errors_total') > 0);
      } else {
        assert.deepEqual([status, state], [500, EndpointState.ENDPOINT_READY]);
        assert.equal(bad.requests, BREAKER.maxConsecutiveFailures + 1);
      }
    }
  });

  test(`${version}: a penalty for 429 moves requests away from who asks to be spared`, async (t) => {
    const with200 = async (
      target: NonNullable<RouteWishes['target']>,
    ): Promise<{ asked: number; estimateMs: number }> => {
      const good = await aServerThatAnswers(t, version, 200);
      const busy = await aServerThatAnswers(t, version, 429, { 'retry-after': '60' });
      const { ask, known } = scene(t, version, [good.port, busy.port], target);
      await askUntil(ask, () => busy.requests > 0, 'the busy endpoint was not asked');
      for (let n = 0; n < 200; n += 1) await ask('/');
      assert.equal(known(busy.port).state, EndpointState.ENDPOINT_READY, 'a 429 takes nobody out');
      return { asked: busy.requests, estimateMs: known(busy.port).ewmaMs };
    };
    const spared = await with200({
      loadPenalty: { penaltyMs: 5000, maxRetryAfterMs: 300_000 },
      failureAccrual: BREAKER,
    });
    assert.ok(spared.asked <= 2, `${String(spared.asked)} of 200 with a penalty`);
    // The hint is the answer's own; the true latency is some milliseconds, also on a busy machine.
    assert.ok(spared.estimateMs > 5000, `estimated ${String(spared.estimateMs)} ms with a penalty`);
    const not = await with200({});
    assert.ok(not.estimateMs < 5000, `estimated ${String(not.estimateMs)} ms without`);
  });
}

test('when all are out, each endpoint says why: who refuses, and who answered badly', async (t) => {
  const version = 'HTTP/1.1';
  const bad = await aServerThatAnswers(t, version, 500);
  const closed = await closedPort();
  const { ask, known, proxy } = scene(t, version, [bad.port, closed], {
    failureAccrual: { ...BREAKER, mayEjectLast: true },
    failFastTimeoutMs: 100,
    backoffMinMs: LONG_MS,
    backoffMaxMs: LONG_MS,
  });
  const areOut = (): boolean =>
    known(bad.port).state === EndpointState.ENDPOINT_EJECTED &&
    known(closed).state === EndpointState.ENDPOINT_BACKOFF;
  await askUntil(ask, areOut, 'somebody stayed in');
  const { status, headers } = await ask('/');
  assert.ok(status === 503 || status === 504, String(status));
  t.diagnostic(`${String(status)}: ${String(headers['l5d-proxy-error'])}`);
  const failed = proxy.failures.at(-1);
  assert.ok(failed !== undefined);
  assert.ok([Reason.FAIL_FAST, Reason.NO_READY_BACKEND].includes(failed.reason), Reason[failed.reason]);
  assert.match(failed.detail, /^route HTTPRoute\.web\.r11: /);
  assert.deepEqual(
    [known(closed), known(bad.port)].map(({ lastErrno, ejectedBy }) => [lastErrno, ejectedBy]),
    [
      [111, EjectionRule.EJECTION_NONE],
      [0, EjectionRule.CONSECUTIVE_FAILURES],
    ],
  );
  for (const port of [closed, bad.port]) assert.ok(known(port).nextAttemptMs > 0);
});

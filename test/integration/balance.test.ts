// Balancing while the set of endpoints changes or endpoints fail: no failed request that could have
// been served, and no dial to what was removed.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { EndpointState, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { closedPort } from '../contract/harness.js';
import { aClient, eventually, type Peer } from '../support/peer.js';
import { aProxy, type ProxyUnderTest, type Route } from '../support/proxy-under-test.js';
import {
  aRawHttpServer,
  exchange,
  field,
  OK,
  type RawHttpServer,
  type Response,
} from '../support/raw-http.js';

async function serversOf(t: TestContext, count: number): Promise<RawHttpServer[]> {
  return Promise.all(Array.from({ length: count }, () => aRawHttpServer(t)));
}

function portsOf(servers: readonly RawHttpServer[]): number[] {
  return servers.map(({ port }) => port);
}

function get(client: Peer, path = '/'): Promise<Response> {
  return exchange(client, `GET ${path} HTTP/1.1\nHost: web\n\n`);
}

function dials(proxy: ProxyUnderTest, port: number): number {
  return proxy.metric('sluice_dials_total', { target_port: String(port) });
}

/** Sends `count` requests over `connections` connections, as fast as they are answered. */
async function load(t: TestContext, route: Route, count: number, connections: number): Promise<number[]> {
  const statuses: number[] = [];
  let begun = 0;
  const one = async (): Promise<void> => {
    let client = await aClient(t, route.port);
    while (begun < count) {
      begun += 1;
      const response = await get(client, `/${begun}`);
      statuses.push(response.status);
      if (field(response, 'connection') === 'close' || begun % 50 === 0) {
        client.finish();
        client = await aClient(t, route.port);
      }
    }
    client.finish();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return statuses;
}

test('10,000 requests succeed while endpoints come and go, and nothing removed is dialled', async (t) => {
  const proxy = aProxy(t);
  const servers = await serversOf(t, 8);
  const route = proxy.route({ balanced: true, to: portsOf(servers) });
  const inSet = new Set(servers);
  const removedWith = new Map<RawHttpServer, number>();
  let changes = 0;
  let loading = true;

  const isLoading = (): boolean => loading;
  const random = (below: number): number => Math.floor(Math.random() * below);
  const change = async (): Promise<void> => {
    while (isLoading()) {
      const server = servers[random(servers.length)];
      assert.ok(server !== undefined);
      if (!inSet.has(server)) {
        assert.equal(dials(proxy, server.port), removedWith.get(server) ?? 0);
        inSet.add(server);
        removedWith.delete(server);
        proxy.add(route, server.port);
      } else if (inSet.size > 1) {
        inSet.delete(server);
        proxy.remove(route, server.port);
        removedWith.set(server, dials(proxy, server.port));
      }
      changes += 1;
      const { requests } = server;
      const seen = requests.length + 5;
      for (let i = 0; isLoading() && i < 20 && requests.length < seen; i += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  };
  const changing = change();
  const statuses = await load(t, route, 10_000, 16);
  loading = false;
  await changing;

  assert.equal(statuses.length, 10_000);
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
  assert.ok(changes > 100, `only ${changes} changes`);
  assert.ok(
    servers.every(({ requests }) => requests.length > 0),
    'each server had its share',
  );
  for (const [server, before] of removedWith) assert.equal(dials(proxy, server.port), before);
  assert.equal(
    servers.reduce((sum, { requests }) => sum + requests.length, 0),
    10_000 + proxy.metric('sluice_request_replays_total'),
  );
  assert.equal(
    servers.reduce((sum, server) => sum + server.accepted(), 0),
    servers.reduce((sum, server) => sum + dials(proxy, server.port), 0),
    'servers accepted what was dialled, and nothing else',
  );
});

test('a removed endpoint that refuses from then on is never dialled again, with or without traffic', async (t) => {
  const proxy = aProxy(t);
  const [stays, leaves] = await serversOf(t, 2);
  assert.ok(stays !== undefined && leaves !== undefined);
  const route = proxy.route({ balanced: true, to: [stays.port, leaves.port], target: { backoffMinMs: 1 } });
  await load(t, route, 200, 8);
  proxy.remove(route, leaves.port);
  leaves.kill();
  const before = dials(proxy, leaves.port);
  assert.ok(before > 0);
  const statuses = await load(t, route, 500, 8);
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.equal(dials(proxy, leaves.port), before);
});

test('an endpoint in back-off that is removed is not probed any more', async (t) => {
  const proxy = aProxy(t);
  const refusing = await closedPort();
  const route = proxy.route({
    balanced: true,
    to: [refusing],
    target: { backoffMinMs: 20, backoffMaxMs: 20, failFastTimeoutMs: 150 },
  });
  assert.equal((await get(await aClient(t, route.port))).status, 504);
  proxy.remove(route, refusing);
  const before = dials(proxy, refusing);
  assert.ok(before > 1, 'it was probed while it was in the set');
  const response = await get(await aClient(t, route.port));
  assert.equal(response.status, 503);
  assert.match(field(response, 'l5d-proxy-error') ?? '', /no endpoints/);
  assert.equal(dials(proxy, refusing), before);
});

test('an endpoint that is killed without warning costs no GET', async (t) => {
  const proxy = aProxy(t);
  const servers = await serversOf(t, 3);
  const route = proxy.route({ balanced: true, to: portsOf(servers) });
  const [first, second] = servers;
  assert.ok(first !== undefined && second !== undefined);
  // More connections than will be needed: what is lost below is lost on reused ones, which is what
  // may be sent again.
  await load(t, route, 900, 32);
  // One with every connection idle, the other one with requests under way.
  first.kill();
  const loading = load(t, route, 2_000, 8);
  await eventually(() => second.requests.length > 700, 'the second server was not used');
  second.kill();
  assert.deepEqual([...new Set(await loading)], [200]);
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
});

test('when every endpoint refuses, requests fail fast after the time-out, and recover', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const dead = [await closedPort(), await closedPort()];
  const route = proxy.route({
    balanced: true,
    to: dead,
    target: { failFastTimeoutMs: 300, backoffMinMs: 50, backoffMaxMs: 100 },
  });
  const began = performance.now();
  const first = await get(await aClient(t, route.port));
  const waited = performance.now() - began;
  assert.equal(first.status, 504);
  assert.match(field(first, 'l5d-proxy-error') ?? '', /fail-fast/);
  assert.ok(waited >= 290, `failed after ${waited} ms`);
  const again = performance.now();
  assert.equal((await get(await aClient(t, route.port))).status, 504);
  assert.ok(performance.now() - again < 200, 'once in fail-fast, requests fail at once');
  assert.equal((await proxy.failure(Reason.FAIL_FAST)).status, 504);

  proxy.add(route, server.port);
  const statuses = await load(t, route, 50, 4);
  assert.deepEqual([...new Set(statuses)], [200]);
});

test('dials to an endpoint that refuses are spaced by a growing back-off', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const refusing = await closedPort();
  const route = proxy.route({
    balanced: true,
    to: [refusing],
    target: { failFastTimeoutMs: 1_500, backoffMinMs: 50, backoffMaxMs: 400, backoffJitter: 0 },
  });
  assert.equal((await get(await aClient(t, route.port))).status, 504);
  // At 0, 50, 150, 350, 750, 1150 ms; one that is due at the very end may or may not be made.
  const made = dials(proxy, refusing);
  assert.ok(made >= 5 && made <= 7, `${made} dials in 1500 ms`);
  const [endpoint] = proxy.inspect().targets[0]?.endpoints ?? [];
  assert.equal(endpoint?.state, EndpointState.ENDPOINT_BACKOFF);
});

test('weights 1 and 3 share requests about one to three', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  // Both take the same time, and so long that what a busy machine adds to it by chance, which the balancer
  // follows, is little beside it.
  const work = async (): Promise<string> => {
    await setTimeout(40);
    return OK;
  };
  const servers = [await aRawHttpServer(t, work), await aRawHttpServer(t, work)];
  const route = proxy.route({ balanced: true, to: portsOf(servers), weights: [1, 3] });
  await load(t, route, 1_200, 24);
  const [light, heavy] = servers.map(({ requests }) => requests.length);
  assert.ok(light !== undefined && heavy !== undefined);
  assert.equal(light + heavy, 1_200);
  // Without weights it would be 1 to 1; what they are worth exactly is the unit tests' to say.
  assert.ok(heavy / light > 1.25 && heavy / light < 7, `shared ${light} to ${heavy}`);
});

test('more waiting requests than the queue holds are refused at once', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const route = proxy.route({
    balanced: true,
    to: [await closedPort()],
    target: { queueCapacity: 2, failFastTimeoutMs: 20_000, backoffMinMs: 20_000, backoffMaxMs: 20_000 },
  });
  const clients = await Promise.all(Array.from({ length: 5 }, () => aClient(t, route.port)));
  const responses = clients.map((client) => get(client));
  const statuses: number[] = [];
  for (const response of responses) void response.then(({ status }) => statuses.push(status));
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'queue_full' }, 3);
  assert.equal(proxy.inspect().targets[0]?.waiting, 2);
  proxy.add(route, server.port);
  const all = await Promise.all(responses);
  assert.deepEqual(all.map(({ status }) => status).sort(), [200, 200, 503, 503, 503]);
  assert.deepEqual(statuses.slice(0, 3), [503, 503, 503]);
});

test('a request that waits for a removed endpoint goes on with another one', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const held = await aRawHttpServer(t, async ({ target }) => {
    if (target === '/slow')
      await proxy.metricBecomes('sluice_dials_total', { target_port: String(other.port) }, 1);
    return OK;
  });
  const other = await aRawHttpServer(t);
  const route = proxy.route({ balanced: true, to: [held.port] });
  const slow = get(await aClient(t, route.port), '/slow');
  await proxy.metricBecomes('request_total', {}, 1);
  // The request under way at the removed endpoint ends there; the next one goes to the new one.
  proxy.add(route, other.port);
  proxy.remove(route, held.port);
  assert.equal((await get(await aClient(t, route.port))).status, 200);
  assert.equal((await slow).status, 200);
  assert.equal(other.requests.length, 1);
  assert.equal(held.requests.length, 1);
});

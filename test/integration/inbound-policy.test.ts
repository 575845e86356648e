// Policies of inbound ports over real connections: who is let in, how often, what the rest is told, and
// what is counted of it in linkerd2-proxy's names; refused addresses; requests in flight.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import {
  ClientAuthentication,
  Direction,
  DistributionKind,
  Protocol,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import { aNamedServer, type Ask, asking, hostOf, protocolOf, VERSIONS } from '../support/exchanges.js';
import {
  aClient as anHttpClient,
  aServer as anHttpServer,
  type ServerSide,
  type Version,
} from '../support/http-ends.js';
import { aClient, aServer, eventually, within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest, type ProxyWishes, type Route } from '../support/proxy-under-test.js';
import {
  anyHost,
  type AuthorizationInit,
  backend,
  rule,
  type ServerInit,
  type TableInit,
} from '../support/route-tables.js';

const { INBOUND } = Direction;
const POD = { ip: Uint8Array.of(10, 1, 2, 3), port: 8080 };
const LOOPBACK = { network: { ip: Uint8Array.of(127, 0, 0, 0), prefixLength: 8 } };
const ELSEWHERE = { network: { ip: Uint8Array.of(192, 0, 2, 0), prefixLength: 24 } };

/** How the series of the pod's server begin, and what they end with. */
const SERVER = {
  target_addr: '10.1.2.3:8080',
  target_ip: '10.1.2.3',
  target_port: '8080',
  srv_group: 'policy.linkerd.io',
  srv_kind: 'server',
  srv_name: 'server-21',
  srv_port: '8080',
};
const CLEAR = { tls: 'no_identity', no_tls_reason: 'no_tls_from_remote' };

function allowing(network: typeof LOOPBACK, more: AuthorizationInit = {}): AuthorizationInit {
  return { id: 31, name: 'serverauthorization/near', networks: [network], ...more };
}

/** A table that leads to this target whom the authorization allows, HTTP and anything else. */
function policed(targetId: number, authorization: AuthorizationInit, server: ServerInit = {}): TableInit {
  return {
    rules: [rule(11, targetId, { authorizations: [0] })],
    hosts: anyHost({ rule: 0 }),
    tcp: {
      id: 12,
      name: 'default',
      distribution: { kind: DistributionKind.FIRST_AVAILABLE, backends: [backend(targetId)] },
      authorizations: [0],
    },
    server: { id: 21, name: 'server/web', authorizations: [authorization], ...server },
  };
}

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly route: Route;
  readonly ask: Ask;
  readonly target: number;
  readonly requests: () => number;
}

async function scene(
  t: TestContext,
  version: Version,
  table: (target: number) => TableInit,
  wishes: ProxyWishes = {},
): Promise<Scene> {
  const server = await aNamedServer(t, version, 'app');
  const proxy = aProxy(t, wishes);
  const target = proxy.target([server.port]);
  const route = proxy.routed(table(target), {
    direction: INBOUND,
    protocol: protocolOf(version),
    original: POD,
  });
  return { proxy, route, target, ask: asking(t, version, route.port), requests: server.requests };
}

/** Another policy, which every worker has when this returns. */
function replace(proxy: ProxyUnderTest, route: Route, table: TableInit): void {
  proxy.reroute(route, table);
  // Answered by each worker in its turn.
  proxy.inspect();
}

/** The next line with this message; its fields but for the client, whose port is any. */
async function logged(proxy: ProxyUnderTest, message: string): Promise<Readonly<Record<string, string>>> {
  const line = await proxy.events.next('log', (one) => one.message === message);
  const { client, ...fields } = line.fields;
  assert.match(client ?? '', /^127\.0\.0\.1:\d+$/);
  return fields;
}

// ---------------------------------------------------------------- requests

for (const version of VERSIONS) {
  test(`${version}: a request from an allowed network reaches the application`, async (t) => {
    const { ask, proxy } = await scene(t, version, (target) => policed(target, allowing(LOOPBACK)));
    assert.equal((await ask('/')).body, 'app');
    const route = { route_group: '', route_kind: '', route_name: '11' };
    const authz = {
      authz_group: 'policy.linkerd.io',
      authz_kind: 'serverauthorization',
      authz_name: 'authorization-31',
    };
    assert.equal(
      proxy.metric('inbound_http_authz_allow_total', { ...SERVER, ...route, ...authz, ...CLEAR }),
      1,
    );
    const parent = {
      parent_group: 'policy.linkerd.io',
      parent_kind: 'server',
      parent_name: 'server-21',
      parent_port: '8080',
    };
    assert.equal(proxy.metric('inbound_http_requests_total', { ...parent, ...route }), 1);
    await proxy.metricBecomes('inbound_http_statuses_total', { ...parent, ...route, status: '200' }, 1);
    assert.equal(proxy.metric('outbound_http_route_request_statuses_total'), 0);
  });

  test(`${version}: a request from elsewhere is denied, and the next one on its connection is judged anew`, async (t) => {
    const { ask, proxy, route, target, requests } = await scene(t, version, (to) =>
      policed(to, allowing(ELSEWHERE)),
    );
    for (let times = 1; times <= 2; times++) {
      const { status, headers } = await ask('/secret');
      assert.equal(status, 403);
      assert.equal(headers['connection'] === 'close', false);
      // Not for clients that nobody knows.
      assert.equal(headers['l5d-proxy-error'], undefined);
    }
    assert.equal(requests(), 0);
    assert.deepEqual(await logged(proxy, 'Request denied'), {
      server: 'server/web',
      route: 'HTTPRoute.web.r11',
      tls: 'none',
    });
    const failure = await proxy.failure(Reason.UNAUTHORIZED);
    assert.deepEqual([failure.status, failure.routeId], [403, 11]);
    assert.match(failure.detail, /unauthorized request on route$/);
    assert.equal(proxy.metric('inbound_http_authz_deny_total', { ...SERVER, ...CLEAR, route_name: '11' }), 2);
    // A denial is no error of the server.
    assert.equal(proxy.metric('inbound_http_errors_total'), 0);

    replace(proxy, route, policed(target, allowing(LOOPBACK)));
    assert.equal((await ask('/secret')).status, 200);
  });

  test(`${version}: who must have an identity is denied in clear text`, async (t) => {
    const { ask } = await scene(t, version, (target) =>
      policed(
        target,
        allowing(LOOPBACK, { authentication: ClientAuthentication.IDENTITY, identitySuffixes: [''] }),
      ),
    );
    assert.equal((await ask('/')).status, 403);
  });

  test(`${version}: a request that no route takes is not found, whoever asks`, async (t) => {
    const { ask, proxy } = await scene(t, version, (target) => ({
      ...policed(target, allowing(ELSEWHERE)),
      hosts: anyHost({ match: { path: { case: 'pathExact', value: '/only' } }, rule: 0 }),
    }));
    assert.equal((await ask('/other')).status, 404);
    assert.equal((await ask('/only')).status, 403);
    assert.equal(proxy.metric('inbound_http_route_not_found_total', { ...SERVER, ...CLEAR }), 1);
    assert.equal((await proxy.failure(Reason.NO_ROUTE)).detail, 'no route found for request');
  });

  test(`${version}: what an audited authorization allows is said`, async (t) => {
    const { ask, proxy } = await scene(t, version, (target) =>
      policed(target, allowing(LOOPBACK, { audit: true })),
    );
    assert.equal((await ask('/')).status, 200);
    assert.deepEqual(await logged(proxy, 'Request allowed'), {
      server: 'server/web',
      route: 'HTTPRoute.web.r11',
      authorization: 'serverauthorization/near',
      tls: 'none',
    });
  });

  test(`${version}: requests beyond the rate limit are refused, and a new policy starts anew`, async (t) => {
    // Slow enough that no token comes back while the test runs; fast ones would make it depend on time.
    const limited = (target: number, name: string): TableInit =>
      policed(target, allowing(LOOPBACK), { name, rateLimit: { id: 41, totalPerSecond: 1 } });
    const { ask, proxy, route, target } = await scene(t, version, (to) => limited(to, 'server/web'));
    const untilRefused = async (): Promise<number> => {
      for (let passed = 0; ; passed++) {
        const { status } = await ask('/');
        if (status === 429) return passed;
        assert.equal(status, 200);
      }
    };
    assert.ok((await untilRefused()) >= 1);
    const failure = await proxy.failure(Reason.RATE_LIMITED);
    assert.match(failure.detail, /total rate limit exceeded: 1rps$/);
    const limit = {
      ratelimit_group: 'policy.linkerd.io',
      ratelimit_kind: 'httplocalratelimitpolicy',
      ratelimit_name: 'limit-41',
      ratelimit_scope: 'total',
    };
    assert.equal(proxy.metric('inbound_http_local_ratelimit_total', { ...SERVER, ...limit, ...CLEAR }), 1);
    assert.equal(proxy.metric('inbound_http_errors_total', { error: 'unexpected', ...SERVER }), 1);
    replace(proxy, route, limited(target, 'server/other'));
    assert.ok((await untilRefused()) >= 1);
  });

  test(`${version}: clients without an identity share one bucket of the per-identity limit`, async (t) => {
    const { ask, proxy } = await scene(t, version, (target) =>
      policed(target, allowing(LOOPBACK), { rateLimit: { id: 41, identityPerSecond: 1 } }),
    );
    let status = 200;
    while (status === 200) ({ status } = await ask('/'));
    assert.equal(status, 429);
    assert.match(
      (await proxy.failure(Reason.RATE_LIMITED)).detail,
      /per-identity rate limit exceeded: 1rps$/,
    );
    assert.equal(proxy.metric('inbound_http_local_ratelimit_total', { ratelimit_scope: 'identity' }), 1);
  });
}

test('gRPC is denied and limited in its own terms', async (t) => {
  const { ask, proxy, route, target } = await scene(t, 'HTTP/2', (to) => policed(to, allowing(ELSEWHERE)));
  const call = {
    method: 'POST',
    headers: { ...hostOf('HTTP/2', 'web'), 'content-type': 'application/grpc', te: 'trailers' },
  };
  const denied = await ask('/shop.Cart/Add', call);
  assert.deepEqual([denied.status, denied.headers['grpc-status']], [200, '7']);
  replace(proxy, route, policed(target, allowing(LOOPBACK), { rateLimit: { id: 41, totalPerSecond: 1 } }));
  let answer = await ask('/shop.Cart/Add', call);
  while (answer.headers['grpc-status'] === undefined) answer = await ask('/shop.Cart/Add', call);
  assert.deepEqual([answer.status, answer.headers['grpc-status']], [200, '8']);
});

test('the identity that a client claims in a header does not reach the application', async (t) => {
  for (const version of VERSIONS) {
    const server = await aNamedServer(t, version, 'app');
    const proxy = aProxy(t);
    const { port } = proxy.routed(policed(proxy.target([server.port]), allowing(LOOPBACK)), {
      direction: INBOUND,
      protocol: protocolOf(version),
      original: POD,
    });
    await asking(t, version, port)('/', { headers: { 'l5d-client-id': 'admin.mesh', 'x-kept': 'yes' } });
    assert.equal(server.headers()['l5d-client-id'], undefined, version);
    assert.equal(server.headers()['x-kept'], 'yes', version);
  }
});

// ---------------------------------------------------------------- connections

interface OpaqueScene {
  readonly proxy: ProxyUnderTest;
  readonly route: Route;
  readonly target: number;
  readonly app: Awaited<ReturnType<typeof aServer>>;
}

async function opaque(t: TestContext, table: (target: number) => TableInit): Promise<OpaqueScene> {
  const app = await aServer(t);
  const proxy = aProxy(t);
  const target = proxy.target([app.port]);
  const route = proxy.routed(table(target), { direction: INBOUND, protocol: Protocol.OPAQUE, original: POD });
  return { proxy, route, target, app };
}

const SKIPPED = { tls: 'no_identity', no_tls_reason: 'port_skipped' };

test('a denied connection is closed without a byte, and the application is not dialled', async (t) => {
  for (const table of [
    (target: number) => policed(target, allowing(ELSEWHERE)),
    // For HTTP alone.
    (target: number) => {
      const { rules, hosts, server } = policed(target, allowing(LOOPBACK)) as Required<TableInit>;
      return { rules, hosts, server };
    },
  ]) {
    const { proxy, route } = await opaque(t, table);
    const client = await aClient(t, route.port);
    await client.ending();
    assert.equal(client.heldText(), '');
    assert.deepEqual(await logged(proxy, 'Connection denied'), { server: 'server/web', tls: 'none' });
    assert.equal((await proxy.failure(Reason.UNAUTHORIZED)).detail, 'unauthorized connection on server/web');
    assert.equal(proxy.metric('inbound_tcp_authz_deny_total', { ...SERVER, ...SKIPPED }), 1);
    assert.equal(proxy.metric('inbound_tcp_errors_total'), 0);
    assert.equal(proxy.metric('sluice_dials_total'), 0);
  }
});

test('an allowed connection lives until a policy no longer allows it', async (t) => {
  const { proxy, route, target, app } = await opaque(t, (to) => policed(to, allowing(LOOPBACK)));
  const client = await aClient(t, route.port);
  await client.send('ping');
  const served = await app.connection();
  assert.equal(String(await served.exactly(4)), 'ping');
  assert.equal(proxy.metric('inbound_tcp_authz_allow_total', { ...SERVER, ...SKIPPED }), 1);

  replace(proxy, route, policed(target, allowing(LOOPBACK, { id: 32 })));
  await served.send('pong');
  assert.equal(String(await client.exactly(4)), 'pong');

  replace(proxy, route, policed(target, allowing(ELSEWHERE)));
  assert.equal(await client.ending(), 'reset');
  assert.equal(await served.ending(), 'reset');
  assert.deepEqual(await logged(proxy, 'Connection terminated due to policy change'), {
    server: 'server/web',
    tls: 'none',
  });
  assert.equal(proxy.metric('inbound_tcp_authz_terminate_total', { ...SERVER, ...SKIPPED }), 1);
});

test('connections to an address of somebody else are closed, and counted as an error', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.routed(
    { rules: [], hosts: [] },
    {
      direction: INBOUND,
      original: POD,
      destination: { routeTableId: 0, refusal: Reason.ADDRESS_NOT_ALLOWED },
    },
  );
  const client = await aClient(t, port);
  await client.ending();
  assert.equal(client.heldText(), '');
  const failure = await proxy.failure(Reason.ADDRESS_NOT_ALLOWED);
  assert.equal(failure.detail, 'inbound connections are not allowed on this IP address (10.1.2.3)');
  assert.equal(
    proxy.metric('inbound_tcp_errors_total', { error: 'unexpected', target_addr: '10.1.2.3:8080' }),
    1,
  );
});

// ---------------------------------------------------------------- requests in flight

for (const version of VERSIONS) {
  test(`${version}: requests beyond those that may be in flight are shed`, async (t) => {
    const held: ServerSide[] = [];
    const app = await anHttpServer(t, version, (exchange) => {
      exchange.body.resume();
      held.push(exchange);
    });
    // The bound is of all workers together, whichever of them a client meets.
    const proxy = aProxy(t, { inboundMaxInFlight: 1, workers: 2 });
    const { port } = proxy.routed(policed(proxy.target([app.port]), allowing(LOOPBACK)), {
      direction: INBOUND,
      protocol: protocolOf(version),
      original: POD,
    });
    const first = anHttpClient(t, version, port).send({ method: 'GET', hasBody: false, path: '/' });
    await eventually(() => held.length === 1, 'the first request did not come');
    for (let times = 0; times < 8; times++) {
      assert.equal((await asking(t, version, port)('/')).status, 503);
    }
    assert.match((await proxy.failure(Reason.TOO_MANY_IN_FLIGHT)).detail, /^service unavailable/);
    assert.equal(proxy.metric('inbound_http_errors_total', { error: 'loadshed', ...SERVER }), 8);
    // The head of the response is enough: the place is free again.
    held[0]?.head(200);
    held[0]?.response.write('o');
    assert.equal((await within(first.head, 'no head')).status, 200);
    const next = asking(t, version, port)('/');
    await eventually(() => held.length === 2, 'the next request did not come');
    held[1]?.head(200);
    for (const exchange of held) exchange.end();
    assert.equal((await next).status, 200);
  });
}

// Where requests go by what they say, and what routes change of them, for clients of HTTP/1.1 and HTTP/2
// over real connections; connections that are not HTTP; and tables that change under load.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { DistributionKind, Protocol, Reason, RouteKind } from '../../src/dataplane/gen/contract_pb.js';
import { aNamedServer, type Ask, asking, hostOf, protocolOf, VERSIONS } from '../support/exchanges.js';
import type { Call, Version } from '../support/http-ends.js';
import { aClient, aServer } from '../support/peer.js';
import { aProxy, type ProxyUnderTest, type Route } from '../support/proxy-under-test.js';
import {
  anyHost,
  backend,
  type FilterInit,
  type MatchInit,
  oneRule,
  rule,
  type TableInit,
} from '../support/route-tables.js';

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly route: Route;
  readonly ask: Ask;
  /** Targets of the servers `one` and `two`. */
  readonly one: number;
  readonly two: number;
  readonly heard: () => Readonly<Record<string, string | string[] | undefined>>;
}

async function scene(
  t: TestContext,
  version: Version,
  table: (one: number, two: number) => TableInit,
): Promise<Scene> {
  const servers = [await aNamedServer(t, version, 'one'), await aNamedServer(t, version, 'two')] as const;
  const proxy = aProxy(t);
  const [one, two] = [proxy.target([servers[0].port]), proxy.target([servers[1].port])];
  const route = proxy.routed(table(one, two), { protocol: protocolOf(version) });
  return { proxy, route, ask: asking(t, version, route.port), one, two, heard: servers[0].headers };
}

/** What matches goes to `two`, the rest to `one`. */
function only(match: MatchInit): (one: number, two: number) => TableInit {
  return (one, two) => ({
    rules: [rule(11, one), rule(12, two)],
    hosts: anyHost({ match, rule: 1 }, { rule: 0 }),
  });
}

interface MatchCase {
  readonly what: string;
  readonly match: MatchInit;
  readonly takes: readonly (readonly [path: string, call?: Call])[];
  readonly leaves: readonly (readonly [path: string, call?: Call])[];
}

const MATCHES: readonly MatchCase[] = [
  {
    what: 'an exact path',
    match: { path: { case: 'pathExact', value: '/a/b' } },
    takes: [['/a/b'], ['/a/b?c=/d']],
    leaves: [['/a/b/'], ['/a/bc'], ['/a'], ['/A/B']],
  },
  {
    what: 'a prefix of a path',
    match: { path: { case: 'pathPrefix', value: '/a' } },
    takes: [['/a'], ['/a/'], ['/a/b'], ['/a?b']],
    leaves: [['/ab'], ['/'], ['/b/a']],
  },
  {
    what: 'a regular expression for the whole path',
    match: { path: { case: 'pathRegex', value: '/items/[0-9]+' } },
    takes: [['/items/1'], ['/items/23?x']],
    leaves: [['/items/'], ['/items/1/'], ['/items/x'], ['/my/items/1']],
  },
  {
    what: 'a method',
    match: { method: 'DELETE' },
    takes: [['/', { method: 'DELETE' }]],
    leaves: [['/'], ['/', { method: 'PUT' }]],
  },
  {
    what: 'a header and a regular expression for another',
    match: {
      headers: [
        { name: 'x-tester', value: { case: 'exact', value: Buffer.from('yes') } },
        { name: 'x-version', value: { case: 'regex', value: 'v[0-9]' } },
      ],
    },
    takes: [['/', { headers: { 'X-Tester': 'yes', 'x-version': 'v2' } }]],
    leaves: [
      ['/', { headers: { 'x-tester': 'yes' } }],
      ['/', { headers: { 'x-tester': 'yes', 'x-version': 'v22' } }],
      ['/', { headers: { 'x-tester': 'Yes', 'x-version': 'v2' } }],
    ],
  },
  {
    what: 'a pair of the query',
    match: { queries: [{ name: 'colour', value: { case: 'exact', value: 'dark red' } }] },
    takes: [['/?colour=dark+red'], ['/?a=b&colour=dark%20red']],
    leaves: [['/?colour=red'], ['/'], ['/colour=dark+red'], ['/?color=dark+red']],
  },
  {
    what: 'a gRPC method',
    match: { path: { case: 'grpc', value: { service: 'shop.Cart', method: 'Add' } } },
    takes: [['/shop.Cart/Add', { method: 'POST' }]],
    leaves: [
      ['/shop.Cart/Add'],
      ['/shop.Cart/Remove', { method: 'POST' }],
      ['/shop.Cart2/Add', { method: 'POST' }],
    ],
  },
];

/** Filters around a rule that leads to `one`. */
function filtered(...filters: FilterInit[]): (one: number) => TableInit {
  return (one) => ({
    rules: [rule(11, one, { filters })],
    hosts: anyHost({ match: { path: { case: 'pathPrefix', value: '/old' } }, rule: 0 }),
  });
}

for (const version of VERSIONS) {
  for (const { what, match, takes, leaves } of MATCHES) {
    test(`${version}: ${what} decides`, async (t) => {
      const { ask } = await scene(t, version, only(match));
      for (const [path, call] of takes) assert.equal((await ask(path, call)).body, 'two', path);
      for (const [path, call] of leaves) assert.equal((await ask(path, call)).body, 'one', path);
    });
  }

  test(`${version}: an exact host goes before a suffix, and a suffix before any host`, async (t) => {
    const { ask, proxy } = await scene(t, version, (one, two) => ({
      rules: [rule(11, one), rule(12, two)],
      hosts: [
        { host: 'web.mesh.example', entries: [{ rule: 0 }] },
        { host: 'mesh.example', suffix: true, entries: [{ rule: 1 }] },
      ],
    }));
    const bodyFor = async (host: string): Promise<string> =>
      (await ask('/', { headers: hostOf(version, host) })).body;
    for (const host of ['web.mesh.example', 'WEB.mesh.example', 'web.mesh.example:8080']) {
      assert.equal(await bodyFor(host), 'one', host);
    }
    for (const host of ['api.mesh.example', 'a.web.mesh.example']) {
      assert.equal(await bodyFor(host), 'two', host);
    }
    for (const host of ['mesh.example', 'mash.example', 'xmesh.example']) {
      assert.equal((await ask('/', { headers: hostOf(version, host) })).status, 404, host);
    }
    // Not found, and all the same over one connection.
    assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 1);
    assert.equal(proxy.metric('sluice_request_errors_total', { error: 'no_route' }), 3);
  });

  test(`${version}: weights of 3 to 1 share requests 3 to 1`, async (t) => {
    const { ask, proxy } = await scene(t, version, (one, two) =>
      oneRule(
        rule(11, 0, {
          distribution: {
            kind: DistributionKind.RANDOM_AVAILABLE,
            backends: [backend(one, 3), backend(two, 1)],
          },
        }),
      ),
    );
    const REQUESTS = 1000;
    let ones = 0;
    for (let n = 0; n < REQUESTS; n += 1) if ((await ask('/')).body === 'one') ones += 1;
    // Six standard deviations: one run in 500 million is further off by chance.
    const bound = 6 * Math.sqrt(REQUESTS * 0.75 * 0.25);
    assert.ok(Math.abs(ones - 750) < bound, `${String(ones)} of ${String(REQUESTS)}`);
    const name = 'outbound_http_route_backend_requests_total';
    assert.equal(proxy.metric(name, { backend_name: 'target-1' }), ones);
    assert.equal(proxy.metric(name, { backend_name: 'target-2' }), REQUESTS - ones);
  });

  test(`${version}: the server sees the changed head of a request, the client that of a response`, async (t) => {
    const { ask, heard } = await scene(
      t,
      version,
      filtered(
        {
          kind: {
            case: 'requestHeaders',
            value: {
              add: [{ name: 'x-added', value: 'by the route' }],
              set: [{ name: 'x-set', value: 'anew' }],
              remove: ['x-secret'],
            },
          },
        },
        {
          kind: {
            case: 'responseHeaders',
            value: { add: [{ name: 'x-route', value: 'old' }], remove: ['x-server'] },
          },
        },
      ),
    );
    const { headers, body } = await ask('/old', {
      headers: { 'x-set': 'before', 'x-secret': 'shh', 'x-kept': 'as it is', 'x-added': 'by the client' },
    });
    assert.equal(body, 'one');
    assert.deepEqual(
      ['x-added', 'x-set', 'x-secret', 'x-kept'].map((name) => heard()[name]),
      ['by the client, by the route', 'anew', undefined, 'as it is'],
    );
    assert.deepEqual([headers['x-route'], headers['x-server']], ['old', undefined]);
  });

  test(`${version}: a redirect says where to, and reaches no server`, async (t) => {
    const { ask, proxy } = await scene(
      t,
      version,
      filtered({
        kind: {
          case: 'redirect',
          value: {
            status: 308,
            scheme: 'https',
            host: 'new.example',
            port: 8443,
            path: { case: 'replacePrefix', value: '/new' },
          },
        },
      }),
    );
    const { status, headers } = await ask('/old/a?b=c', { headers: hostOf(version, 'web') });
    assert.deepEqual([status, headers['location']], [308, 'https://new.example:8443/new/a?b=c']);
    assert.equal(proxy.metric('request_total'), 0);
    // It is no failure.
    assert.equal(proxy.metric('sluice_request_errors_total'), 0);
    assert.equal((await ask('/old')).status, 308);
    assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 1);
  });

  test(`${version}: an injected failure is answered in place of the server, in its share`, async (t) => {
    const failure = { case: 'http', value: { status: 418, message: 'on purpose' } } as const;
    const { ask, proxy } = await scene(
      t,
      version,
      filtered({ kind: { case: 'inject', value: { numerator: 1, denominator: 4, failure } } }),
    );
    let injected = 0;
    for (let n = 0; n < 400; n += 1) {
      const { status, headers, body } = await ask('/old');
      if (status === 418) {
        injected += 1;
        assert.match(String(headers['l5d-proxy-error']), /on purpose/);
      } else {
        assert.deepEqual([status, body], [200, 'one']);
      }
    }
    assert.ok(Math.abs(injected - 100) < 6 * Math.sqrt(400 * 0.25 * 0.75), `${String(injected)} of 400`);
    assert.equal(proxy.metric('sluice_request_errors_total', { error: 'injected_failure' }), injected);
    assert.equal(proxy.metric('tcp_open_total', { peer: 'src' }), 1);
  });

  test(`${version}: requests under way go on while their table is replaced, over and over`, async (t) => {
    const { ask, proxy, route, one, two } = await scene(t, version, (first) => oneRule(rule(11, first)));
    const [toOne, toTwo] = [oneRule(rule(11, one)), oneRule(rule(12, two))];
    const bodies: string[] = [];
    let asked = 0;
    let replaced = 0;
    const load = async (): Promise<void> => {
      while (asked < 3000) {
        asked += 1;
        const { status, body } = await ask('/');
        assert.equal(status, 200);
        bodies.push(body);
        if (bodies.length % 5 === 0) {
          replaced += 1;
          proxy.reroute(route, replaced % 2 === 0 ? toOne : toTwo);
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, load));
    assert.ok(replaced >= 600);
    for (const name of ['one', 'two']) {
      assert.ok(bodies.filter((body) => body === name).length > 300, `${name} had its share`);
    }
    assert.equal(proxy.metric('sluice_request_errors_total'), 0);
    // From when the command has returned, the new table decides.
    proxy.reroute(route, toTwo);
    assert.equal((await ask('/')).body, 'two');
    proxy.reroute(route, toOne);
    assert.equal((await ask('/')).body, 'one');
  });
}

test('an injected gRPC failure is an answer of gRPC', async (t) => {
  const failure = { case: 'grpc', value: { code: 7, message: 'not for you' } } as const;
  const { ask } = await scene(t, 'HTTP/2', (one) =>
    oneRule(
      rule(11, one, {
        kind: RouteKind.ROUTE_GRPC,
        filters: [{ kind: { case: 'inject', value: { failure } } }],
      }),
    ),
  );
  const { status, headers } = await ask('/shop.Cart/Add', {
    headers: { 'content-type': 'application/grpc' },
  });
  assert.deepEqual([status, headers['grpc-status']], [200, '7']);
  assert.equal(decodeURIComponent(String(headers['grpc-message'])), 'not for you');
});

test('connections that are not HTTP are shared by weight', async (t) => {
  const names = ['one', 'two'] as const;
  const proxy = aProxy(t);
  const targets: number[] = [];
  for (const name of names) {
    const server = await aServer(t, async (peer) => {
      await peer.exactly(5);
      await peer.send(name);
      peer.finish();
    });
    targets.push(proxy.target([server.port]));
  }
  const [one = 0, two = 0] = targets;
  const route = proxy.routed(
    {
      tcp: {
        id: 13,
        name: 'TCPRoute.web.tcp',
        distribution: {
          kind: DistributionKind.RANDOM_AVAILABLE,
          backends: [backend(one, 3), backend(two, 1)],
        },
      },
    },
    { protocol: Protocol.OPAQUE },
  );
  const heard: string[] = [];
  for (let n = 0; n < 200; n += 1) {
    const client = await aClient(t, route.port);
    client.write('hello');
    heard.push((await client.toEnd()).toString());
    client.finish();
  }
  const ones = heard.filter((text) => text === 'one').length;
  assert.equal(heard.filter((text) => text === 'two').length, 200 - ones);
  assert.ok(Math.abs(ones - 150) < 6 * Math.sqrt(200 * 0.75 * 0.25), `${String(ones)} of 200`);
  await proxy.idle();
});

test('connections that are not HTTP are refused where a table forbids them', async (t) => {
  const proxy = aProxy(t);
  const route = proxy.routed(
    { tcp: { id: 13, name: 'TCPRoute.web.tcp', refusal: Reason.FORBIDDEN } },
    { protocol: Protocol.OPAQUE },
  );
  const client = await aClient(t, route.port);
  await client.ending();
  const failure = await proxy.failure(Reason.FORBIDDEN);
  assert.equal(failure.routeId, 13);
  assert.equal(proxy.metric('sluice_connection_errors_total', { error: 'forbidden' }), 1);
});

// Whatever is edited, in whatever order and with whatever traffic in between: in the end the data plane
// has exactly what the last configuration says, and no command was ever refused on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { EndpointConfig, MeshConfig, ServiceConfig } from '../../../src/config/mesh-config.js';
import { formatHostPort } from '../../../src/core/ip.js';
import { Direction, type PutDestination } from '../../../src/dataplane/gen/contract_pb.js';
import { settle } from '../../support/fake-dns-resolver.js';
import { aBackend, aMesh, anEndpoint, aRoute, aService, at } from '../../support/mesh-configs.js';
import { RouterFixture } from '../../support/router-fixture.js';

const SERVICES = ['a', 'b', 'c'];
const VIRTUAL = ['10.77.0.1', '10.77.0.2', 'fd00::1'];
const PORTS = [80, 81];
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'one.example': ['10.0.0.1', '10.0.0.2'],
  'two.example': ['10.77.0.1', '10.0.0.3'],
};

const endpoint: fc.Arbitrary<EndpointConfig> = fc
  .record({
    last: fc.integer({ min: 1, max: 5 }),
    weight: fc.integer({ min: 1, max: 3 }),
    zone: fc.constantFrom('', 'z'),
  })
  .map(({ last, weight, zone }) =>
    anEndpoint(`127.0.0.${String(last)}:9000`, { weight, labels: zone === '' ? {} : { zone } }),
  );

const service = fc.record({
  addresses: fc.subarray(VIRTUAL),
  ports: fc.subarray(PORTS, { minLength: 1 }),
  endpoints: fc.uniqueArray(endpoint, { maxLength: 4, selector: ({ address }) => formatHostPort(address) }),
  dns: fc.option(fc.constantFrom(...Object.keys(NAMES)), { freq: 3 }),
  opaque: fc.boolean(),
  routed: fc.constantFrom('not', 'not', 'to itself', 'to all', 'connections'),
});

const mesh: fc.Arbitrary<MeshConfig> = fc
  .record({
    services: fc.dictionary(fc.constantFrom(...SERVICES), service, { maxKeys: 3 }),
    forwards: fc.subarray(SERVICES),
    proxy: fc.boolean(),
    connectMs: fc.constantFrom(100, 200),
  })
  .map(({ services, forwards, proxy, connectMs }) => {
    const taken = new Set<string>();
    const built = Object.entries(services).map(([name, parts]): ServiceConfig => {
      // A virtual address and port belongs to one service, as the parser sees to.
      const addresses = parts.addresses.filter((ip) =>
        parts.ports.every((port) => !taken.has(`${ip} ${String(port)}`)),
      );
      for (const ip of addresses) for (const port of parts.ports) taken.add(`${ip} ${String(port)}`);
      return aService(name, {
        names: [`${name}.mesh`],
        addresses,
        ports: parts.ports.map((port) => ({ port, protocol: parts.opaque ? 'opaque' : 'detect' })),
        endpoints: parts.dns === null ? parts.endpoints : [],
        dns:
          parts.dns === null
            ? undefined
            : { name: parts.dns, records: 'a+aaaa', port: 9000, minTtlMs: 5000, maxTtlMs: 60_000 },
      });
    });
    const base = aMesh(...built.map((item) => withRoutes(item, services[item.name]?.routed ?? 'not', built)));
    return {
      ...base,
      timeouts: { ...base.timeouts, connectMs },
      httpProxy: proxy ? at('127.0.0.1:3128') : undefined,
      forwards: built
        .filter(({ name }) => forwards.includes(name))
        .map(({ name, ports }) => ({
          listen: at(`127.0.0.1:${String(18_000 + SERVICES.indexOf(name))}`),
          to: { service: name, port: ports[0]?.port ?? 0 },
        })),
    };
  });

function withRoutes(item: ServiceConfig, routed: string, all: readonly ServiceConfig[]): ServiceConfig {
  const backends = all.map(({ name, ports }) => aBackend(name, { port: ports[0]?.port }));
  switch (routed) {
    case 'to itself':
      return { ...item, routes: [aRoute('all')] };
    case 'to all':
      return {
        ...item,
        routes: [aRoute('all', { distribution: { kind: 'random', backends } }), aRoute('rest')],
      };
    case 'connections':
      return { ...item, tcp: { forbid: true, distribution: { kind: 'random', backends: [] } } };
    default:
      return item;
  }
}

type Step =
  | { readonly kind: 'edit'; readonly config: MeshConfig }
  | { readonly kind: 'connect'; readonly address: string; readonly direction: Direction }
  | { readonly kind: 'request'; readonly authority: string }
  | { readonly kind: 'idle' }
  | { readonly kind: 'pass'; readonly ms: number };

const addresses = VIRTUAL.flatMap((ip) => PORTS.map((port) => formatHostPort({ ip, port })));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: mesh.map((config) => ({ kind: 'edit' as const, config })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('connect' as const),
      address: fc.constantFrom(...addresses, '10.0.0.1:80', '192.0.2.1:443'),
      direction: fc.constantFrom(Direction.OUTBOUND, Direction.OUTBOUND, Direction.INBOUND),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      authority: fc.constantFrom(
        'a',
        'b.mesh:81',
        'c:82',
        'one.example',
        'two.example:81',
        'no.example',
        '10.0.0.9:80',
        '10.77.0.1:80',
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'idle' as const }) },
  { weight: 1, arbitrary: fc.constantFrom(100, 5000, 60_000).map((ms) => ({ kind: 'pass' as const, ms })) },
);

async function take(fixture: RouterFixture, one: Step): Promise<void> {
  const { dataPlane } = fixture;
  switch (one.kind) {
    case 'edit':
      fixture.config.set(one.config);
      break;
    case 'connect':
      // The data plane asks about unknown addresses only.
      if (dataPlane.destinationAt(one.direction, one.address) === undefined)
        fixture.connect(one.address, one.direction);
      break;
    case 'request':
      for (const destination of [...dataPlane.destinations.values()]) {
        const known = destination.authorities.some(({ authority }) => authority === one.authority);
        if (destination.discoverAuthorities && !known) await fixture.request(destination.id, one.authority);
      }
      break;
    case 'idle':
      for (const { id, idleTimeoutMs } of [...dataPlane.destinations.values()]) {
        if (idleTimeoutMs > 0) fixture.idle(id);
      }
      break;
    case 'pass':
      fixture.clock.advance(one.ms);
      break;
  }
  await settle();
}

function expectedEndpoints({ endpoints, dns }: ServiceConfig): readonly string[] {
  if (dns === undefined) {
    return endpoints
      .map((item) => `${formatHostPort(item.address)} ${String(item.weight)} ${JSON.stringify(item.labels)}`)
      .toSorted();
  }
  return (NAMES[dns.name] ?? []).map((ip) => `${formatHostPort({ ip, port: 9000 })} 1 {}`).toSorted();
}

function modelEndpoints(fixture: RouterFixture, targetId: number): readonly string[] {
  const target = fixture.dataPlane.targets.get(targetId);
  assert.ok(target !== undefined, 'the target is there');
  return [...target.endpoints]
    .map(([address, { weight, labels }]) => `${address} ${String(weight)} ${JSON.stringify(labels)}`)
    .toSorted();
}

/** The service's own target, which every table here has for connections that are not HTTP. */
function ownTarget(fixture: RouterFixture, { targetId, routeTableId }: PutDestination): number {
  if (routeTableId === 0) return targetId;
  assert.equal(targetId, 0);
  const table = fixture.dataPlane.routeTables.get(routeTableId);
  return table?.tcp?.distribution?.backends[0]?.targetId ?? 0;
}

/** Authorities of the targets that the rules of a destination lead to. */
function ruleBackends(
  fixture: RouterFixture,
  { routeTableId }: PutDestination,
): readonly string[][] | undefined {
  return fixture.dataPlane.routeTables
    .get(routeTableId)
    ?.rules.map(({ distribution }) =>
      (distribution?.backends ?? []).map(
        ({ targetId }) => fixture.dataPlane.targets.get(targetId)?.settings.authority ?? '',
      ),
    );
}

function expectedBackends(
  { name, routes, tcp }: ServiceConfig,
  port: number,
): readonly string[][] | undefined {
  const itself = [`${name}:${String(port)}`];
  if (routes.length === 0) return tcp === undefined ? undefined : [itself];
  return routes.map(({ distribution: { backends } }) =>
    backends.length === 0 ? itself : backends.map((backend) => `${backend.service}:${String(backend.port)}`),
  );
}

function check(fixture: RouterFixture, config: MeshConfig): void {
  assert.deepEqual(fixture.logger.at('error'), []);
  for (const item of config.services) {
    for (const { port } of item.ports) {
      for (const ip of item.addresses) {
        const destination = fixture.destination(formatHostPort({ ip, port }));
        const targetId = ownTarget(fixture, destination);
        assert.deepEqual(ruleBackends(fixture, destination), expectedBackends(item, port));
        assert.deepEqual(modelEndpoints(fixture, targetId), expectedEndpoints(item));
        assert.equal(
          fixture.dataPlane.targets.get(targetId)?.settings.authority,
          `${item.name}:${String(port)}`,
        );
      }
    }
  }
  for (const { settings } of fixture.dataPlane.targets.values()) {
    assert.equal(settings.connectTimeoutMs, config.timeouts.connectMs);
  }
  for (const { listen, to } of config.forwards) {
    const listener = [...fixture.dataPlane.listeners.values()].find(
      ({ bound }) => bound.port === listen.port,
    );
    const destination = fixture.dataPlane.destinations.get(listener?.listen.destinationId ?? 0);
    const wanted = config.services.find(({ name }) => 'service' in to && name === to.service);
    assert.ok(destination !== undefined && wanted !== undefined);
    assert.deepEqual(modelEndpoints(fixture, ownTarget(fixture, destination)), expectedEndpoints(wanted));
  }
  assert.equal(
    fixture.dataPlane.listeners.size,
    config.forwards.length + (config.httpProxy === undefined ? 0 : 1),
  );
}

/** With all traffic gone and the mesh empty, nothing may be left: no leaked target, destination or question. */
async function checkNothingLeaks(fixture: RouterFixture): Promise<void> {
  await take(fixture, { kind: 'edit', config: aMesh() });
  await take(fixture, { kind: 'idle' });
  assert.deepEqual(fixture.logger.at('error'), []);
  const { listeners, destinations, targets, routeTables } = fixture.dataPlane;
  assert.deepEqual([listeners.size, destinations.size, targets.size, routeTables.size], [0, 0, 0, 0]);
  assert.equal(fixture.clock.waiting, 0);
}

test('any sequence of edits and traffic ends in the last configuration', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(mesh, fc.array(step, { maxLength: 12 }), async (first, steps) => {
      const fixture = new RouterFixture(first);
      for (const [name, ips] of Object.entries(NAMES)) fixture.resolver.addresses(name, ips, 5000);
      await fixture.router.start();
      await settle();
      check(fixture, fixture.config.value);
      for (const one of steps) {
        await take(fixture, one);
        check(fixture, fixture.config.value);
      }
      await checkNothingLeaks(fixture);
    }),
    { numRuns: 300 },
  );
});

// The router of a proxy over fakes, and its conversation with the data plane and the control plane in
// the words of the tests.
import type { EndpointSet } from '../../src/control/control-plane.js';
import type { MeshEndpoint } from '../../src/control/mesh-endpoint.js';
import { ipBytes } from '../../src/core/ip.js';
import type { DestinationProfile } from '../../src/api/gen/destination_pb.js';
import type { Server } from '../../src/api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../../src/api/gen/outbound_pb.js';
import {
  Direction,
  type PutDestination,
  type PutRouteTable,
  type PutTarget,
} from '../../src/dataplane/gen/contract_pb.js';
import { ProxyRouter } from '../../src/routing/proxy-router.js';
import type { InboundSettings, OutboundSettings, ProxySettings } from '../../src/routing/proxy-settings.js';
import { anEndpointSet, FakeControlPlane, type FakeStream, openStream } from './fake-control-plane.js';
import { FakeDataPlane } from './fake-dataplane.js';
import { ManualClock } from './manual-clock.js';
import { at } from './mesh-configs.js';
import { aProfile } from './proxy-messages.js';
import { type LogRecord, RecordingLogger } from './recording-logger.js';

const CONNECT = {
  timeoutMs: 1000,
  backoff: { minMs: 100, maxMs: 60_000, jitter: 0.1 },
  poolMaxIdle: 10_000,
  poolIdleMs: 3000,
};
export const FAIL_FAST_MS = 3000;

export const OUTBOUND: OutboundSettings = {
  connect: CONNECT,
  httpQueue: { capacity: 10_000, failFastMs: FAIL_FAST_MS },
  tcpQueue: { capacity: 10_000, failFastMs: FAIL_FAST_MS },
  detectTimeoutMs: 7000,
  discoveryIdleMs: 5000,
  profileNetworks: [{ ip: '10.0.0.0', prefixLength: 8 }],
  allowLoopback: false,
};

export const INBOUND: InboundSettings = {
  connect: { ...CONNECT, timeoutMs: 300 },
  detectTimeoutMs: 8000,
  discoveryIdleMs: 90_000,
  ports: [],
  adminPort: undefined,
  opaquePorts: [],
  defaultPolicy: 'all-unauthenticated',
  clusterNetworks: [],
  ownPort: () => 4143,
  source: undefined,
};

export interface FixtureSettings {
  readonly outbound?: Partial<OutboundSettings>;
  readonly inbound?: Partial<InboundSettings>;
  readonly ownAddresses?: readonly string[];
}

export class ProxyRouterFixture {
  readonly dataPlane = new FakeDataPlane();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly controlPlane = new FakeControlPlane(this.clock);
  readonly router: ProxyRouter;

  constructor({ outbound = {}, inbound = {}, ownAddresses = [] }: FixtureSettings = {}) {
    const settings: ProxySettings = {
      outbound: { ...OUTBOUND, ...outbound },
      inbound: { ...INBOUND, ...inbound },
      ownAddresses: new Set(ownAddresses),
    };
    this.router = new ProxyRouter({
      dataPlane: this.dataPlane,
      controlPlane: this.controlPlane,
      settings,
      clock: this.clock,
      logger: this.logger,
      random: () => 0,
    });
  }

  static async started(settings: FixtureSettings = {}): Promise<ProxyRouterFixture> {
    const fixture = new ProxyRouterFixture(settings);
    await fixture.router.start();
    return fixture;
  }

  /** A connection to `address` has been served by a policy: all its services have the endpoint 10.1.0.1:80. */
  static async serving(address: string, policy: OutboundPolicy): Promise<ProxyRouterFixture> {
    const fixture = await ProxyRouterFixture.started();
    fixture.connect(address);
    fixture.profile(address).answer(aProfile());
    fixture.policy(address).answer(policy);
    for (const stream of fixture.controlPlane.endpointStreams) {
      if (!stream.closed) stream.answer(anEndpointSet('10.1.0.1:80'));
    }
    return fixture;
  }

  // ------------------------------------------------------------------------------ the data plane says

  /** A connection to an unknown address waits. */
  connect(address: string, direction: Direction = Direction.OUTBOUND): void {
    const { ip, port } = at(address);
    this.dataPlane.emit({
      case: 'discoverDestination',
      value: { direction, address: { ip: ipBytes(ip), port } },
    });
  }

  accept(address: string): void {
    this.connect(address, Direction.INBOUND);
  }

  /** Nobody has used the destination for a while. */
  idle(address: string, direction: Direction = Direction.OUTBOUND): void {
    this.dataPlane.emit({ case: 'destinationIdle', value: { id: this.destination(address, direction).id } });
  }

  // ------------------------------------------------------------------------------ the control plane says

  policy(address: string): FakeStream<OutboundPolicy> {
    return openStream(this.controlPlane.outboundStreams, address);
  }

  profile(address: string): FakeStream<DestinationProfile> {
    return openStream(this.controlPlane.profileStreams, address);
  }

  endpoints(path: string): FakeStream<EndpointSet> {
    return openStream(this.controlPlane.endpointStreams, path);
  }

  server(port: number): FakeStream<Server> {
    return openStream(this.controlPlane.inboundStreams, String(port));
  }

  /** Asked once; throws otherwise. */
  answerEndpoints(path: string, ...endpoints: readonly (string | MeshEndpoint)[]): void {
    this.endpoints(path).answer(anEndpointSet(...endpoints));
  }

  // ------------------------------------------------------------------------------ what has been decided

  isKnown(address: string, direction: Direction = Direction.OUTBOUND): boolean {
    return this.dataPlane.destinationAt(direction, address) !== undefined;
  }

  /** Throws when the data plane does not know the address. */
  destination(address: string, direction: Direction = Direction.OUTBOUND): PutDestination {
    const found = this.dataPlane.destinationAt(direction, address);
    if (found === undefined) throw new Error(`no destination ${address}`);
    return found;
  }

  table(address: string, direction: Direction = Direction.OUTBOUND): PutRouteTable {
    const found = this.dataPlane.routeTables.get(this.destination(address, direction).routeTableId);
    if (found === undefined) throw new Error(`${address} has no route table`);
    return found;
  }

  /** Targets of the requests of a destination, by the names of the backends. */
  httpTargets(address: string, direction: Direction = Direction.OUTBOUND): ReadonlyMap<string, number> {
    const backends = this.table(address, direction).rules.flatMap(
      ({ distribution }) => distribution?.backends ?? [],
    );
    return new Map(backends.map(({ name, targetId }) => [name, targetId]));
  }

  /** Targets of connections that are not HTTP. */
  tcpTargets(address: string, direction: Direction = Direction.OUTBOUND): readonly number[] {
    return this.table(address, direction).tcp?.distribution?.backends.map(({ targetId }) => targetId) ?? [];
  }

  /** Addresses that requests to a destination may end at, sorted. */
  behind(address: string, direction: Direction = Direction.OUTBOUND): readonly string[] {
    const ids = new Set(this.httpTargets(address, direction).values());
    return [...new Set([...ids].flatMap((id) => this.dataPlane.addressesOf(id) ?? []))].toSorted();
  }

  target(id: number | undefined): PutTarget {
    const found = id === undefined ? undefined : this.dataPlane.targets.get(id);
    if (found === undefined) throw new Error(`no target ${String(id)}`);
    return found.settings;
  }

  /** Commands that the data plane refused. */
  get refusals(): readonly LogRecord[] {
    return this.logger.at('error');
  }

  /** That nothing is left in the data plane, and nothing is asked. */
  get leftovers(): readonly string[] {
    const { destinations, routeTables, targets } = this.dataPlane;
    return [
      ...[...destinations.keys()].map((id) => `destination ${String(id)}`),
      ...[...routeTables.keys()].map((id) => `route table ${String(id)}`),
      ...[...targets.keys()].map((id) => `target ${String(id)}`),
      ...this.controlPlane.open.map((subject) => `question ${subject}`),
    ];
  }
}

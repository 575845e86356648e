// The real data plane in this process, with listeners that need no privileges: each leads to the
// endpoints it is given. The poller is the one that SLUICE_POLLER names.
import assert from 'node:assert/strict';

import type { MessageInitShape } from '@bufbuild/protobuf';

import { readEnvironment } from '../../src/config/environment.js';
import type { NativeDataPlane } from '../../src/dataplane/native-dataplane.js';
import {
  Direction,
  type EndpointSchema,
  type Failure,
  type HttpSettings,
  type Inspection,
  OriginalDestinationSource,
  Poller,
  Protocol,
  type PutDestinationSchema,
  type PutTargetSchema,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import { DataPlaneCollector } from '../../src/metrics/data-plane-collector.js';
import { METRIC_BOUNDS } from '../../src/metrics/metric-bounds.js';
import { metricBounds } from '../../src/run/data-plane-settings.js';
import {
  type Address,
  balanceTarget,
  type EventLog,
  forwardTarget,
  loopback,
  openPlane,
  settings,
  type SettingsInit,
} from '../contract/harness.js';
import { eventually } from './peer.js';
import type { Scope } from './processes.js';
import { RouteNames, type TableInit } from './route-tables.js';

type TargetOverrides = Partial<Exclude<MessageInitShape<typeof PutTargetSchema>, { $typeName: string }>>;
type DestinationOverrides = Partial<
  Exclude<MessageInitShape<typeof PutDestinationSchema>, { $typeName: string }>
>;

type EndpointTraits = Pick<
  Exclude<MessageInitShape<typeof EndpointSchema>, { $typeName: string }>,
  'takesOrigProto' | 'authorityOverride' | 'http2Keepalive'
>;

export interface ProxyWishes {
  readonly workers?: number;
  readonly tcp?: SettingsInit['tcp'];
  readonly http?: Partial<HttpSettings>;
  readonly buffers?: SettingsInit['buffers'];
  readonly outboundMaxInFlight?: number;
  readonly inboundMaxInFlight?: number;
}

export interface RouteWishes {
  readonly protocol?: Protocol;
  /** Ports of loopback. */
  readonly to: readonly number[];
  readonly weights?: readonly number[];
  /** What sets the endpoints apart, in the order of `to`. */
  readonly traits?: readonly EndpointTraits[];
  readonly balanced?: boolean;
  readonly target?: TargetOverrides;
  readonly destination?: DestinationOverrides;
  readonly source?: OriginalDestinationSource;
  readonly direction?: Direction;
  /** Where all connections of the listener were going, as if the kernel had said so. */
  readonly original?: Address;
}

export interface Route {
  readonly id: number;
  /** Where clients connect to. */
  readonly port: number;
}

function poller(): Poller {
  const environment = readEnvironment();
  assert.ok(environment.ok, 'the environment of the tests is valid');
  return environment.value.poller === 'epoll' ? Poller.EPOLL : Poller.LIBUV;
}

export class ProxyUnderTest {
  readonly plane: NativeDataPlane;
  readonly events: EventLog;
  readonly failures: Failure[] = [];
  readonly #collector: DataPlaneCollector;
  readonly #routes = new RouteNames();
  #lastId = 0;

  constructor(plane: NativeDataPlane, events: EventLog) {
    this.plane = plane;
    this.events = events;
    this.#collector = new DataPlaneCollector(plane, {
      targetInfo: () => undefined,
      routeInfo: (id) => this.#routes.routeInfo(id),
      backendInfo: (id) => this.#routes.backendInfo(id),
      serverInfo: (id) => this.#routes.serverInfo(id),
      authorizationInfo: (id) => this.#routes.authorizationInfo(id),
      rateLimitInfo: (id) => this.#routes.rateLimitInfo(id),
    });
    plane.subscribe((batch) => {
      for (const { kind } of batch.events) if (kind.case === 'failure') this.failures.push(kind.value);
    });
  }

  /** A listener, its destination and its target, under one id. */
  route(wishes: RouteWishes): Route {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#putTarget(id, wishes);
    return this.#listenTo(id, { targetId: id }, wishes);
  }

  /** A target that only route tables lead to; balanced unless wished otherwise. Answers its id. */
  target(to: readonly number[], wishes: Omit<RouteWishes, 'to'> = {}): number {
    this.#lastId += 1;
    this.#putTarget(this.#lastId, { balanced: true, ...wishes, to });
    return this.#lastId;
  }

  /** A listener whose requests a table decides about; both have one id. */
  routed(table: TableInit, wishes: Omit<RouteWishes, 'to'> = {}): Route {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#putTable(id, table);
    return this.#listenTo(id, { routeTableId: id }, wishes);
  }

  /** Another table in the place of the one that is there. */
  reroute(route: Route, table: TableInit): void {
    this.#putTable(route.id, table);
  }

  #putTable(id: number, table: TableInit): void {
    this.#routes.learn(table);
    this.plane.putRouteTable({ ...table, id });
  }

  #putTarget(id: number, wishes: RouteWishes): void {
    const target = wishes.balanced === true ? balanceTarget(id) : forwardTarget(id);
    this.plane.putTarget({ ...target, ...wishes.target });
    this.plane.updateEndpoints({
      targetId: id,
      reset: true,
      add: wishes.to.map((port, i) => ({
        address: loopback(port),
        weight: wishes.weights?.[i] ?? 1,
        ...wishes.traits?.[i],
      })),
    });
  }

  #listenTo(id: number, leads: DestinationOverrides, wishes: Omit<RouteWishes, 'to'>): Route {
    const direction = wishes.direction ?? Direction.OUTBOUND;
    this.plane.putDestination({
      id,
      direction,
      protocol: wishes.protocol ?? Protocol.HTTP1,
      detectTimeoutMs: 10_000,
      ...leads,
      ...(wishes.original === undefined ? {} : { address: wishes.original }),
      ...wishes.destination,
    });
    const { port } = this.plane.listen({
      id,
      direction,
      address: loopback(0),
      ...(wishes.original === undefined
        ? { source: wishes.source ?? OriginalDestinationSource.SOURCE_FIXED, destinationId: id }
        : { source: OriginalDestinationSource.SOURCE_ADDRESS, originalDestination: wishes.original }),
    });
    return { id, port };
  }

  add(route: Route, ...ports: readonly number[]): void {
    this.plane.updateEndpoints({
      targetId: route.id,
      add: ports.map((port) => ({ address: loopback(port) })),
    });
  }

  remove(route: Route, ...ports: readonly number[]): void {
    this.plane.updateEndpoints({ targetId: route.id, remove: ports.map(loopback) });
  }

  inspect(): Inspection {
    return this.plane.inspect();
  }

  /** The sum of a metric over all series with these labels, as a scrape would show them now. */
  metric(name: string, labels: Readonly<Record<string, string>> = {}): number {
    // Inspecting waits for the workers: what they did before is in their counters then.
    this.plane.inspect();
    let sum = 0;
    for (const family of this.#collector.collect()) {
      for (const sample of family.values) {
        if (sample.metricName !== name) continue;
        if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) sum += sample.value;
      }
    }
    return sum;
  }

  async metricBecomes(
    name: string,
    labels: Readonly<Record<string, string>>,
    wanted: number,
    limitMs?: number,
  ): Promise<void> {
    await eventually(
      () => this.metric(name, labels) === wanted,
      () => `${name}${JSON.stringify(labels)} is ${this.metric(name, labels)}, not ${wanted}`,
      limitMs,
    );
  }

  /** The first failure with this reason, also one that has already come. */
  async failure(reason: Reason): Promise<Failure> {
    await eventually(
      () => this.failures.some((one) => one.reason === reason),
      () =>
        `no failure ${Reason[reason]}; there came: ${this.failures.map((one) => Reason[one.reason]).join(', ')}`,
    );
    const found = this.failures.find((one) => one.reason === reason);
    assert.ok(found !== undefined);
    return found;
  }

  /** Until no connection is left. */
  async idle(): Promise<void> {
    await eventually(
      () => this.inspect().connections === 0n,
      () => `${this.inspect().connections} connections are left`,
    );
  }
}

/** A proxy that is closed when the test ends. */
export function aProxy(t: Scope, wishes: ProxyWishes = {}): ProxyUnderTest {
  const usual = settings();
  const { plane, events } = openPlane(t, {
    poller: poller(),
    emitErrorHeaders: true,
    ...(wishes.workers === undefined ? {} : { workers: wishes.workers }),
    outboundMaxInFlight: wishes.outboundMaxInFlight ?? 0,
    inboundMaxInFlight: wishes.inboundMaxInFlight ?? 0,
    tcp: { ...usual.tcp, ...wishes.tcp },
    http: { ...(usual.http as HttpSettings), ...wishes.http },
    buffers: { ...usual.buffers, ...wishes.buffers },
    metrics: {
      ...metricBounds(METRIC_BOUNDS),
      maxSeriesPerWorker: 10_000,
    },
  });
  return new ProxyUnderTest(plane, events);
}

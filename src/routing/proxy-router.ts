// The router of `sluice proxy`: turns the questions of the data plane and the answers of a control plane
// into targets, route tables and destinations, and keeps them so while either changes. Each side decides
// for itself (proxy-outbound.ts, proxy-inbound.ts); the tables that say what has been sent, and what ids
// mean, are shared, so that an id means one thing in the whole process.
import type { ControlPlane } from '../control/control-plane.js';
import type { Clock } from '../core/clock.js';
import type { Component } from '../core/component.js';
import type { HostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import type { Unsubscribe } from '../core/watch.js';
import type { DataPlane } from '../dataplane/dataplane.js';
import { Direction, type DiscoverDestination, type Event } from '../dataplane/gen/contract_pb.js';
import { fromSocketAddress } from './border-values.js';
import { Commander } from './commander.js';
import { DestinationTable } from './destination-table.js';
import { guard } from './guard.js';
import { PolicyIds } from './policy-ids.js';
import { ProxyEndpoints } from './proxy-endpoints.js';
import { ProxyInbound } from './proxy-inbound.js';
import { ProxyOutbound } from './proxy-outbound.js';
import { inboundReach, type ProxySettings } from './proxy-settings.js';
import { ProxyStreams, type StreamDescription } from './proxy-streams.js';
import type { RouteDescription } from './route-description.js';
import type { ResourceInfo, RouteDirectory, RouteInfo } from './route-directory.js';
import { RouteTables } from './route-tables.js';
import type { DestinationDirectory, TargetDirectory, TargetInfo } from './target-directory.js';
import { TargetTable } from './target-table.js';

export interface ProxyRouterOptions {
  readonly dataPlane: DataPlane;
  readonly controlPlane: ControlPlane;
  readonly settings: ProxySettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1), for the jitter of back-offs. */
  readonly random?: () => number;
}

export class ProxyRouter implements Component, TargetDirectory, DestinationDirectory, RouteDirectory {
  readonly name = 'router';
  readonly #options: ProxyRouterOptions;
  readonly #commander: Commander;
  readonly #targets: TargetTable;
  readonly #routeTables: RouteTables;
  readonly #destinations: DestinationTable;
  readonly #ids = new PolicyIds();
  readonly #streams: ProxyStreams;
  readonly #outbound: ProxyOutbound;
  readonly #inbound: ProxyInbound;
  #unsubscribe: Unsubscribe = () => undefined;

  constructor(options: ProxyRouterOptions) {
    const { settings, clock, logger, controlPlane } = options;
    this.#options = options;
    this.#commander = new Commander(options);
    // Every target of a proxy says for itself how it is reached.
    this.#targets = new TargetTable(this.#commander, inboundReach(settings.inbound), () => clock.now());
    this.#routeTables = new RouteTables(this.#commander);
    this.#destinations = new DestinationTable(this.#commander);
    this.#streams = new ProxyStreams({ controlPlane, logger, now: () => clock.now() });
    const shared = {
      clock,
      logger,
      commander: this.#commander,
      targets: this.#targets,
      routeTables: this.#routeTables,
      destinations: this.#destinations,
      streams: this.#streams,
      ids: this.#ids,
    };
    const { ownAddresses } = settings;
    const endpoints = new ProxyEndpoints(ownAddresses);
    this.#outbound = new ProxyOutbound({ ...shared, endpoints, settings: settings.outbound });
    this.#inbound = new ProxyInbound({ ...shared, ownAddresses, settings: settings.inbound });
    this.#commander.retryWith(() => {
      this.#targets.sync();
      this.#routeTables.sync();
      this.#destinations.sync();
    });
  }

  /** Policies of the configured inbound ports are asked for from now on. */
  start(): Promise<void> {
    this.#unsubscribe = this.#options.dataPlane.subscribe((batch) => {
      for (const event of batch.events)
        guard(this.#options.logger, () => {
          this.#onEvent(event);
        });
    });
    this.#inbound.start();
    return Promise.resolve();
  }

  /** Decides and asks nothing any more; what the data plane has stays. */
  stop(): Promise<void> {
    this.#unsubscribe();
    this.#commander.stop();
    this.#outbound.stop();
    this.#streams.closeAll();
    return Promise.resolve();
  }

  targetInfo(id: number): TargetInfo | undefined {
    return this.#targets.targetInfo(id);
  }

  targetAt(direction: 'outbound' | 'inbound', address: HostPort): TargetInfo | undefined {
    const side = direction === 'outbound' ? this.#outbound : this.#inbound;
    const targetId = side.targetAt(address);
    return targetId === undefined ? undefined : this.#targets.targetInfo(targetId);
  }

  routeInfo(id: number): RouteInfo | undefined {
    return this.#ids.routeInfo(id);
  }

  backendInfo(id: number): ResourceInfo | undefined {
    return this.#ids.backendInfo(id);
  }

  /** The server that an inbound port belongs to. */
  serverInfo(id: number): ResourceInfo | undefined {
    return this.#ids.resourceInfo(id);
  }

  authorizationInfo(id: number): ResourceInfo | undefined {
    return this.#ids.resourceInfo(id);
  }

  rateLimitInfo(id: number): ResourceInfo | undefined {
    return this.#ids.resourceInfo(id);
  }

  routes(): RouteDescription {
    return {
      services: [],
      destinations: [...this.#outbound.describe(), ...this.#inbound.describe()],
      listeners: [],
      targets: this.#targets.describe(),
      routeTables: this.#routeTables.describe(),
    };
  }

  /** What is asked of the control plane, and how each question is. */
  streams(): readonly StreamDescription[] {
    return this.#streams.describe();
  }

  #onEvent({ kind }: Event): void {
    switch (kind.case) {
      case 'discoverDestination':
        this.#discover(kind.value);
        break;
      case 'destinationIdle':
        this.#outbound.idle(kind.value.id);
        this.#inbound.idle(kind.value.id);
        break;
      default:
        // No destination of this router asks about authorities; series, logs and failures are read by others.
        break;
    }
  }

  #discover({ direction, address }: DiscoverDestination): void {
    if (address === undefined || direction === Direction.DIRECTION_UNSPECIFIED) return;
    const side = direction === Direction.OUTBOUND ? this.#outbound : this.#inbound;
    side.discover(fromSocketAddress(address));
  }
}

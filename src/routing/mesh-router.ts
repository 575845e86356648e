// Decides where connections and requests go: turns the configuration and the questions of the data
// plane into targets and destinations, and keeps them so while either changes. Decisions:
//   - each virtual address and port of a service is a destination with the service's balanced target, or
//     with the table of its routes;
//   - any other captured destination goes where it was going, or is balanced over the addresses of the
//     name its requests carry (routed-authority.ts); it is forgotten when nobody has used it for a while;
//   - forwards and the HTTP proxy have listeners and destinations of their own.
// An edit sends differences only. Refused commands are logged and repeated where that can help
// (commander.ts); nothing is thrown into the event loop.
import type { MeshConfig } from '../config/mesh-config.js';
import type { Component } from '../core/component.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { Unsubscribe } from '../core/watch.js';
import { Direction, type DiscoverDestination, type Event } from '../dataplane/gen/contract_pb.js';
import { fromSocketAddress, toSocketAddress } from './border-values.js';
import { Commander } from './commander.js';
import { DestinationTable } from './destination-table.js';
import { ExplicitListeners, type ListenerSpec } from './explicit-listeners.js';
import { ForwardTargets } from './forward-targets.js';
import { NameTargets } from './name-targets.js';
import { guard } from './guard.js';
import type { RouteDescription } from './route-description.js';
import type { ResourceInfo, RouteDirectory, RouteInfo } from './route-directory.js';
import type { CompileNeeds } from './route-table-compile.js';
import { RouteTableIds } from './route-table-ids.js';
import { RouteTables } from './route-tables.js';
import { RoutedDestination, type Origin } from './routed-destination.js';
import type { RouterOptions } from './router-options.js';
import type { RoutingTables, ServicePort } from './routing-tables.js';
import { ServiceRoutes } from './service-routes.js';
import type { DestinationDirectory, TargetDirectory, TargetInfo } from './target-directory.js';
import { reachOfMesh } from './target-spec.js';
import { TargetTable } from './target-table.js';

/** Where the HTTP proxy listens when nothing is configured. */
const ANY_LOOPBACK_PORT: HostPort = { ip: '127.0.0.1', port: 0 };
const HTTP_PROXY_KEY = 'http-proxy';

/** A listener of the configuration with the destination behind it. */
interface Wanted {
  readonly origin: Origin;
  readonly listener: Omit<ListenerSpec, 'destinationId'>;
}

interface CapturedDestination {
  readonly destination: RoutedDestination;
  readonly direction: 'outbound' | 'inbound';
  readonly address: HostPort;
}

export class MeshRouter implements Component, TargetDirectory, DestinationDirectory, RouteDirectory {
  readonly name = 'router';
  readonly #options: RouterOptions;
  readonly #commander: Commander;
  readonly #targets: TargetTable;
  readonly #routeTables: RouteTables;
  readonly #routeIds = new RouteTableIds();
  readonly #tables: RoutingTables;
  readonly #names: NameTargets;
  readonly #listeners: ExplicitListeners;
  #config: MeshConfig;
  /** By key of the file. */
  readonly #services = new Map<string, ServiceRoutes>();
  #servicesByName: ReadonlyMap<string, ServiceRoutes> = new Map();
  #servicesByAddress: ReadonlyMap<string, ServicePort> = new Map();
  /** By direction and address. */
  readonly #captured = new Map<string, CapturedDestination>();
  /** By key of the listener. */
  readonly #explicit = new Map<string, RoutedDestination>();
  readonly #byId = new Map<number, RoutedDestination>();
  #unsubscribe: Unsubscribe[] = [];

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#config = options.config.value;
    this.#commander = new Commander(options);
    this.#targets = new TargetTable(this.#commander, reachOfMesh(this.#config), () => options.clock.now());
    this.#routeTables = new RouteTables(this.#commander);
    this.#names = new NameTargets(options, this.#targets);
    this.#listeners = new ExplicitListeners(options.dataPlane, this.#commander, options.listenerIds);
    this.#tables = this.#makeTables();
    this.#commander.retryWith(() => {
      this.#targets.sync();
      this.#routeTables.sync();
      this.#destinations.sync();
      this.#listeners.sync();
    });
  }

  /** Rejects with ListenFailedError when a listener of the configuration cannot be opened. */
  start(): Promise<void> {
    try {
      this.#apply(this.#options.config.value, 'at-start');
    } catch (error) {
      this.#undo();
      this.#halt();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    this.#unsubscribe = [
      this.#options.dataPlane.subscribe((batch) => {
        for (const event of batch.events)
          guard(this.#options.logger, () => {
            this.#onEvent(event);
          });
      }),
      this.#options.config.subscribe((config) => {
        if (config !== this.#config)
          guard(this.#options.logger, () => {
            this.#apply(config, 'later');
          });
      }),
    ];
    return Promise.resolve();
  }

  /** Decides nothing any more; what the data plane has stays. */
  stop(): Promise<void> {
    this.#halt();
    return Promise.resolve();
  }

  targetInfo(id: number): TargetInfo | undefined {
    return this.#targets.targetInfo(id);
  }

  targetAt(direction: 'outbound' | 'inbound', address: HostPort): TargetInfo | undefined {
    const known = this.#captured.get(capturedKey(direction, address));
    const targetId = known?.destination.describe()?.targetId;
    return targetId === undefined ? undefined : this.#targets.targetInfo(targetId);
  }

  routeInfo(id: number): RouteInfo | undefined {
    return this.#routeIds.routeInfo(id);
  }

  backendInfo(id: number): ResourceInfo | undefined {
    return this.#routeIds.backendInfo(id);
  }

  /** Where the HTTP proxy listens; undefined when it does not. */
  get httpProxyAddress(): HostPort | undefined {
    return this.#listeners.describe().find(({ kind }) => kind === 'http-proxy')?.bound;
  }

  routes(): RouteDescription {
    return {
      services: [...this.#services.values()].map((service) => service.describe()),
      destinations: [...this.#byId.values()].flatMap((destination) => destination.describe() ?? []),
      listeners: this.#listeners.describe(),
      targets: this.#targets.describe(),
      routeTables: this.#routeTables.describe(),
    };
  }

  // ------------------------------------------------------------------------------ configuration

  #apply(config: MeshConfig, when: 'at-start' | 'later'): void {
    this.#config = config;
    this.#targets.configure(reachOfMesh(config));
    const gone = this.#updateServices(config);
    for (const service of this.#services.values()) service.updateRoutes(this.#compileNeeds);
    this.#updateCaptured();
    this.#updateExplicit(config, when);
    // Only now does no destination name their tables any more, and then no table their targets.
    for (const service of gone) service.removeTables();
    for (const service of this.#services.values()) service.dropUnusedTables();
    for (const service of gone) service.remove();
    for (const service of this.#services.values()) service.dropUnused();
  }

  /** Answers the services that are gone. */
  #updateServices(config: MeshConfig): readonly ServiceRoutes[] {
    const wanted = new Set(config.services.map(({ name }) => name));
    const gone = [...this.#services].filter(([name]) => !wanted.has(name));
    for (const [name] of gone) this.#services.delete(name);
    for (const service of config.services) {
      const known = this.#services.get(service.name);
      if (known === undefined) {
        const routes = new ServiceRoutes(this.#options, this.#targets, this.#routeTables, service);
        this.#services.set(service.name, routes);
      } else {
        known.update(service);
      }
    }
    const services = [...this.#services.values()];
    this.#servicesByName = new Map(
      services.flatMap((service) => service.config.names.map((name) => [name, service] as const)),
    );
    this.#servicesByAddress = new Map(
      services.flatMap((service) =>
        service.config.addresses.flatMap((ip) =>
          service.config.ports.map(
            ({ port, protocol }) =>
              [formatHostPort({ ip, port }), { address: { ip, port }, service, protocol }] as const,
          ),
        ),
      ),
    );
    return gone.map(([, service]) => service);
  }

  #updateCaptured(): void {
    for (const { destination, address } of [...this.#captured.values()]) {
      if (destination.kind === 'service' && this.#tables.serviceAt(address) === undefined) {
        // Nobody asked for it. Whoever connects to the address from now on goes there.
        this.#release('outbound', address);
      } else {
        destination.refresh();
      }
    }
    for (const { address } of this.#servicesByAddress.values()) {
      if (!this.#captured.has(capturedKey('outbound', address))) this.#capture('outbound', address);
    }
  }

  #updateExplicit(config: MeshConfig, when: 'at-start' | 'later'): void {
    const wanted = wantedListeners(config, this.#options.httpProxy);
    for (const key of this.#listeners.keys()) {
      if (wanted.has(key)) continue;
      this.#listeners.close(key);
      this.#dropExplicit(key);
    }
    for (const [key, { origin, listener }] of wanted) {
      const known = this.#explicit.get(key);
      if (known !== undefined) {
        if (origin.kind === 'forward') known.redirect(origin.to);
        known.refresh();
        this.#listeners.describeAs(key, listener.to);
        continue;
      }
      const destination = new RoutedDestination(this.#tables, origin);
      this.#explicit.set(key, destination);
      this.#byId.set(destination.id, destination);
      destination.refresh();
      const spec = { ...listener, destinationId: destination.id };
      if (when === 'at-start') this.#listeners.openOrThrow(key, spec);
      else this.#listeners.open(key, spec);
    }
  }

  #dropExplicit(key: string): void {
    const destination = this.#explicit.get(key);
    if (destination === undefined) return;
    this.#explicit.delete(key);
    this.#byId.delete(destination.id);
    destination.remove();
  }

  // ------------------------------------------------------------------------------ events

  #onEvent(event: Event): void {
    switch (event.kind.case) {
      case 'discoverDestination':
        this.#discoverDestination(event.kind.value);
        break;
      case 'discoverAuthority':
        this.#byId.get(event.kind.value.destinationId)?.discover(event.kind.value.authority);
        break;
      case 'destinationIdle':
        this.#forgetIdle(event.kind.value.id);
        break;
      default:
        // Series, logs and failures are read by others.
        break;
    }
  }

  #discoverDestination({ direction, address: socketAddress }: DiscoverDestination): void {
    if (socketAddress === undefined || direction === Direction.DIRECTION_UNSPECIFIED) return;
    const address = fromSocketAddress(socketAddress);
    const side = direction === Direction.OUTBOUND ? 'outbound' : 'inbound';
    if (this.#capture(side, address) || this.#commander.retrying) return;
    const fields = { direction: side, address: formatHostPort(address) };
    this.#commander.attempt('failDiscovery', fields, (dataPlane) => {
      dataPlane.failDiscovery({
        direction,
        address: toSocketAddress(address),
        detail: 'the data plane refused the route',
      });
    });
  }

  /** Answers whether the data plane has the destination. */
  #capture(direction: 'outbound' | 'inbound', address: HostPort): boolean {
    const key = capturedKey(direction, address);
    const known = this.#captured.get(key);
    // Asked for although it is known: the question was on its way, and is answered once more.
    if (known !== undefined) return this.#destinations.putAgain(known.destination.id);
    const destination = new RoutedDestination(this.#tables, { kind: 'captured', direction, address });
    this.#captured.set(key, { destination, direction, address });
    this.#byId.set(destination.id, destination);
    return destination.refresh();
  }

  #release(direction: 'outbound' | 'inbound', address: HostPort): void {
    const key = capturedKey(direction, address);
    const known = this.#captured.get(key);
    if (known === undefined) return;
    this.#captured.delete(key);
    this.#byId.delete(known.destination.id);
    known.destination.remove();
  }

  #forgetIdle(id: number): void {
    const address = this.#byId.get(id)?.idleAddress;
    if (address !== undefined) this.#release(address.direction, address.address);
  }

  // ------------------------------------------------------------------------------ inside

  get #destinations(): DestinationTable {
    return this.#tables.destinations;
  }

  #makeTables(): RoutingTables {
    const config = (): MeshConfig => this.#config;
    return {
      get config() {
        return config();
      },
      destinations: new DestinationTable(this.#commander),
      forwards: new ForwardTargets(this.#targets),
      names: this.#names,
      commander: this.#commander,
      serviceNamed: (name) => this.#servicesByName.get(name),
      serviceAt: (address) => this.#servicesByAddress.get(formatHostPort(address)),
    };
  }

  get #compileNeeds(): CompileNeeds {
    return {
      ids: this.#routeIds,
      portsOf: (service) => this.#services.get(service)?.config.ports.map(({ port }) => port) ?? [],
      targetOf: (service, port) => this.#services.get(service)?.targetOf(port) ?? 0,
    };
  }

  /** Takes back whatever a failed start has sent. */
  #undo(): void {
    this.#listeners.closeAll();
    for (const key of [...this.#explicit.keys()]) this.#dropExplicit(key);
    for (const { direction, address } of [...this.#captured.values()]) this.#release(direction, address);
    for (const service of this.#services.values()) service.removeTables();
    for (const service of this.#services.values()) service.remove();
    this.#services.clear();
  }

  #halt(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#unsubscribe = [];
    this.#commander.stop();
    this.#names.stop();
    for (const service of this.#services.values()) service.stop();
  }
}

function capturedKey(direction: 'outbound' | 'inbound', address: HostPort): string {
  return `${direction} ${formatHostPort(address)}`;
}

function wantedListeners(
  config: MeshConfig,
  httpProxy: RouterOptions['httpProxy'],
): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const { listen, to } of config.forwards) {
    const address = formatHostPort(listen);
    const text = 'ip' in to ? formatHostPort(to) : `${to.service}:${String(to.port)}`;
    // Port 0 may be given several times; what it forwards to tells them apart.
    let key = listen.port === 0 ? `${address} ${text}` : address;
    while (wanted.has(key)) key += ' again';
    wanted.set(key, { origin: { kind: 'forward', to }, listener: { kind: 'forward', listen, to: text } });
  }
  const listen = config.httpProxy ?? (httpProxy === 'always' ? ANY_LOOPBACK_PORT : undefined);
  if (listen !== undefined) {
    wanted.set(`${HTTP_PROXY_KEY} ${formatHostPort(listen)}`, {
      origin: { kind: 'http-proxy' },
      listener: { kind: 'http-proxy', listen, to: undefined },
    });
  }
  return wanted;
}

// One service of the mesh file in the data plane: a target per port, with the endpoints of the file or
// of the name system, and a route table per port where the file has routes. Both live as long as the
// service has the port (and routes); edits send differences only. Targets of all services come first,
// then tables, which name them, then destinations, which name tables; what goes, goes in reverse.
import type { DnsEndpointsConfig, ServiceConfig } from '../config/mesh-config.js';
import { RECORD_TYPES } from '../discovery/dns-record-types.js';
import { DnsWatch, type NameState } from '../discovery/dns-watch.js';
import type { Lead } from './destination-table.js';
import { guard } from './guard.js';
import type { EndpointDescription, ServiceDescription } from './route-description.js';
import type { RouterOptions } from './router-options.js';
import { type CompileNeeds, compileRouteTable, hasRoutes } from './route-table-compile.js';
import type { RouteTables } from './route-tables.js';
import type { TargetSpec } from './target-spec.js';
import type { TargetTable } from './target-table.js';

export type ServiceNeeds = Pick<RouterOptions, 'resolver' | 'clock' | 'logger' | 'random'>;

export class ServiceRoutes {
  readonly #needs: ServiceNeeds;
  readonly #targets: TargetTable;
  readonly #routeTables: RouteTables;
  /** By port. */
  readonly #targetIds = new Map<number, number>();
  readonly #routeTableIds = new Map<number, number>();
  /** Targets of ports that the service no longer has, until nothing names them. */
  #dropped: number[] = [];
  /** Tables of ports that have no routes any more, likewise. */
  #droppedTables: number[] = [];
  #config: ServiceConfig;
  #endpoints: readonly EndpointDescription[] = [];
  #dnsWatch: DnsWatch | undefined;
  #dnsKey = '';

  /** `updateRoutes` follows, once all services have their targets. */
  constructor(needs: ServiceNeeds, targets: TargetTable, routeTables: RouteTables, config: ServiceConfig) {
    this.#needs = needs;
    this.#targets = targets;
    this.#routeTables = routeTables;
    this.#config = config;
    this.#apply();
  }

  get config(): ServiceConfig {
    return this.#config;
  }

  targetOf(port: number): number | undefined {
    return this.#targetIds.get(port);
  }

  /** Where requests and connections to a port go; undefined when the service has no such port. */
  leadOf(port: number): Lead | undefined {
    const targetId = this.#targetIds.get(port);
    return targetId === undefined
      ? undefined
      : { targetId, routeTableId: this.#routeTableIds.get(port) ?? 0 };
  }

  /** Once the targets of all services are there. */
  updateRoutes(needs: CompileNeeds): void {
    const ports = hasRoutes(this.#config) ? this.#config.ports.map(({ port }) => port) : [];
    for (const [port, id] of this.#routeTableIds) {
      if (ports.includes(port)) continue;
      this.#routeTableIds.delete(port);
      this.#droppedTables.push(id);
    }
    for (const port of ports) {
      const table = compileRouteTable(this.#config, port, needs);
      const id = this.#routeTableIds.get(port);
      if (id === undefined) this.#routeTableIds.set(port, this.#routeTables.create(table));
      else this.#routeTables.update(id, table);
    }
  }

  /** Tables that no destination names any more. Those of all services go before any target does. */
  dropUnusedTables(): void {
    for (const id of this.#droppedTables) this.#routeTables.remove(id);
    this.#droppedTables = [];
  }

  /** The service is gone, and no destination names its tables. */
  removeTables(): void {
    for (const id of this.#routeTableIds.values()) this.#routeTables.remove(id);
    this.#routeTableIds.clear();
    this.dropUnusedTables();
  }

  /** The same service, edited. Call `dropUnused` once nothing names the targets of ports that went. */
  update(config: ServiceConfig): void {
    this.#config = config;
    this.#apply();
  }

  dropUnused(): void {
    for (const id of this.#dropped) this.#targets.remove(id);
    this.#dropped = [];
  }

  /** The service is gone, and neither a table nor a destination names its targets. */
  remove(): void {
    this.stop();
    for (const id of this.#targetIds.values()) this.#targets.remove(id);
    this.#targetIds.clear();
    this.dropUnused();
  }

  /** Asks no name server any more; targets stay. */
  stop(): void {
    this.#dnsWatch?.stop();
    this.#dnsWatch = undefined;
    this.#dnsKey = '';
  }

  describe(): ServiceDescription {
    const { name, names, addresses, ports, dns } = this.#config;
    const state = this.#dnsWatch?.state.value;
    return {
      name,
      names,
      addresses,
      ports: ports.map(({ port, protocol }) => ({
        port,
        protocol,
        targetId: this.#targetIds.get(port) ?? 0,
        routeTableId: this.#routeTableIds.get(port) ?? 0,
      })),
      dns:
        dns === undefined
          ? undefined
          : {
              name: dns.name,
              records: dns.records,
              failure: state === undefined ? undefined : failureOf(state),
            },
    };
  }

  #apply(): void {
    if (this.#config.dns === undefined) {
      this.stop();
      this.#endpoints = this.#config.endpoints;
    } else {
      this.#follow(this.#config.dns);
    }
    const ports = new Set(this.#config.ports.map(({ port }) => port));
    for (const [port, id] of this.#targetIds) {
      if (ports.has(port)) continue;
      this.#targetIds.delete(port);
      this.#dropped.push(id);
      // Whoever still holds it until it is dropped must not dial any more.
      this.#targets.setEndpoints(id, []);
    }
    for (const port of ports) {
      const id = this.#targetIds.get(port);
      if (id === undefined) {
        this.#targetIds.set(port, this.#targets.create(this.#spec(port), this.#endpoints));
      } else {
        this.#targets.update(id, this.#spec(port));
        this.#targets.setEndpoints(id, this.#endpoints);
      }
    }
  }

  #spec(port: number): TargetSpec {
    const { name, labels, endpointProtocol, circuitBreaker, loadPenalty, http2Keepalive } = this.#config;
    return {
      authority: `${name}:${String(port)}`,
      labels: { service: name, ...labels },
      kind: 'balance',
      endpointProtocol,
      circuitBreaker,
      loadPenalty,
      http2Keepalive,
    };
  }

  /** The endpoints so far are kept until the (new) name has been answered. */
  #follow(dns: DnsEndpointsConfig): void {
    const key = JSON.stringify(dns);
    if (key === this.#dnsKey) return;
    this.#dnsWatch?.stop();
    this.#dnsKey = key;
    const watch = new DnsWatch({
      name: dns.name,
      types: RECORD_TYPES[dns.records],
      minTtlMs: dns.minTtlMs,
      maxTtlMs: dns.maxTtlMs,
      resolver: this.#needs.resolver,
      clock: this.#needs.clock,
      random: this.#needs.random,
    });
    this.#dnsWatch = watch;
    // A watch that has been stopped tells nothing.
    watch.state.subscribe((state) => {
      guard(this.#needs.logger, () => {
        this.#onAnswer(dns, state);
      });
    });
    watch.start();
  }

  #onAnswer(dns: DnsEndpointsConfig, state: NameState): void {
    if (state.kind === 'pending') return;
    const failure = failureOf(state);
    const fields = { service: this.#config.name, dns: dns.name };
    if (failure !== undefined)
      this.#needs.logger.warn({ ...fields, error: failure }, 'a name could not be looked up');
    const found = state.kind === 'known' ? state.endpoints : [];
    this.#needs.logger.debug({ ...fields, endpoints: found.length }, 'endpoints from the name system');
    this.#endpoints = found.map(({ address, weight }) => ({
      address: { ip: address.ip, port: dns.port ?? address.port },
      weight,
      labels: {},
    }));
    for (const id of this.#targetIds.values()) this.#targets.setEndpoints(id, this.#endpoints);
  }
}

function failureOf(state: NameState): string | undefined {
  return state.kind === 'pending' ? undefined : state.failure;
}

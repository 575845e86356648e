// One destination and where its connections and requests go: decided anew by `refresh` whenever the
// configuration or an answer of the name system changes, and sent when the decision is another one.
// Targets that a decision no longer names are given back only after it has been sent.
import type { ForwardConfig, ServiceProtocol } from '../config/mesh-config.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { containsPort } from '../core/ports.js';
import { Direction } from '../dataplane/gen/contract_pb.js';
import type { AuthorityRoute, Lead } from './destination-table.js';
import type { ForwardLease } from './forward-targets.js';
import type { DestinationDescription } from './route-description.js';
import { RoutedAuthority } from './routed-authority.js';
import type { RoutingTables, ServicePort } from './routing-tables.js';

/** Authorities that one captured destination may have; requests for more go to its default target. */
const CAPTURED_AUTHORITIES = 64;
/** Of the HTTP proxy, where the oldest one makes place: it is discovered again when it is wanted. */
const PROXIED_AUTHORITIES = 512;

/** Where the connections of a destination come from. */
export type Origin =
  | { readonly kind: 'captured'; readonly direction: 'outbound' | 'inbound'; readonly address: HostPort }
  | { readonly kind: 'forward'; readonly to: ForwardConfig['to'] }
  | { readonly kind: 'http-proxy' };

/** A decision, but for the authorities that requests had. */
interface Route extends Lead {
  readonly kind: DestinationDescription['kind'];
  readonly protocol: ServiceProtocol;
  /** Known beforehand. */
  readonly authorities: readonly AuthorityRoute[];
  readonly discoverAuthorities: boolean;
  readonly idleTimeoutMs: number;
}

const NOWHERE: Lead = { targetId: 0, routeTableId: 0 };

export class RoutedDestination {
  readonly id: number;
  readonly #tables: RoutingTables;
  #origin: Origin;
  #route: Route | undefined;
  #forward: { readonly address: string; readonly lease: ForwardLease } | undefined;
  readonly #authorities = new Map<string, RoutedAuthority>();
  /** To be done once the latest decision has been sent. */
  readonly #afterSending: (() => void)[] = [];

  /** Nothing is sent before `refresh`. */
  constructor(tables: RoutingTables, origin: Origin) {
    this.#tables = tables;
    this.#origin = origin;
    this.id = tables.destinations.newId();
  }

  /** What it was when last decided. */
  get kind(): DestinationDescription['kind'] | undefined {
    return this.#route?.kind;
  }

  /**
   * What to forget when the data plane says that it is idle; undefined when it is to stay: it may have
   * become a service's while the event was on its way.
   */
  get idleAddress(): { readonly direction: 'outbound' | 'inbound'; readonly address: HostPort } | undefined {
    return this.#origin.kind === 'captured' && this.kind !== 'service' ? this.#origin : undefined;
  }

  /** The same listener forwards elsewhere now; `refresh` follows. */
  redirect(to: ForwardConfig['to']): void {
    this.#origin = { kind: 'forward', to };
  }

  /** Decides anew. Answers whether the data plane has the decision. */
  refresh(): boolean {
    const route = this.#decide();
    this.#route = route;
    if (!route.discoverAuthorities) this.#forgetAuthorities();
    const learned = this.#decideAuthorities();
    const own = this.#origin.kind === 'captured' ? this.#origin : undefined;
    const applied = this.#tables.destinations.put(this.id, {
      direction: own?.direction ?? 'outbound',
      address: own?.address,
      protocol: route.protocol,
      detectTimeoutMs: this.#tables.config.timeouts.detectMs,
      targetId: route.targetId,
      routeTableId: route.routeTableId,
      authorities: [...route.authorities, ...learned],
      discoverAuthorities: route.discoverAuthorities,
      idleTimeoutMs: route.idleTimeoutMs,
    });
    this.#clearUp();
    return applied;
  }

  /** A request had an authority that the data plane does not know. */
  discover(text: string): void {
    if (this.#route?.discoverAuthorities !== true) return;
    const known = this.#authorities.get(text);
    if (known !== undefined) {
      // Still being looked up; or answered while the question was on its way, then once more.
      if (known.decide().kind === 'target') this.#tables.destinations.putAgain(this.id);
      return;
    }
    if (!this.#makePlace()) return;
    const own = this.#origin.kind === 'captured' ? this.#origin.address : undefined;
    const onChange = (): void => {
      this.refresh();
    };
    this.#authorities.set(text, new RoutedAuthority(this.#tables, text, own, onChange));
    if (this.refresh() || this.#tables.commander.retrying) return;
    this.#fail(text, 'the data plane refused the route');
    this.#clearUp();
  }

  /** Takes it out of the data plane, and gives back what it used. */
  remove(): void {
    this.#tables.destinations.remove(this.id);
    this.#route = undefined;
    this.#forgetAuthorities();
    this.#useForward(undefined);
    this.#clearUp();
  }

  describe(): DestinationDescription | undefined {
    const route = this.#route;
    return route === undefined ? undefined : this.#tables.destinations.describe(this.id, route.kind);
  }

  // ------------------------------------------------------------------------------ the default target

  #decide(): Route {
    const origin = this.#origin;
    switch (origin.kind) {
      case 'http-proxy':
        this.#useForward(undefined);
        return {
          kind: 'http-proxy',
          ...NOWHERE,
          protocol: 'http1',
          authorities: [],
          discoverAuthorities: true,
          idleTimeoutMs: 0,
        };
      case 'forward':
        return this.#decideForward(origin.to);
      case 'captured': {
        const found = origin.direction === 'outbound' ? this.#tables.serviceAt(origin.address) : undefined;
        return found === undefined
          ? this.#decidePlain(origin.direction, origin.address)
          : this.#decideService(found);
      }
    }
  }

  #decideForward(to: ForwardConfig['to']): Route {
    const fixed = { kind: 'forward', authorities: [], discoverAuthorities: false, idleTimeoutMs: 0 } as const;
    if ('ip' in to) {
      return {
        ...fixed,
        targetId: this.#useForward({ direction: 'outbound', address: to }),
        routeTableId: 0,
        protocol: this.#protocolOf(to),
      };
    }
    this.#useForward(undefined);
    const service = this.#tables.serviceNamed(to.service);
    const port = service?.config.ports.find((item) => item.port === to.port);
    return { ...fixed, ...(service?.leadOf(to.port) ?? NOWHERE), protocol: port?.protocol ?? 'detect' };
  }

  #decideService({ service, address: { port }, protocol }: ServicePort): Route {
    this.#useForward(undefined);
    const lead = service.leadOf(port) ?? NOWHERE;
    return {
      kind: 'service',
      ...lead,
      protocol,
      authorities: service.config.names.flatMap((name) => [
        { authority: name, ...lead },
        { authority: `${name}:${String(port)}`, ...lead },
      ]),
      discoverAuthorities: false,
      // It is there because the file says so, not because somebody asked.
      idleTimeoutMs: 0,
    };
  }

  #decidePlain(direction: 'outbound' | 'inbound', address: HostPort): Route {
    return {
      kind: direction,
      targetId: this.#useForward({ direction, address }),
      routeTableId: 0,
      protocol: this.#protocolOf(address),
      authorities: [],
      discoverAuthorities: direction === 'outbound',
      idleTimeoutMs: this.#tables.config.timeouts.destinationIdleMs,
    };
  }

  #protocolOf(address: HostPort): ServiceProtocol {
    return containsPort(this.#tables.config.opaquePorts, address.port) ? 'opaque' : 'detect';
  }

  /** Leases the target of an address, or none; answers its id. The lease so far is kept when it is the same. */
  #useForward(to: { direction: 'outbound' | 'inbound'; address: HostPort } | undefined): number {
    const address = to === undefined ? undefined : formatHostPort(to.address);
    const before = this.#forward;
    if (before?.address === address) return before?.lease.targetId ?? 0;
    if (before !== undefined) {
      this.#afterSending.push(() => {
        before.lease.release();
      });
    }
    this.#forward = undefined;
    if (to === undefined || address === undefined) return 0;
    this.#forward = { address, lease: this.#tables.forwards.lease(to.direction, to.address) };
    return this.#forward.lease.targetId;
  }

  // ------------------------------------------------------------------------------ authorities

  #decideAuthorities(): readonly AuthorityRoute[] {
    return [...this.#authorities.values()].flatMap((authority) => {
      const decision = authority.decide();
      if (decision.kind === 'failed') this.#fail(authority.text, decision.detail);
      if (decision.kind !== 'target') return [];
      const { targetId, routeTableId } = decision;
      return [{ authority: authority.text, targetId, routeTableId }];
    });
  }

  /** Ends the waiting of requests. The next one with this authority asks again. */
  #fail(text: string, detail: string): void {
    this.#forget(text);
    const fields = { destination: this.id, authority: text };
    this.#tables.commander.attempt('failDiscovery', fields, (dataPlane) => {
      dataPlane.failDiscovery({
        direction: Direction.OUTBOUND,
        destinationId: this.id,
        authority: text,
        detail,
      });
    });
  }

  /** Whether there is place for one more authority. */
  #makePlace(): boolean {
    if (this.#origin.kind !== 'http-proxy') return this.#authorities.size < CAPTURED_AUTHORITIES;
    const [oldest] = this.#authorities.keys();
    if (oldest !== undefined && this.#authorities.size >= PROXIED_AUTHORITIES) this.#forget(oldest);
    return true;
  }

  #forgetAuthorities(): void {
    for (const text of [...this.#authorities.keys()]) this.#forget(text);
  }

  #forget(text: string): void {
    const authority = this.#authorities.get(text);
    if (authority === undefined) return;
    this.#authorities.delete(text);
    this.#afterSending.push(() => {
      authority.release();
    });
  }

  #clearUp(): void {
    for (const authority of this.#authorities.values()) authority.releaseUnused();
    for (const release of this.#afterSending.splice(0)) release();
  }
}

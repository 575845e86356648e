// An authority that a request of some destination had, and where it leads. A service's name leads to the
// service, on a port it has, by its routes when it has any. Apart from that it depends on the destination:
//   captured (it has an address): a name leads to a target over all its addresses when the address is
//     one of them, since then the application meant the name; everything else to the default target;
//   HTTP proxy (no address): there is no default, so a name leads to a target over its addresses, an
//     address to itself, and what leads nowhere is an error with a reason.
import type { HostPort } from '../core/ip.js';
import { DEFAULT_HTTP_PORT, parseAuthority, type Authority } from './authority.js';
import type { Lead } from './destination-table.js';
import type { ForwardLease } from './forward-targets.js';
import type { NameLease } from './name-targets.js';
import type { RoutingTables } from './routing-tables.js';
import type { ServiceRoutes } from './service-routes.js';

export type AuthorityDecision =
  | ({ readonly kind: 'target' } & Lead)
  /** The destination's default target. */
  | { readonly kind: 'default' }
  /** The name system has not answered yet; `onChange` is called when it has. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'failed'; readonly detail: string };

const DEFAULT: AuthorityDecision = { kind: 'default' };

export class RoutedAuthority {
  readonly text: string;
  readonly #tables: RoutingTables;
  readonly #authority: Authority | undefined;
  /** Of the captured destination. */
  readonly #own: HostPort | undefined;
  readonly #onChange: () => void;
  #nameLease: NameLease | undefined;
  #forwardLease: ForwardLease | undefined;
  /** Which lease the latest decision stands on. */
  #standsOn: 'name' | 'forward' | 'nothing' = 'nothing';
  /** The name has had the destination's own address: from then on its requests are balanced. */
  #admitted = false;

  constructor(tables: RoutingTables, text: string, own: HostPort | undefined, onChange: () => void) {
    this.text = text;
    this.#tables = tables;
    this.#authority = parseAuthority(text);
    this.#own = own;
    this.#onChange = onChange;
  }

  decide(): AuthorityDecision {
    this.#standsOn = 'nothing';
    const authority = this.#authority;
    const own = this.#own;
    if (authority === undefined) {
      return own === undefined ? failed(`"${this.text}" is not an authority`) : DEFAULT;
    }
    const { host } = authority;
    const service = host.kind === 'name' ? this.#tables.serviceNamed(host.name) : undefined;
    if (service !== undefined) return this.#toService(service, authority.port);
    if (own !== undefined) return host.kind === 'name' ? this.#toNameOf(own, host.name) : DEFAULT;
    const port = authority.port ?? DEFAULT_HTTP_PORT;
    return host.kind === 'name' ? this.#toName(host.name, port) : this.#toAddress({ ip: host.ip, port });
  }

  /** Gives back what the latest decision does not stand on. Only once that decision has been sent. */
  releaseUnused(): void {
    if (this.#standsOn !== 'name') {
      this.#nameLease?.release();
      this.#nameLease = undefined;
    }
    if (this.#standsOn !== 'forward') {
      this.#forwardLease?.release();
      this.#forwardLease = undefined;
    }
  }

  /** The destination no longer has it. */
  release(): void {
    this.#standsOn = 'nothing';
    this.releaseUnused();
  }

  #toService(service: ServiceRoutes, asked: number | undefined): AuthorityDecision {
    // Without a port the one being connected to is meant; clients leave out 80 (RFC 9110 §4.2.1).
    const ports = asked === undefined ? [this.#own?.port, DEFAULT_HTTP_PORT] : [asked];
    for (const port of ports) {
      const lead = port === undefined ? undefined : service.leadOf(port);
      if (lead !== undefined) return { kind: 'target', ...lead };
    }
    if (this.#own !== undefined) return DEFAULT;
    return failed(`service ${service.config.name} has no port ${String(asked ?? DEFAULT_HTTP_PORT)}`);
  }

  #toNameOf(own: HostPort, name: string): AuthorityDecision {
    const lease = this.#leaseName(name, own.port);
    const { state } = lease;
    if (state.kind === 'pending') return { kind: 'pending' };
    if (lease.has(own.ip)) this.#admitted = true;
    const usable = this.#admitted && state.kind === 'known' && state.endpoints.length > 0;
    return usable ? toTarget(lease.target()) : DEFAULT;
  }

  #toName(name: string, port: number): AuthorityDecision {
    const lease = this.#leaseName(name, port);
    const { state } = lease;
    if (state.kind === 'pending') return { kind: 'pending' };
    if (state.kind === 'failed') return failed(state.failure);
    return state.endpoints.length === 0 ? failed(`${name} has no address`) : toTarget(lease.target());
  }

  #toAddress(address: HostPort): AuthorityDecision {
    const found = this.#tables.serviceAt(address);
    const lead = found?.service.leadOf(address.port);
    if (lead !== undefined) return { kind: 'target', ...lead };
    this.#standsOn = 'forward';
    this.#forwardLease ??= this.#tables.forwards.lease('outbound', address);
    return toTarget(this.#forwardLease.targetId);
  }

  #leaseName(name: string, port: number): NameLease {
    this.#standsOn = 'name';
    this.#nameLease ??= this.#tables.names.lease(name, port, this.#onChange);
    return this.#nameLease;
  }
}

/** What is no service has no routes. */
function toTarget(targetId: number): AuthorityDecision {
  return { kind: 'target', targetId, routeTableId: 0 };
}

function failed(detail: string): AuthorityDecision {
  return { kind: 'failed', detail };
}

// Balanced targets for host names that applications speak to and that are no service: one per name and
// port, over the addresses the name has, shared by all destinations that use it and gone with the last.
import { DEFAULT_DNS_MAX_TTL_MS, DEFAULT_DNS_MIN_TTL_MS } from '../config/defaults.js';
import type { IpAddress } from '../core/ip.js';
import { DnsWatch, type NameState } from '../discovery/dns-watch.js';
import { guard } from './guard.js';
import type { ServiceNeeds } from './service-routes.js';
import type { TargetTable } from './target-table.js';

/** A use of a name. `onChange` of its user is called when any answer below changes. */
export interface NameLease {
  readonly state: NameState;
  /** Whether the name has this address now. */
  has(ip: IpAddress): boolean;
  /** The target over the addresses; made when first wanted. */
  target(): number;
  /** The user wants it no more, and no destination of the user names the target. */
  release(): void;
}

export class NameTargets {
  readonly #needs: ServiceNeeds;
  readonly #targets: TargetTable;
  readonly #names = new Map<string, SharedName>();

  constructor(needs: ServiceNeeds, targets: TargetTable) {
    this.#needs = needs;
    this.#targets = targets;
  }

  lease(name: string, port: number, onChange: () => void): NameLease {
    const key = `${name}:${String(port)}`;
    let shared = this.#names.get(key);
    if (shared === undefined) {
      shared = new SharedName(this.#needs, this.#targets, name, port);
      this.#names.set(key, shared);
    }
    const used = shared;
    used.users.add(onChange);
    return {
      get state() {
        return used.state;
      },
      has: (ip) => used.has(ip),
      target: () => used.target(),
      release: () => {
        if (!used.users.delete(onChange) || used.users.size > 0) return;
        this.#names.delete(key);
        used.remove();
      },
    };
  }

  /** Asks no name server any more; targets stay. */
  stop(): void {
    for (const shared of this.#names.values()) shared.stop();
  }
}

class SharedName {
  readonly users = new Set<() => void>();
  readonly #targets: TargetTable;
  readonly #watch: DnsWatch;
  readonly #port: number;
  #targetId: number | undefined;

  constructor(needs: ServiceNeeds, targets: TargetTable, name: string, port: number) {
    this.#targets = targets;
    this.#port = port;
    this.#watch = new DnsWatch({
      name,
      types: ['a', 'aaaa'],
      minTtlMs: DEFAULT_DNS_MIN_TTL_MS,
      maxTtlMs: DEFAULT_DNS_MAX_TTL_MS,
      resolver: needs.resolver,
      clock: needs.clock,
      random: needs.random,
    });
    this.#watch.start();
    this.#watch.state.subscribe((state) => {
      if (state.kind === 'pending') return;
      needs.logger.debug({ dns: name, state: state.kind, error: state.failure }, 'a name has been looked up');
      if (this.#targetId !== undefined) this.#targets.setEndpoints(this.#targetId, this.#endpoints());
      for (const user of [...this.users]) guard(needs.logger, user);
    });
  }

  get state(): NameState {
    return this.#watch.state.value;
  }

  has(ip: IpAddress): boolean {
    return this.#endpoints().some(({ address }) => address.ip === ip);
  }

  target(): number {
    this.#targetId ??= this.#targets.create(
      { authority: `${this.#watch.name}:${String(this.#port)}`, labels: {}, kind: 'balance' },
      this.#endpoints(),
    );
    return this.#targetId;
  }

  stop(): void {
    this.#watch.stop();
  }

  remove(): void {
    this.stop();
    if (this.#targetId !== undefined) this.#targets.remove(this.#targetId);
  }

  #endpoints(): { address: { ip: string; port: number }; weight: number; labels: Record<string, never> }[] {
    const found = this.state.kind === 'known' ? this.state.endpoints : [];
    return found.map(({ address, weight }) => ({
      address: { ip: address.ip, port: this.#port },
      weight,
      labels: {},
    }));
  }
}

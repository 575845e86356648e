// Looks up the endpoints of services that have `dns`, for as long as the mesh file has them, and makes a
// new view of the mesh of every change of either. A service whose question is edited keeps its endpoints
// until the new one has been answered; one that cannot be looked up at all has none.
import type { DnsEndpointsConfig, EndpointConfig, MeshConfig } from '../config/mesh-config.js';
import type { Clock } from '../core/clock.js';
import type { Component } from '../core/component.js';
import type { Logger } from '../core/logger.js';
import { type ReadonlyWatch, type Unsubscribe, Watch } from '../core/watch.js';
import { RECORD_TYPES } from '../discovery/dns-record-types.js';
import type { DnsResolver } from '../discovery/dns-resolver.js';
import { DnsWatch, type NameState } from '../discovery/dns-watch.js';
import { MeshView } from './mesh-view.js';

export interface MeshViewsOptions {
  readonly config: ReadonlyWatch<MeshConfig>;
  readonly resolver: DnsResolver;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Follower {
  readonly key: string;
  readonly watch: DnsWatch;
}

export class MeshViews implements Component {
  readonly name = 'mesh-views';
  readonly #options: MeshViewsOptions;
  readonly #views: Watch<MeshView>;
  /** By key of the service, as everything here. */
  readonly #followers = new Map<string, Follower>();
  readonly #found = new Map<string, readonly EndpointConfig[]>();
  #unsubscribe: Unsubscribe | undefined;
  /** A view is made once after several changes. */
  #applying = false;

  constructor(options: MeshViewsOptions) {
    this.#options = options;
    this.#views = new Watch(new MeshView(options.config.value));
  }

  get views(): ReadonlyWatch<MeshView> {
    return this.#views;
  }

  start(): Promise<void> {
    this.#unsubscribe = this.#options.config.subscribe((config) => {
      this.#apply(config);
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    for (const { watch } of this.#followers.values()) watch.stop();
    this.#followers.clear();
    return Promise.resolve();
  }

  #apply(config: MeshConfig): void {
    this.#applying = true;
    const wanted = new Map(
      config.services.flatMap(({ name, dns }) => (dns === undefined ? [] : [[name, dns] as const])),
    );
    for (const [service, { watch }] of this.#followers) {
      if (wanted.has(service)) continue;
      watch.stop();
      this.#followers.delete(service);
      this.#found.delete(service);
    }
    for (const [service, dns] of wanted) this.#follow(service, dns);
    this.#applying = false;
    this.#publish();
  }

  #follow(service: string, dns: DnsEndpointsConfig): void {
    const key = JSON.stringify(dns);
    const known = this.#followers.get(service);
    if (known?.key === key) return;
    known?.watch.stop();
    const { resolver, clock } = this.#options;
    const { name, records, minTtlMs, maxTtlMs } = dns;
    const watch = new DnsWatch({ name, types: RECORD_TYPES[records], minTtlMs, maxTtlMs, resolver, clock });
    this.#followers.set(service, { key, watch });
    // A watch that has been stopped tells nothing.
    watch.state.subscribe((state) => {
      this.#onAnswer(service, dns, state);
    });
    watch.start();
  }

  #onAnswer(service: string, dns: DnsEndpointsConfig, state: NameState): void {
    if (state.kind === 'pending') return;
    const fields = { service, dns: dns.name };
    if (state.failure !== undefined) {
      this.#options.logger.warn({ ...fields, error: state.failure }, 'a name could not be looked up');
    }
    const found = state.kind === 'known' ? state.endpoints : [];
    this.#options.logger.debug({ ...fields, endpoints: found.length }, 'endpoints from the name system');
    const endpoints = found.map(({ address, weight }) => ({
      address: { ip: address.ip, port: dns.port ?? address.port },
      weight,
      labels: {},
    }));
    this.#found.set(service, endpoints);
    this.#publish();
  }

  #publish(): void {
    if (!this.#applying)
      this.#views.set(new MeshView(this.#options.config.value, new Map(this.#found), this.#views.value));
  }
}

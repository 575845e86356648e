// The endpoints of one service, for all targets of one destination that balance over them. A change
// reaches the targets before anything else happens: no address is dialled after it was removed.
import type { Logger } from '../core/logger.js';
import { formatHostPort } from '../core/ip.js';
import {
  byAddress,
  changesBetween,
  type EndpointChanges,
  type EndpointsByAddress,
} from './endpoint-changes.js';
import type { ProxyEndpoints } from './proxy-endpoints.js';
import type { OpenStream, ProxyStreams } from './proxy-streams.js';
import type { EndpointSet } from '../control/control-plane.js';
import type { EndpointDescription } from './route-description.js';
import type { TargetTable } from './target-table.js';

export interface EndpointSourceNeeds {
  readonly streams: ProxyStreams;
  readonly endpoints: ProxyEndpoints;
  readonly targets: TargetTable;
  readonly logger: Logger;
}

export class EndpointSource {
  readonly path: string;
  readonly #needs: EndpointSourceNeeds;
  readonly #stream: OpenStream<EndpointSet>;
  readonly #onSettled: () => void;
  readonly #targetIds = new Set<number>();
  #settled = false;
  #present: EndpointsByAddress = new Map();

  /** `path`: `name:port`. `onSettled` is called with the first answer, unless it was there at once. */
  constructor(needs: EndpointSourceNeeds, path: string, onSettled: () => void) {
    this.path = path;
    this.#needs = needs;
    this.#onSettled = onSettled;
    this.#stream = needs.streams.endpoints(path, () => {
      this.#follow();
    });
    this.#take();
  }

  /** Something was answered: endpoints, none, or that there will be no answer. */
  get settled(): boolean {
    return this.#settled;
  }

  get present(): readonly EndpointDescription[] {
    return [...this.#present.values()];
  }

  /** Keeps the endpoints of a target; it has been made with the present ones. */
  feed(targetId: number): void {
    this.#targetIds.add(targetId);
  }

  /** Answers whether no target is left. */
  forget(targetId: number): boolean {
    this.#targetIds.delete(targetId);
    return this.#targetIds.size === 0;
  }

  close(): void {
    this.#stream.close();
  }

  #follow(): void {
    const before = this.#settled;
    this.#take();
    if (this.#settled && !before) this.#onSettled();
  }

  #take(): void {
    const { state } = this.#stream;
    if (state.kind === 'pending') return;
    this.#settled = true;
    if (state.kind === 'refused') {
      // Not a stream that is away, whose endpoints would stay: there is no such service (reference §12.3).
      const { code, message } = state;
      this.#needs.logger.warn({ service: this.path, code, error: message }, 'endpoints were refused');
    }
    const found = state.kind === 'known' ? this.#needs.endpoints.describeAll(state.value.values()) : [];
    const next = byAddress(found);
    const changes = changesBetween(this.#present, next);
    this.#present = next;
    if (isNothing(changes)) return;
    for (const targetId of this.#targetIds) this.#needs.targets.setEndpoints(targetId, found);
    this.#log(changes);
  }

  #log({ added, updated, removed }: EndpointChanges): void {
    const say = (message: string) => (endpoint: EndpointDescription) => {
      this.#needs.logger.info({ addr: formatHostPort(endpoint.address), service: this.path }, message);
    };
    added.forEach(say('Adding endpoint'));
    updated.forEach(say('Updating endpoint'));
    removed.forEach(say('Removing endpoint'));
  }
}

function isNothing({ added, updated, removed }: EndpointChanges): boolean {
  return added.length + updated.length + removed.length === 0;
}

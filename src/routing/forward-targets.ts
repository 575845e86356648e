// Targets of one address each, for connections that go where they were going. Shared by all
// destinations that use the same address in the same direction, and gone with the last.
import { formatHostPort, ipFamily, type HostPort } from '../core/ip.js';
import type { TargetTable } from './target-table.js';

/**
 * Own address of the proxy's dials to the application, where inbound connections over loopback are
 * steered to the proxy: the capture tells them apart by it. IPv6 has only one loopback address; there
 * the data plane records the port of each dial instead.
 */
const INBOUND_SOURCE_V4 = '127.0.0.6';

export interface ForwardLease {
  readonly targetId: number;
  /** The user wants it no more, and no destination of the user names the target. */
  release(): void;
}

export class ForwardTargets {
  readonly #targets: TargetTable;
  readonly #forwards = new Map<string, { readonly targetId: number; users: number }>();

  constructor(targets: TargetTable) {
    this.#targets = targets;
  }

  lease(direction: 'outbound' | 'inbound', address: HostPort): ForwardLease {
    const key = `${direction} ${formatHostPort(address)}`;
    let shared = this.#forwards.get(key);
    if (shared === undefined) {
      shared = { targetId: this.#create(direction, address), users: 0 };
      this.#forwards.set(key, shared);
    }
    const used = shared;
    used.users += 1;
    let released = false;
    return {
      targetId: used.targetId,
      release: () => {
        if (released) return;
        released = true;
        used.users -= 1;
        if (used.users > 0) return;
        this.#forwards.delete(key);
        this.#targets.remove(used.targetId);
      },
    };
  }

  #create(direction: 'outbound' | 'inbound', address: HostPort): number {
    const source = direction === 'inbound' && ipFamily(address.ip) === 4 ? INBOUND_SOURCE_V4 : undefined;
    return this.#targets.create({ authority: '', labels: {}, kind: 'forward', source }, [
      { address, weight: 1, labels: {} },
    ]);
  }
}

// The outbound side of a proxy: every original destination that somebody connects to is discovered, and
// forgotten when nobody has used it for a while.
import { formatHostPort, type HostPort } from '../core/ip.js';
import { OutboundDestination, type OutboundNeeds } from './proxy-outbound-destination.js';
import type { DestinationDescription } from './route-description.js';

export class ProxyOutbound {
  readonly #needs: OutboundNeeds;
  /** By the text of the address. */
  readonly #destinations = new Map<string, OutboundDestination>();
  readonly #byId = new Map<number, OutboundDestination>();

  constructor(needs: OutboundNeeds) {
    this.#needs = needs;
  }

  /** A connection to the address waits. */
  discover(address: HostPort): void {
    const key = formatHostPort(address);
    const known = this.#destinations.get(key);
    if (known !== undefined) {
      known.askedAgain();
      return;
    }
    const destination = new OutboundDestination(this.#needs, address, () => {
      this.#forget(destination);
    });
    this.#destinations.set(key, destination);
    this.#byId.set(destination.id, destination);
    destination.begin();
  }

  /** Nobody has used it for a while; ids of the other side are passed over. */
  idle(id: number): void {
    const destination = this.#byId.get(id);
    if (destination === undefined) return;
    this.#forget(destination);
    destination.remove();
  }

  /** The target that connections to the address usually end at. */
  targetAt(address: HostPort): number | undefined {
    return this.#destinations.get(formatHostPort(address))?.describe()?.targetId;
  }

  describe(): readonly DestinationDescription[] {
    return [...this.#destinations.values()].flatMap((destination) => destination.describe() ?? []);
  }

  /** Waits for nothing any more; what the data plane has stays. */
  stop(): void {
    for (const destination of this.#destinations.values()) destination.stop();
  }

  #forget(destination: OutboundDestination): void {
    this.#destinations.delete(formatHostPort(destination.address));
    this.#byId.delete(destination.id);
  }
}

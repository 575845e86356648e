// The inbound side of a proxy: each address of the workload that somebody connects to is a destination of
// its own, by the policy of its port, which all addresses share. Ports of the configuration are watched
// from the start; others from the first connection until nobody has used them for a while.
import { formatHostPort, type HostPort, type IpAddress } from '../core/ip.js';
import { containsPort } from '../core/ports.js';
import { Direction } from '../dataplane/gen/contract_pb.js';
import { toSocketAddress } from './border-values.js';
import {
  addressNotAllowed,
  InboundDestination,
  type InboundDestinationNeeds,
  type InboundRefusal,
  ownPort,
} from './proxy-inbound-destination.js';
import { InboundPort, type InboundPortNeeds } from './proxy-inbound-port.js';
import type { DestinationDescription } from './route-description.js';

export interface InboundNeeds extends InboundDestinationNeeds, InboundPortNeeds {
  /** Empty: any address may be the workload's. */
  readonly ownAddresses: ReadonlySet<IpAddress>;
}

interface Known {
  readonly destination: InboundDestination;
  /** Undefined: connections are refused whatever a policy says. */
  readonly port: InboundPort | undefined;
}

export class ProxyInbound {
  readonly #needs: InboundNeeds;
  readonly #ports = new Map<number, InboundPort>();
  /** By the text of the address. */
  readonly #known = new Map<string, Known>();
  readonly #byId = new Map<number, Known>();

  constructor(needs: InboundNeeds) {
    this.#needs = needs;
  }

  start(): void {
    const { ports, adminPort } = this.#needs.settings;
    for (const { first, last } of ports) for (let port = first; port <= last; port += 1) this.#port(port);
    if (adminPort !== undefined) this.#port(adminPort);
  }

  /** A connection to the address waits. */
  discover(address: HostPort): void {
    const { commander } = this.#needs;
    if (this.#publish(address) || commander.retrying) return;
    const known = this.#known.get(formatHostPort(address));
    if (known !== undefined) this.#remove(known);
    const fields = { direction: 'inbound', address: formatHostPort(address) };
    commander.attempt('failDiscovery', fields, (dataPlane) => {
      dataPlane.failDiscovery({
        direction: Direction.INBOUND,
        address: toSocketAddress(address),
        detail: 'the data plane refused the route',
      });
    });
  }

  /** Nobody has used it for a while; ids of the other side are passed over. */
  idle(id: number): void {
    const known = this.#byId.get(id);
    if (known !== undefined) this.#remove(known);
  }

  targetAt(address: HostPort): number | undefined {
    return this.#known.get(formatHostPort(address))?.destination.targetId;
  }

  describe(): readonly DestinationDescription[] {
    return [...this.#known.values()].flatMap(({ destination }) => destination.describe() ?? []);
  }

  /** Answers whether the data plane has the destination. */
  #publish(address: HostPort): boolean {
    const key = formatHostPort(address);
    const before = this.#known.get(key);
    // Asked for although it is known: the question was on its way, and is answered once more.
    if (before !== undefined) return before.destination.putAgain();
    const destination = new InboundDestination(this.#needs, address);
    const refusal = this.#refusalOf(address);
    const port = refusal === undefined ? this.#port(address.port) : undefined;
    const known = { destination, port };
    this.#known.set(key, known);
    this.#byId.set(destination.id, known);
    return port === undefined ? refusal !== undefined && destination.refuse(refusal) : port.add(destination);
  }

  #refusalOf(address: HostPort): InboundRefusal | undefined {
    const { ownAddresses, settings } = this.#needs;
    if (ownAddresses.size > 0 && !ownAddresses.has(address.ip)) return addressNotAllowed(address);
    return address.port === settings.ownPort() ? ownPort(address) : undefined;
  }

  #remove(known: Known): void {
    const { destination, port } = known;
    this.#known.delete(formatHostPort(destination.address));
    this.#byId.delete(destination.id);
    destination.remove();
    if (port?.drop(destination) !== true || port.permanent) return;
    this.#ports.delete(port.port);
    port.close();
  }

  #port(port: number): InboundPort {
    let found = this.#ports.get(port);
    if (found === undefined) {
      const { ports, adminPort } = this.#needs.settings;
      const permanent = port === adminPort || containsPort(ports, port);
      this.#ports.set(port, (found = new InboundPort(this.#needs, port, permanent)));
    }
    return found;
  }
}

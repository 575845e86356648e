// The destinations of the data plane: what each one should be, and what of it has been sent. A put
// that changes nothing is not sent; what was refused is sent again by `sync`.
import { IdSequence } from '../core/ids.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { Direction, type Reason } from '../dataplane/gen/contract_pb.js';
import { toProtocol, toSocketAddress, type ProtocolName } from './border-values.js';
import type { Commander } from './commander.js';
import type { DestinationDescription } from './route-description.js';

/** Where requests go. */
export interface Lead {
  /** The target; with a table the one that it is usual to end at. 0: none. */
  readonly targetId: number;
  /** The table whose routes decide, in place of the target. 0: none. */
  readonly routeTableId: number;
}

export interface AuthorityRoute extends Lead {
  readonly authority: string;
}

/** Of `targetId` 0: requests need an authority. */
export interface DestinationSpec extends Lead {
  readonly direction: 'outbound' | 'inbound';
  /** Undefined for explicit listeners. */
  readonly address: HostPort | undefined;
  readonly protocol: ProtocolName;
  readonly detectTimeoutMs: number;
  readonly authorities: readonly AuthorityRoute[];
  readonly discoverAuthorities: boolean;
  /** 0: never reported as idle. */
  readonly idleTimeoutMs: number;
  /** Connections are closed at once. */
  readonly refusal?: { readonly reason: Reason; readonly detail: string } | undefined;
}

/** Of something that the data plane has, but not as it should be. */
const OUTDATED = '';

export class DestinationTable {
  readonly #commander: Commander;
  readonly #ids = new IdSequence();
  /** Wanted. */
  readonly #wanted = new Map<number, DestinationSpec>();
  /** What the data plane has. */
  readonly #sent = new Map<number, string>();

  constructor(commander: Commander) {
    this.#commander = commander;
  }

  newId(): number {
    return this.#ids.next();
  }

  /** Whether the data plane has it now. */
  put(id: number, spec: DestinationSpec): boolean {
    this.#wanted.set(id, spec);
    return this.#send(id, spec);
  }

  /** Sends it although nothing has changed: the data plane asked for something it should have. */
  putAgain(id: number): boolean {
    // Whatever becomes of it, the data plane has the one before.
    if (this.#sent.has(id)) this.#sent.set(id, OUTDATED);
    const spec = this.#wanted.get(id);
    return spec !== undefined && this.#send(id, spec);
  }

  remove(id: number): void {
    this.#wanted.delete(id);
    if (!this.#sent.delete(id)) return;
    this.#commander.attempt('removeDestination', { destination: id }, (dataPlane) => {
      dataPlane.removeDestination(id);
    });
  }

  /** Sends whatever the data plane does not have yet. */
  sync(): void {
    for (const [id, spec] of this.#wanted) this.#send(id, spec);
  }

  spec(id: number): DestinationSpec | undefined {
    return this.#wanted.get(id);
  }

  /** Undefined for one that was never put, or was removed. */
  describe(id: number, kind: DestinationDescription['kind']): DestinationDescription | undefined {
    const spec = this.#wanted.get(id);
    if (spec === undefined) return undefined;
    const { address, protocol, targetId, routeTableId, authorities } = spec;
    return { id, kind, address, protocol, targetId, routeTableId, authorities };
  }

  #send(id: number, spec: DestinationSpec): boolean {
    const key = JSON.stringify(spec);
    if (this.#sent.get(id) === key) return true;
    const address = spec.address === undefined ? undefined : formatHostPort(spec.address);
    const applied = this.#commander.attempt('putDestination', { destination: id, address }, (dataPlane) => {
      dataPlane.putDestination({
        id,
        direction: toDirection(spec.direction),
        ...(spec.address === undefined ? {} : { address: toSocketAddress(spec.address) }),
        protocol: toProtocol(spec.protocol),
        detectTimeoutMs: spec.detectTimeoutMs,
        ...sentLead(spec),
        authorities: spec.authorities.map(({ authority, ...lead }) => ({ authority, ...sentLead(lead) })),
        discoverAuthorities: spec.discoverAuthorities,
        idleTimeoutMs: spec.idleTimeoutMs,
        ...(spec.refusal === undefined
          ? {}
          : { refusal: spec.refusal.reason, refusalDetail: spec.refusal.detail }),
      });
    });
    if (applied) this.#sent.set(id, key);
    return applied;
  }
}

/** The data plane is told of one of the two. */
function sentLead({ targetId, routeTableId }: Lead): Lead {
  return { targetId: routeTableId === 0 ? targetId : 0, routeTableId };
}

export function toDirection(direction: DestinationSpec['direction']): Direction {
  return direction === 'outbound' ? Direction.OUTBOUND : Direction.INBOUND;
}

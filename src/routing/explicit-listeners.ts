// The listeners that the configuration asks for: one per forward, and the HTTP proxy. (Those of the
// capture belong to app.ts.) At the start a listener that cannot be opened is an error; later, after an
// edit, it is logged and tried again.
import type { HostPort } from '../core/ip.js';
import { formatHostPort } from '../core/ip.js';
import type { IdSequence } from '../core/ids.js';
import type { DataPlane } from '../dataplane/dataplane.js';
import { Direction, OriginalDestinationSource } from '../dataplane/gen/contract_pb.js';
import { fromSocketAddress, toSocketAddress } from './border-values.js';
import type { Commander } from './commander.js';
import type { ListenerDescription } from './route-description.js';

/** The first listener that could not be opened; `cause` is the refusal of the data plane. */
export class ListenFailedError extends Error {
  override readonly name = 'ListenFailedError';
  readonly address: HostPort;

  constructor(address: HostPort, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`cannot listen on ${formatHostPort(address)}: ${reason}`, { cause });
    this.address = address;
  }
}

export interface ListenerSpec {
  readonly kind: 'forward' | 'http-proxy';
  readonly listen: HostPort;
  readonly destinationId: number;
  /** For people: `web:80`. */
  readonly to: string | undefined;
}

interface ListenerRecord {
  readonly id: number;
  spec: ListenerSpec;
  /** Undefined: not open. */
  bound: HostPort | undefined;
}

export class ExplicitListeners {
  readonly #dataPlane: DataPlane;
  readonly #commander: Commander;
  readonly #ids: IdSequence;
  readonly #listeners = new Map<string, ListenerRecord>();

  constructor(dataPlane: DataPlane, commander: Commander, ids: IdSequence) {
    this.#dataPlane = dataPlane;
    this.#commander = commander;
    this.#ids = ids;
  }

  /** Opens it at once or throws ListenFailedError. */
  openOrThrow(key: string, spec: ListenerSpec): void {
    const record = this.#add(key, spec);
    try {
      record.bound = fromSocketAddress(this.#dataPlane.listen(listenMessage(record)));
    } catch (error) {
      this.#listeners.delete(key);
      throw new ListenFailedError(spec.listen, error);
    }
  }

  /** Opens it now or, when refused, later. */
  open(key: string, spec: ListenerSpec): void {
    this.#open(this.#add(key, spec));
  }

  has(key: string): boolean {
    return this.#listeners.has(key);
  }

  /** What it forwards to has changed; for descriptions. */
  describeAs(key: string, to: string | undefined): void {
    const record = this.#listeners.get(key);
    if (record !== undefined) record.spec = { ...record.spec, to };
  }

  /** Accepted connections live on. */
  close(key: string): void {
    const record = this.#listeners.get(key);
    this.#listeners.delete(key);
    if (record?.bound === undefined) return;
    this.#commander.attempt('closeListener', { listener: record.id }, (dataPlane) => {
      dataPlane.closeListener(record.id);
    });
  }

  closeAll(): void {
    for (const key of [...this.#listeners.keys()]) this.close(key);
  }

  keys(): readonly string[] {
    return [...this.#listeners.keys()];
  }

  /** Tries again what was refused. */
  sync(): void {
    for (const record of this.#listeners.values()) this.#open(record);
  }

  describe(): readonly ListenerDescription[] {
    return [...this.#listeners.values()].map(({ id, spec, bound }) => ({
      id,
      kind: spec.kind,
      listen: spec.listen,
      bound,
      to: spec.to,
    }));
  }

  #add(key: string, spec: ListenerSpec): ListenerRecord {
    const record: ListenerRecord = { id: this.#ids.next(), spec, bound: undefined };
    this.#listeners.set(key, record);
    return record;
  }

  #open(record: ListenerRecord): void {
    if (record.bound !== undefined) return;
    const fields = { listener: record.id, address: formatHostPort(record.spec.listen) };
    this.#commander.attempt('listen', fields, (dataPlane) => {
      record.bound = fromSocketAddress(dataPlane.listen(listenMessage(record)));
    });
  }
}

function listenMessage({ id, spec }: ListenerRecord): Parameters<DataPlane['listen']>[0] {
  return {
    id,
    direction: Direction.OUTBOUND,
    address: toSocketAddress(spec.listen),
    source:
      spec.kind === 'forward'
        ? OriginalDestinationSource.SOURCE_FIXED
        : OriginalDestinationSource.SOURCE_HTTP_PROXY,
    destinationId: spec.destinationId,
  };
}

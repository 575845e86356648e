// The targets of the data plane: what each one should be, and what of it has been sent. Every change
// goes out at once as the smallest command that makes it so; what was refused is sent again by
// `sync`. Ids are never reused, and what they meant is remembered for a while after removal.
import { IdSequence } from '../core/ids.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { toSocketAddress } from './border-values.js';
import type { Commander } from './commander.js';
import { byAddress, contentOf, type EndpointsByAddress } from './endpoint-changes.js';
import type { EndpointDescription, TargetDescription } from './route-description.js';
import type { Labels, TargetDirectory, TargetInfo } from './target-directory.js';
import { endpointMessage, targetMessage } from './target-messages.js';
import type { ReachSettings, TargetSpec } from './target-spec.js';

/** Removed targets whose meaning is remembered: more than there are series of metrics about them. */
const REMEMBERED_TARGETS = 4096;
/** Addresses of one target whose labels are remembered, present ones and removed ones together. */
const REMEMBERED_ENDPOINTS = 4096;
/** Endpoints of one target that went, and for how long that is news. */
const REMEMBERED_REMOVALS = 16;
const REMOVAL_IS_NEWS_MS = 5 * 60_000;

interface SentEndpoint {
  readonly endpoint: EndpointDescription;
  readonly content: string;
}

interface TargetRecord {
  readonly id: number;
  spec: TargetSpec;
  specKey: string;
  /** Wanted. */
  endpoints: EndpointsByAddress;
  /** What the data plane has: undefined when it does not know the target. */
  sentSettings: { readonly spec: string; readonly reach: string } | undefined;
  readonly sentEndpoints: Map<string, SentEndpoint>;
  readonly rememberedLabels: Map<string, Labels>;
  /** When an address went, by its text, oldest first. */
  readonly removals: Map<string, { readonly address: HostPort; readonly atMs: number }>;
}

export class TargetTable implements TargetDirectory {
  readonly #commander: Commander;
  readonly #ids = new IdSequence();
  readonly #targets = new Map<number, TargetRecord>();
  readonly #removed = new Map<number, TargetRecord>();
  readonly #now: () => number;
  #reach: ReachSettings;
  #reachKey: string;

  /** `reach`: for targets that say nothing of their own. `now` is a monotonic time in milliseconds. */
  constructor(commander: Commander, reach: ReachSettings, now: () => number) {
    this.#commander = commander;
    this.#now = now;
    this.#reach = reach;
    this.#reachKey = JSON.stringify(reach);
  }

  create(spec: TargetSpec, endpoints: readonly EndpointDescription[]): number {
    const record: TargetRecord = {
      id: this.#ids.next(),
      spec,
      specKey: JSON.stringify(spec),
      endpoints: new Map(),
      sentSettings: undefined,
      sentEndpoints: new Map(),
      rememberedLabels: new Map(),
      removals: new Map(),
    };
    this.#targets.set(record.id, record);
    setEndpoints(record, endpoints);
    this.#send(record);
    return record.id;
  }

  /** New authority, labels or settings; endpoints and connections stay. */
  update(id: number, spec: TargetSpec): void {
    const record = this.#record(id);
    record.spec = spec;
    record.specKey = JSON.stringify(spec);
    this.#send(record);
  }

  /** From the moment this returns no other endpoint is dialled. */
  setEndpoints(id: number, endpoints: readonly EndpointDescription[]): void {
    const record = this.#record(id);
    setEndpoints(record, endpoints);
    this.#send(record);
  }

  /** Destinations must no longer name it. */
  remove(id: number): void {
    const record = this.#record(id);
    this.#targets.delete(id);
    this.#removed.set(id, record);
    for (const [key, { endpoint }] of record.sentEndpoints) {
      noteRemoval(record, key, endpoint.address, this.#now());
    }
    for (const oldest of this.#removed.keys()) {
      if (this.#removed.size <= REMEMBERED_TARGETS) break;
      this.#removed.delete(oldest);
    }
    if (record.sentSettings === undefined) return;
    this.#commander.attempt('removeTarget', { target: id }, (dataPlane) => {
      dataPlane.removeTarget(id);
    });
  }

  /** For all targets that say nothing of their own. */
  configure(reach: ReachSettings): void {
    this.#reach = reach;
    this.#reachKey = JSON.stringify(reach);
    this.sync();
  }

  /** Sends whatever the data plane does not have yet. */
  sync(): void {
    for (const record of this.#targets.values()) this.#send(record);
  }

  targetInfo(id: number): TargetInfo | undefined {
    const record = this.#targets.get(id) ?? this.#removed.get(id);
    if (record === undefined) return undefined;
    const { authority, labels } = record.spec;
    return {
      id,
      authority,
      labels,
      endpointLabels: (address) => ({ ...labels, ...record.rememberedLabels.get(formatHostPort(address)) }),
      removedEndpoints: () =>
        [...record.removals.values()]
          .map(({ address, atMs }) => ({ address, agoMs: this.#now() - atMs }))
          .filter(({ agoMs }) => agoMs <= REMOVAL_IS_NEWS_MS),
    };
  }

  describe(): readonly TargetDescription[] {
    return [...this.#targets.values()].map(({ id, spec, endpoints }) => ({
      id,
      authority: spec.authority,
      kind: spec.kind,
      labels: spec.labels,
      endpoints: [...endpoints.values()],
    }));
  }

  #record(id: number): TargetRecord {
    const record = this.#targets.get(id);
    if (record === undefined) throw new RangeError(`there is no target ${String(id)}`);
    return record;
  }

  #send(record: TargetRecord): void {
    if (this.#sendSettings(record)) this.#sendEndpoints(record);
  }

  #sendSettings(record: TargetRecord): boolean {
    const reach = record.spec.reach === undefined ? this.#reachKey : '';
    if (record.sentSettings?.spec === record.specKey && record.sentSettings.reach === reach) return true;
    const message = targetMessage(record.id, record.spec, this.#reach);
    const fields = { target: record.id, authority: record.spec.authority };
    const applied = this.#commander.attempt('putTarget', fields, (dataPlane) => {
      dataPlane.putTarget(message);
    });
    if (applied) record.sentSettings = { spec: record.specKey, reach };
    return applied;
  }

  #sendEndpoints(record: TargetRecord): void {
    const { sentEndpoints } = record;
    const add = [...record.endpoints].filter(([key, endpoint]) => !isSame(sentEndpoints.get(key), endpoint));
    const remove = [...sentEndpoints].filter(([key]) => !record.endpoints.has(key));
    if (add.length === 0 && remove.length === 0) return;
    const fields = { target: record.id, added: add.length, removed: remove.length };
    const applied = this.#commander.attempt('updateEndpoints', fields, (dataPlane) => {
      dataPlane.updateEndpoints({
        targetId: record.id,
        reset: false,
        add: add.map(([, endpoint]) => endpointMessage(endpoint)),
        remove: remove.map(([, { endpoint }]) => toSocketAddress(endpoint.address)),
      });
    });
    if (!applied) return;
    for (const [key, { endpoint }] of remove) {
      sentEndpoints.delete(key);
      noteRemoval(record, key, endpoint.address, this.#now());
    }
    for (const [key, endpoint] of add) {
      record.removals.delete(key);
      sentEndpoints.set(key, { endpoint, content: contentOf(endpoint) });
    }
  }
}

function setEndpoints(record: TargetRecord, endpoints: readonly EndpointDescription[]): void {
  record.endpoints = byAddress(endpoints);
  const remembered = record.rememberedLabels;
  for (const [key, { labels }] of record.endpoints) {
    // Again at the end, so that the oldest are forgotten first.
    remembered.delete(key);
    if (Object.keys(labels).length > 0) remembered.set(key, labels);
  }
  for (const oldest of remembered.keys()) {
    if (remembered.size <= REMEMBERED_ENDPOINTS) break;
    remembered.delete(oldest);
  }
}

function noteRemoval({ removals }: TargetRecord, key: string, address: HostPort, atMs: number): void {
  removals.delete(key);
  removals.set(key, { address, atMs });
  for (const oldest of removals.keys()) {
    if (removals.size <= REMEMBERED_REMOVALS) break;
    removals.delete(oldest);
  }
}

/** The same object has the same content: sets of thousands of endpoints change one at a time. */
function isSame(sent: SentEndpoint | undefined, endpoint: EndpointDescription): boolean {
  return sent !== undefined && (sent.endpoint === endpoint || sent.content === contentOf(endpoint));
}

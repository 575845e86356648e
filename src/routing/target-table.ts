// The targets of the data plane: what each one should be, and what of it has been sent. Every change
// goes out at once as the smallest command that makes it so; what was refused is sent again by
// `sync`. Ids are never reused, and what they meant is remembered for a while after removal.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { MeshConfig } from '../config/mesh-config.js';
import { IdSequence } from '../core/ids.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import { type PutTargetSchema, TargetKind } from '../dataplane/gen/contract_pb.js';
import { toSocketAddress } from './border-values.js';
import type { Commander } from './commander.js';
import type { EndpointDescription, TargetDescription } from './route-description.js';
import { type EndpointSettings, endpointSettings } from './target-endpoint-settings.js';
import type { Labels, TargetDirectory, TargetInfo } from './target-directory.js';

/** Removed targets whose meaning is remembered: more than there are series of metrics about them. */
const REMEMBERED_TARGETS = 4096;
/** Addresses of one target whose labels are remembered, present ones and removed ones together. */
const REMEMBERED_ENDPOINTS = 4096;
/** Endpoints of one target that went, and for how long that is news. */
const REMEMBERED_REMOVALS = 16;
const REMOVAL_IS_NEWS_MS = 5 * 60_000;

export interface TargetSpec extends EndpointSettings {
  readonly authority: string;
  readonly labels: Labels;
  /** `forward`: one endpoint, dialled as needed. `balance`: see the contract. */
  readonly kind: 'forward' | 'balance';
  /** Own address of connections to the endpoints; undefined: the kernel chooses. */
  readonly source?: string | undefined;
}

export type TargetSettings = Pick<MeshConfig, 'timeouts' | 'balancer'>;

interface TargetRecord {
  readonly id: number;
  spec: TargetSpec;
  /** Wanted, by the text of the address. */
  endpoints: ReadonlyMap<string, EndpointDescription>;
  /** What the data plane has: undefined when it does not know the target. */
  sentSettings: string | undefined;
  readonly sentEndpoints: Map<string, { readonly address: HostPort; readonly content: string }>;
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
  #settings: TargetSettings;
  #settingsKey: string;

  /** `now` is a monotonic time in milliseconds. */
  constructor(commander: Commander, settings: TargetSettings, now: () => number) {
    this.#commander = commander;
    this.#now = now;
    this.#settings = settings;
    this.#settingsKey = keyOf(settings);
  }

  create(spec: TargetSpec, endpoints: readonly EndpointDescription[]): number {
    const record: TargetRecord = {
      id: this.#ids.next(),
      spec,
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

  /** New authority or labels; endpoints and connections stay. */
  update(id: number, spec: TargetSpec): void {
    const record = this.#record(id);
    record.spec = spec;
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
    for (const [key, { address }] of record.sentEndpoints) noteRemoval(record, key, address, this.#now());
    for (const oldest of this.#removed.keys()) {
      if (this.#removed.size <= REMEMBERED_TARGETS) break;
      this.#removed.delete(oldest);
    }
    if (record.sentSettings === undefined) return;
    this.#commander.attempt('removeTarget', { target: id }, (dataPlane) => {
      dataPlane.removeTarget(id);
    });
  }

  /** Time-outs and figures of balancing, for all targets. */
  configure(settings: TargetSettings): void {
    this.#settings = settings;
    this.#settingsKey = keyOf(settings);
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
    const key = JSON.stringify(record.spec) + this.#settingsKey;
    if (record.sentSettings === key) return true;
    const message = putTarget(record, this.#settings);
    const fields = { target: record.id, authority: record.spec.authority };
    const applied = this.#commander.attempt('putTarget', fields, (dataPlane) => {
      dataPlane.putTarget(message);
    });
    if (applied) record.sentSettings = key;
    return applied;
  }

  #sendEndpoints(record: TargetRecord): void {
    const add = [...record.endpoints].filter(([key, endpoint]) => {
      return record.sentEndpoints.get(key)?.content !== contentOf(endpoint);
    });
    const remove = [...record.sentEndpoints].filter(([key]) => !record.endpoints.has(key));
    if (add.length === 0 && remove.length === 0) return;
    const fields = { target: record.id, added: add.length, removed: remove.length };
    const applied = this.#commander.attempt('updateEndpoints', fields, (dataPlane) => {
      dataPlane.updateEndpoints({
        targetId: record.id,
        reset: false,
        add: add.map(([, { address, weight, labels }]) => ({
          address: toSocketAddress(address),
          weight,
          labels: { ...labels },
        })),
        remove: remove.map(([, { address }]) => toSocketAddress(address)),
      });
    });
    if (!applied) return;
    for (const [key, { address }] of remove) {
      record.sentEndpoints.delete(key);
      noteRemoval(record, key, address, this.#now());
    }
    for (const [key, endpoint] of add) {
      record.removals.delete(key);
      record.sentEndpoints.set(key, { address: endpoint.address, content: contentOf(endpoint) });
    }
  }
}

function setEndpoints(record: TargetRecord, endpoints: readonly EndpointDescription[]): void {
  record.endpoints = new Map(endpoints.map((endpoint) => [formatHostPort(endpoint.address), endpoint]));
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

function keyOf({ timeouts, balancer }: TargetSettings): string {
  return JSON.stringify([timeouts, balancer]);
}

function contentOf(endpoint: EndpointDescription): string {
  return JSON.stringify([endpoint.weight, endpoint.labels]);
}

function putTarget(
  { id, spec }: TargetRecord,
  { timeouts, balancer }: TargetSettings,
): MessageInitShape<typeof PutTargetSchema> {
  return {
    id,
    authority: spec.authority,
    labels: { ...spec.labels },
    kind: spec.kind === 'forward' ? TargetKind.FORWARD : TargetKind.BALANCE,
    ...endpointSettings(spec),
    connectTimeoutMs: timeouts.connectMs,
    failFastTimeoutMs: timeouts.failFastMs,
    queueCapacity: balancer.queueCapacity,
    poolIdleTimeoutMs: timeouts.poolIdleMs,
    poolMaxIdle: balancer.poolMaxIdle,
    ewmaDefaultRttMs: balancer.defaultRttMs,
    ewmaDecayMs: balancer.decayMs,
    backoffMinMs: balancer.backoffMinMs,
    backoffMaxMs: balancer.backoffMaxMs,
    backoffJitter: balancer.backoffJitter,
    responseTimeoutMs: timeouts.responseMs,
    ...(spec.source === undefined ? {} : { source: toSocketAddress({ ip: spec.source, port: 0 }) }),
  };
}

// Where connections to one address of the workload go: to the application that listens there, by the
// policy of the port (reference §3.1, §3.8); or nowhere, with the reason.
import type { HostPort } from '../core/ip.js';
import { Reason } from '../dataplane/gen/contract_pb.js';
import type { ServerPolicy } from '../policy/server-policy.js';
import type { ProtocolName } from './border-values.js';
import type { Commander } from './commander.js';
import type { DestinationSpec, DestinationTable } from './destination-table.js';
import type { PolicyIds } from './policy-ids.js';
import { serverRouteTable } from './policy-server-table.js';
import { type InboundSettings, inboundReach, positiveMs } from './proxy-settings.js';
import type { DestinationDescription } from './route-description.js';
import type { RouteTables } from './route-tables.js';
import type { TargetTable } from './target-table.js';

export interface InboundDestinationNeeds {
  readonly settings: InboundSettings;
  readonly commander: Commander;
  readonly destinations: DestinationTable;
  readonly targets: TargetTable;
  readonly routeTables: RouteTables;
  readonly ids: PolicyIds;
}

export type InboundRefusal = Exclude<DestinationSpec['refusal'], undefined>;

/** The workload has no such address (reference §7.5). */
export function addressNotAllowed({ ip }: HostPort): InboundRefusal {
  return {
    reason: Reason.ADDRESS_NOT_ALLOWED,
    detail: `inbound connections are not allowed on this IP address (${ip})`,
  };
}

/** It is the proxy itself. Only connections of the mesh's TLS go on from there. */
export function ownPort({ port }: HostPort): InboundRefusal {
  return {
    reason: Reason.LOOP_REFUSED,
    detail: `inbound connection must not target port ${String(port)}`,
  };
}

/** A policy leads through a table; without TLS of the mesh there is nothing to see in a port of kind `tls`. */
const PROTOCOLS: Readonly<Record<ServerPolicy['protocol']['kind'], ProtocolName>> = {
  detect: 'detect',
  http1: 'http1',
  http2: 'http2',
  grpc: 'http2',
  opaque: 'opaque',
  tls: 'opaque',
};

export class InboundDestination {
  readonly id: number;
  readonly address: HostPort;
  readonly #needs: InboundDestinationNeeds;
  #targetId = 0;
  #routeTableId = 0;

  constructor(needs: InboundDestinationNeeds, address: HostPort) {
    this.id = needs.destinations.newId();
    this.address = address;
    this.#needs = needs;
  }

  get targetId(): number {
    return this.#targetId;
  }

  /** Answers whether the data plane has it. */
  serve(policy: ServerPolicy): boolean {
    const { routeTables, ids } = this.#needs;
    if (this.#targetId === 0) this.#targetId = this.#makeTarget();
    const table = serverRouteTable(policy, this.address.port, this.#targetId, ids);
    if (this.#routeTableId === 0) this.#routeTableId = routeTables.create(table);
    else routeTables.update(this.#routeTableId, table);
    const { protocol } = policy;
    const timeoutMs = protocol.kind === 'detect' ? protocol.timeoutMs : this.#needs.settings.detectTimeoutMs;
    return this.#put({ protocol: PROTOCOLS[protocol.kind], detectTimeoutMs: positiveMs(timeoutMs) });
  }

  /** Answers whether the data plane has it. */
  refuse(refusal: InboundRefusal): boolean {
    const detectTimeoutMs = positiveMs(this.#needs.settings.detectTimeoutMs);
    return this.#put({ protocol: 'detect', detectTimeoutMs, refusal });
  }

  putAgain(): boolean {
    return this.#needs.destinations.putAgain(this.id);
  }

  /** Takes it out of the data plane, and gives back what it used. */
  remove(): void {
    const { destinations, routeTables, targets } = this.#needs;
    destinations.remove(this.id);
    if (this.#routeTableId !== 0) routeTables.remove(this.#routeTableId);
    if (this.#targetId !== 0) targets.remove(this.#targetId);
  }

  describe(): DestinationDescription | undefined {
    return this.#needs.destinations.describe(this.id, 'inbound');
  }

  #makeTarget(): number {
    const { settings, targets } = this.#needs;
    const spec = {
      authority: '',
      labels: {},
      kind: 'forward',
      source: settings.source,
      reach: inboundReach(settings),
    } as const;
    return targets.create(spec, [{ address: this.address, weight: 1, labels: {} }]);
  }

  #put(decided: Pick<DestinationSpec, 'protocol' | 'detectTimeoutMs' | 'refusal'>): boolean {
    return this.#needs.destinations.put(this.id, {
      direction: 'inbound',
      address: this.address,
      ...decided,
      targetId: this.#targetId,
      routeTableId: this.#routeTableId,
      authorities: [],
      discoverAuthorities: false,
      idleTimeoutMs: positiveMs(this.#needs.settings.discoveryIdleMs),
    });
  }
}

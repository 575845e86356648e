// A data plane without sockets: keeps a model of what it was told, refuses what the real one refuses
// (and what only a confused caller would send), lets tests send events. Every command is also recorded.
import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { formatHostPort, formatIp } from '../../src/core/ip.js';
import { CommandRefusedError, type DataPlane } from '../../src/dataplane/dataplane.js';
import {
  type AttachCapture,
  AttachCaptureSchema,
  type CaptureStatus,
  CaptureStatusSchema,
  Direction,
  type Endpoint,
  type EventBatch,
  EventBatchSchema,
  type EventSchema,
  type FailDiscovery,
  FailDiscoverySchema,
  type Inspection,
  InspectionSchema,
  type Listen,
  ListenSchema,
  LogLevel,
  OriginalDestinationSource,
  type PutDestination,
  PutDestinationSchema,
  type PutRouteTable,
  PutRouteTableSchema,
  type PutTarget,
  PutTargetSchema,
  type SocketAddress,
  SocketAddressSchema,
  UpdateEndpointsSchema,
} from '../../src/dataplane/gen/contract_pb.js';

export interface ModelEndpoint {
  readonly weight: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly takesOrigProto?: true;
  readonly authorityOverride?: string;
  readonly http2Keepalive?: Endpoint['http2Keepalive'];
}

export interface ModelTarget {
  readonly settings: PutTarget;
  /** By `address:port`. */
  readonly endpoints: ReadonlyMap<string, ModelEndpoint>;
}

export interface ModelListener {
  readonly listen: Listen;
  readonly bound: SocketAddress;
}

/** The commands by the names of the façade's methods, with what they were given. */
export interface RecordedCommand {
  readonly name: keyof DataPlane;
  readonly value: unknown;
}

const FIRST_EPHEMERAL_PORT = 40_000;

export class FakeDataPlane implements DataPlane {
  readonly commands: RecordedCommand[] = [];
  readonly failures: FailDiscovery[] = [];
  readonly listeners = new Map<number, ModelListener>();
  readonly destinations = new Map<number, PutDestination>();
  readonly routeTables = new Map<number, PutRouteTable>();
  /** Answered by `scrape` and `inspect`. */
  counters: BigUint64Array[] = [];
  inspection: Inspection = create(InspectionSchema);
  /** Answered by `attachCapture`. */
  hooks: readonly string[] = [];
  capture: AttachCapture | undefined;
  logLevel: LogLevel = LogLevel.LOG_INFO;
  drainGraceMs: number | undefined;
  closed = false;
  readonly #targets = new Map<number, { settings: PutTarget; endpoints: Map<string, ModelEndpoint> }>();
  readonly #usedIds = new Set<string>();
  readonly #listening = new Set<(batch: EventBatch) => void>();
  readonly #refusals: { readonly name: keyof DataPlane; readonly error: CommandRefusedError }[] = [];
  #nextPort = FIRST_EPHEMERAL_PORT;

  // ------------------------------------------------------------------------------ for tests

  get targets(): ReadonlyMap<number, ModelTarget> {
    return this.#targets;
  }

  /** The next command of this name is refused, once. Several are refused in order. */
  refuseNext(name: keyof DataPlane, error = new CommandRefusedError('', 'no buffer space', 105)): void {
    this.#refusals.push({ name, error });
  }

  emit(...kinds: MessageInitShape<typeof EventSchema>['kind'][]): void {
    const events = kinds.flatMap((kind) => (kind === undefined ? [] : [{ kind }]));
    const batch = create(EventBatchSchema, { events });
    for (const listener of [...this.#listening]) listener(batch);
  }

  destinationAt(direction: Direction, address: string): PutDestination | undefined {
    return [...this.destinations.values()].find((item) => {
      return item.direction === direction && item.address !== undefined && textOf(item.address) === address;
    });
  }

  /** Addresses of a target in order, or undefined when there is no such target. */
  addressesOf(targetId: number | undefined): readonly string[] | undefined {
    const target = targetId === undefined ? undefined : this.#targets.get(targetId);
    return target === undefined ? undefined : [...target.endpoints.keys()].toSorted();
  }

  names(): readonly (keyof DataPlane)[] {
    return this.commands.map(({ name }) => name);
  }

  get subscribers(): number {
    return this.#listening.size;
  }

  // ------------------------------------------------------------------------------ DataPlane

  listen(init: MessageInitShape<typeof ListenSchema>): SocketAddress {
    const listen = create(ListenSchema, init);
    this.#accept('listen', listen);
    this.#useId('listener', listen.id, 'listen.id');
    const address = this.#checkAddress(listen.address, 'listen.address', 0);
    const fixed =
      listen.source === OriginalDestinationSource.SOURCE_FIXED ||
      listen.source === OriginalDestinationSource.SOURCE_HTTP_PROXY;
    if (fixed && !this.destinations.has(listen.destinationId)) {
      throw refusal('listen.destination_id', 'names no destination');
    }
    const bound = create(SocketAddressSchema, {
      ip: address.ip,
      port: address.port === 0 ? this.#nextPort++ : address.port,
    });
    for (const other of this.listeners.values()) {
      if (textOf(other.bound) === textOf(bound)) throw new CommandRefusedError('', 'address in use', 98);
    }
    this.listeners.set(listen.id, { listen, bound });
    return bound;
  }

  closeListener(id: number): void {
    this.#accept('closeListener', id);
    if (!this.listeners.delete(id)) throw refusal('close_listener.id', 'names no listener');
  }

  resumeListener(id: number): void {
    this.#accept('resumeListener', id);
    const known = this.listeners.get(id);
    if (known === undefined) throw refusal('resume_listener.id', 'names no listener');
    known.listen.paused = false;
  }

  putTarget(init: MessageInitShape<typeof PutTargetSchema>): void {
    const settings = create(PutTargetSchema, init);
    this.#accept('putTarget', settings);
    const known = this.#targets.get(settings.id);
    if (known !== undefined) {
      known.settings = settings;
      return;
    }
    this.#useId('target', settings.id, 'put_target.id');
    this.#targets.set(settings.id, { settings, endpoints: new Map() });
  }

  updateEndpoints(init: MessageInitShape<typeof UpdateEndpointsSchema>): void {
    const update = create(UpdateEndpointsSchema, init);
    this.#accept('updateEndpoints', update);
    const target = this.#targets.get(update.targetId);
    if (target === undefined) throw refusal('update_endpoints.target_id', 'names no target');
    const added = update.add.map((endpoint, index) => {
      const field = `update_endpoints.add[${String(index)}]`;
      const checked = this.#checkAddress(endpoint.address, `${field}.address`);
      const { weight, labels } = endpoint;
      if (weight > 10_000) throw refusal(`${field}.weight`, 'is above 10000');
      return [textOf(checked), { weight, labels: { ...labels }, ...checkTraits(endpoint, field) }] as const;
    });
    const removed = update.remove.map((address, index) => {
      const key = textOf(this.#checkAddress(address, `update_endpoints.remove[${String(index)}]`));
      if (!target.endpoints.has(key))
        throw refusal(`update_endpoints.remove[${String(index)}]`, 'is not there');
      return key;
    });
    if (update.reset) target.endpoints.clear();
    for (const key of removed) target.endpoints.delete(key);
    for (const [key, endpoint] of added) target.endpoints.set(key, endpoint);
  }

  removeTarget(id: number): void {
    this.#accept('removeTarget', id);
    for (const destination of this.destinations.values()) {
      if (targetsOf(destination).includes(id)) throw refusal('remove_target.id', 'is named by a destination');
    }
    for (const table of this.routeTables.values()) {
      if (targetsOfTable(table).includes(id)) throw refusal('remove_target.id', 'is named by a route table');
    }
    if (!this.#targets.delete(id)) throw refusal('remove_target.id', 'names no target');
  }

  putRouteTable(init: MessageInitShape<typeof PutRouteTableSchema>): void {
    const table = create(PutRouteTableSchema, init);
    this.#accept('putRouteTable', table);
    checkRouteTable(table);
    for (const id of targetsOfTable(table)) {
      if (!this.#targets.has(id)) throw refusal('put_route_table.rules', 'names no target');
    }
    if (!this.routeTables.has(table.id)) this.#useId('route table', table.id, 'put_route_table.id');
    this.routeTables.set(table.id, table);
  }

  removeRouteTable(id: number): void {
    this.#accept('removeRouteTable', id);
    for (const destination of this.destinations.values()) {
      if (tablesOf(destination).includes(id)) {
        throw refusal('remove_route_table.id', 'is named by a destination');
      }
    }
    if (!this.routeTables.delete(id)) throw refusal('remove_route_table.id', 'names no route table');
  }

  putDestination(init: MessageInitShape<typeof PutDestinationSchema>): void {
    const destination = create(PutDestinationSchema, init);
    this.#accept('putDestination', destination);
    if (destination.direction === Direction.DIRECTION_UNSPECIFIED) {
      throw refusal('put_destination.direction', 'is missing');
    }
    if (destination.address !== undefined) {
      const key = textOf(this.#checkAddress(destination.address, 'put_destination.address'));
      const other = this.destinationAt(destination.direction, key);
      if (other !== undefined && other.id !== destination.id) {
        throw refusal('put_destination.address', 'is another destination');
      }
    }
    for (const id of targetsOf(destination)) {
      if (!this.#targets.has(id)) throw refusal('put_destination.target_id', 'names no target');
    }
    for (const id of tablesOf(destination)) {
      if (!this.routeTables.has(id)) throw refusal('put_destination.route_table_id', 'names no route table');
    }
    for (const { targetId, routeTableId } of [destination, ...destination.authorities]) {
      if (targetId !== 0 && routeTableId !== 0) {
        throw refusal('put_destination.route_table_id', 'stands beside a target');
      }
    }
    for (const { authority } of destination.authorities) {
      checkAuthority(authority, 'put_destination.authorities');
    }
    const authorities = new Set(destination.authorities.map(({ authority }) => authority));
    if (authorities.size < destination.authorities.length) {
      throw refusal('put_destination.authorities', 'has one twice');
    }
    if (!this.destinations.has(destination.id))
      this.#useId('destination', destination.id, 'put_destination.id');
    this.destinations.set(destination.id, destination);
  }

  removeDestination(id: number): void {
    this.#accept('removeDestination', id);
    if (!this.destinations.delete(id)) throw refusal('remove_destination.id', 'names no destination');
  }

  failDiscovery(init: MessageInitShape<typeof FailDiscoverySchema>): void {
    const failure = create(FailDiscoverySchema, init);
    this.#accept('failDiscovery', failure);
    this.failures.push(failure);
  }

  setLogLevel(level: LogLevel): void {
    this.#accept('setLogLevel', level);
    this.logLevel = level;
  }

  drain(graceMs: number): void {
    this.#accept('drain', graceMs);
    this.drainGraceMs = graceMs;
  }

  inspect(): Inspection {
    this.#accept('inspect', undefined);
    return this.inspection;
  }

  attachCapture(init: MessageInitShape<typeof AttachCaptureSchema>): CaptureStatus {
    const capture = create(AttachCaptureSchema, init);
    this.#accept('attachCapture', capture);
    this.capture = capture;
    return create(CaptureStatusSchema, { hooks: [...this.hooks] });
  }

  detachCapture(): void {
    this.#accept('detachCapture', undefined);
    this.capture = undefined;
  }

  scrape(): BigUint64Array[] {
    return this.counters;
  }

  subscribe(listener: (batch: EventBatch) => void): () => void {
    this.#listening.add(listener);
    return () => this.#listening.delete(listener);
  }

  close(): void {
    this.closed = true;
    this.#listening.clear();
  }

  // ------------------------------------------------------------------------------ inside

  #accept(name: keyof DataPlane, value: unknown): void {
    if (this.closed) throw new Error('the data plane is closed');
    this.commands.push({ name, value });
    const index = this.#refusals.findIndex((item) => item.name === name);
    const [refused] = index < 0 ? [] : this.#refusals.splice(index, 1);
    if (refused !== undefined) throw refused.error;
  }

  #useId(kind: string, id: number, field: string): void {
    const key = `${kind} ${String(id)}`;
    if (id === 0 || this.#usedIds.has(key)) throw refusal(field, 'is 0 or was used before');
    this.#usedIds.add(key);
  }

  #checkAddress(address: SocketAddress | undefined, field: string, smallestPort = 1): SocketAddress {
    if (address === undefined) throw refusal(field, 'is missing');
    if (address.ip.length !== 4 && address.ip.length !== 16) throw refusal(`${field}.ip`, 'is no address');
    if (address.port < smallestPort || address.port > 65_535) throw refusal(`${field}.port`, 'is no port');
    return address;
  }
}

/** Those that are set. */
function checkTraits(endpoint: Endpoint, field: string): Omit<ModelEndpoint, 'weight' | 'labels'> {
  const { takesOrigProto, authorityOverride, http2Keepalive } = endpoint;
  if (authorityOverride !== '') checkAuthority(authorityOverride, `${field}.authority_override`);
  if (http2Keepalive !== undefined && (http2Keepalive.intervalMs < 1 || http2Keepalive.timeoutMs < 1)) {
    throw refusal(`${field}.http2_keepalive`, 'must be at least 1');
  }
  return {
    ...(takesOrigProto ? { takesOrigProto } : {}),
    ...(authorityOverride === '' ? {} : { authorityOverride }),
    ...(http2Keepalive === undefined ? {} : { http2Keepalive }),
  };
}

function checkAuthority(authority: string, field: string): void {
  if (!/^[!"$-.0-;<-~]{1,300}$/.test(authority) || /[A-Z?@]/.test(authority)) {
    throw refusal(field, `"${authority}" is no authority`);
  }
}

function targetsOf(destination: PutDestination): readonly number[] {
  const ids = [destination.targetId, ...destination.authorities.map(({ targetId }) => targetId)];
  return ids.filter((id) => id !== 0);
}

function tablesOf(destination: PutDestination): readonly number[] {
  const ids = [destination.routeTableId, ...destination.authorities.map(({ routeTableId }) => routeTableId)];
  return ids.filter((id) => id !== 0);
}

/** Without those that lead nowhere. */
function targetsOfTable({ rules, tcp, tls }: PutRouteTable): readonly number[] {
  const tcpRoutes = [tcp, ...tls.map(({ route }) => route)];
  return [...rules, ...tcpRoutes]
    .flatMap((item) => item?.distribution?.backends.map(({ targetId }) => targetId) ?? [])
    .filter((id) => id !== 0);
}

function checkRouteTable({ hosts, rules, tcp, tls, server }: PutRouteTable): void {
  const keys = new Set(hosts.map(({ host, suffix }) => `${host} ${String(suffix)}`));
  if (keys.size < hosts.length) throw refusal('put_route_table.hosts', 'has one twice');
  if (hosts.some(({ entries }) => entries.some(({ rule }) => rule >= rules.length))) {
    throw refusal('put_route_table.hosts', 'has an entry without a rule');
  }
  // Rules of one route share its id.
  if (rules.some(({ id }) => id === 0)) throw refusal('put_route_table.rules', 'has an id of 0');
  const asked = [...rules, ...(tcp === undefined ? [] : [tcp])].flatMap(
    ({ authorizations }) => authorizations,
  );
  if (asked.some((index) => index >= (server?.authorizations.length ?? 0))) {
    throw refusal('put_route_table.rules', 'has an authorization that is not there');
  }
  const names = new Set(tls.map(({ host, suffix }) => `${host} ${String(suffix)}`));
  if (names.size < tls.length) throw refusal('put_route_table.tls', 'has one twice');
}

function textOf(address: SocketAddress): string {
  return formatHostPort({ ip: formatIp(address.ip), port: address.port });
}

function refusal(field: string, message: string): CommandRefusedError {
  return new CommandRefusedError(field, message, 0);
}

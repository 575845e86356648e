// What the contract tests share: the real data plane through the real add-on, its events as
// something to wait for, and servers and clients on loopback. Everything ends with its test.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf';

import { CommandRefusedError } from '../../src/dataplane/dataplane.js';
import {
  Direction,
  type Event,
  type EventBatch,
  LogLevel,
  OriginalDestinationSource,
  Poller,
  type Protocol,
  type PutTargetSchema,
  type SettingsSchema,
  type SocketAddress,
  TargetKind,
} from '../../src/dataplane/gen/contract_pb.js';
import { loadAddon } from '../../src/dataplane/load.js';
import { NativeDataPlane } from '../../src/dataplane/native-dataplane.js';
import type { Scope } from '../support/processes.js';

/** Generous: only a failure takes this long. */
const LIMIT_MS = 20_000;

export const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

export interface Address {
  readonly ip: Uint8Array;
  readonly port: number;
}

export function loopback(port: number): Address {
  return { ip: LOOPBACK, port };
}

/** The fields of a received address, comparable with `loopback`. */
export function plain(address: SocketAddress | undefined): Address | undefined {
  return address === undefined ? undefined : { ip: Uint8Array.from(address.ip), port: address.port };
}

/** A message as a plain object, without what only decoded ones have. */
type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, Message>;

export type SettingsInit = Init<typeof SettingsSchema>;

/** A number where an enumerator belongs: what only a broken caller sends. */
export function notAnEnumerator(value: number): never {
  return value as never;
}

/** Settings that are accepted; `overrides` replace whole fields. */
export function settings(overrides: SettingsInit = {}): SettingsInit {
  return {
    workers: 2,
    poller: process.platform === 'linux' ? Poller.EPOLL : Poller.LIBUV,
    tcp: { halfCloseTimeoutMs: 60_000, discoveryTimeoutMs: 15_000, acceptBatch: 16 },
    http: {
      maxHeadBytes: 65_536,
      maxFields: 256,
      requestHeadTimeoutMs: 60_000,
      clientIdleTimeoutMs: 60_000,
    },
    buffers: { directionBudgetBytes: 262_144, spliceThresholdBytes: 65_536, totalBudgetBytes: 1n << 30n },
    metrics: {
      latencyBoundsMs: [1, 10, 100, 1000],
      durationBoundsMs: [10, 1000],
      detectDurationBoundsUs: [1000],
      maxSeriesPerWorker: 1000,
    },
    logLevel: LogLevel.LOG_INFO,
    ...overrides,
  };
}

export type EventCase = NonNullable<Event['kind']['case']>;
export type EventValue<K extends EventCase> = Extract<Event['kind'], { case: K }>['value'];

/** Everything the data plane has said, in order. Each event is handed out once. */
export class EventLog {
  readonly #waiting: Event[] = [];
  readonly #seen: EventCase[] = [];
  readonly #arrived = new Set<() => void>();
  batches = 0;

  deliver(batch: EventBatch): void {
    this.batches += 1;
    for (const event of batch.events) {
      if (event.kind.case === undefined) continue;
      this.#waiting.push(event);
      this.#seen.push(event.kind.case);
    }
    for (const wake of [...this.#arrived]) wake();
  }

  /** The first event of this kind that matches and was not handed out yet; waits for it. */
  async next<K extends EventCase>(
    kind: K,
    matches: (value: EventValue<K>) => boolean = () => true,
  ): Promise<EventValue<K>> {
    const deadline = Date.now() + LIMIT_MS;
    for (;;) {
      const found = this.#take(kind, matches);
      if (found !== undefined) return found.value;
      await new Promise<void>((resolve, reject) => {
        // Also keeps node alive: events alone do not.
        const limit = setTimeout(
          () => {
            this.#arrived.delete(wake);
            reject(new Error(`no matching ${kind} arrived; there came: ${this.#seen.join(', ')}`));
          },
          Math.max(0, deadline - Date.now()),
        );
        const wake = (): void => {
          clearTimeout(limit);
          this.#arrived.delete(wake);
          resolve();
        };
        this.#arrived.add(wake);
      });
    }
  }

  /** How many of this kind wait to be handed out. */
  waiting(kind: EventCase): number {
    return this.#waiting.filter((event) => event.kind.case === kind).length;
  }

  #take<K extends EventCase>(
    kind: K,
    matches: (value: EventValue<K>) => boolean,
  ): { readonly value: EventValue<K> } | undefined {
    for (const [index, event] of this.#waiting.entries()) {
      if (event.kind.case !== kind) continue;
      const value = event.kind.value as EventValue<K>;
      if (!matches(value)) continue;
      this.#waiting.splice(index, 1);
      return { value };
    }
    return undefined;
  }
}

export interface OpenPlane {
  readonly plane: NativeDataPlane;
  readonly events: EventLog;
}

/** A data plane that is closed when the test ends. What a listener throws fails the test. */
export function openPlane(t: Scope, overrides: SettingsInit = {}): OpenPlane {
  const reported: unknown[] = [];
  const plane = new NativeDataPlane(loadAddon().addon, settings(overrides), (error) => reported.push(error));
  const events = new EventLog();
  plane.subscribe((batch) => {
    events.deliver(batch);
  });
  t.after(() => {
    plane.close();
    assert.deepEqual(reported, []);
  });
  return { plane, events };
}

/** The settings of a target that is dialled for each need. */
export function forwardTarget(id: number): Init<typeof PutTargetSchema> {
  return {
    id,
    kind: TargetKind.FORWARD,
    connectTimeoutMs: 10_000,
    queueCapacity: 100,
    poolIdleTimeoutMs: 10_000,
    poolMaxIdle: 10,
  };
}

/** The settings of a target that is balanced. */
export function balanceTarget(id: number): Init<typeof PutTargetSchema> {
  return {
    ...forwardTarget(id),
    kind: TargetKind.BALANCE,
    failFastTimeoutMs: 3_000,
    ewmaDefaultRttMs: 30,
    ewmaDecayMs: 10_000,
    backoffMinMs: 100,
    backoffMaxMs: 10_000,
    backoffJitter: 0.1,
  };
}

/** A listener whose connections all go to one endpoint; ids are `id` throughout. Answers its port. */
export function forwardPort(plane: NativeDataPlane, id: number, protocol: Protocol, port: number): number {
  plane.putTarget(forwardTarget(id));
  plane.updateEndpoints({ targetId: id, reset: true, add: [{ address: loopback(port) }] });
  plane.putDestination({
    id,
    direction: Direction.OUTBOUND,
    protocol,
    targetId: id,
    detectTimeoutMs: 10_000,
  });
  return plane.listen({
    id,
    direction: Direction.OUTBOUND,
    address: loopback(0),
    source: OriginalDestinationSource.SOURCE_FIXED,
    destinationId: id,
  }).port;
}

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A TCP server; answers its port. */
export async function serveTcp(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  return listening(t, server);
}

/** An HTTP server that answers every request with `body`; answers its port. */
export async function serveHttp(t: TestContext, body: string): Promise<number> {
  const server = createHttpServer((_, response) => response.end(body));
  t.after(() => {
    server.closeAllConnections();
  });
  return listening(t, server);
}

/** A port of loopback that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A connection that is destroyed when the test ends. */
export async function dial(t: TestContext, port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Everything the other side sends until it closes; a reset ends it as well. */
export async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      reject(new Error(`still open after ${Buffer.concat(chunks).toString()}`));
    }, LIMIT_MS);
    const done = (): void => {
      clearTimeout(limit);
      resolve(Buffer.concat(chunks).toString());
    };
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', done);
    socket.once('error', done);
    socket.once('close', done);
  });
}

/** Sends one request that ends the connection; answers the whole response. */
export async function request(t: TestContext, port: number, host: string, path = '/'): Promise<string> {
  const socket = await dial(t, port);
  const response = received(socket);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return response;
}

/** The command is refused for this field, and nothing else. */
export function assertRefused(command: () => unknown, field: string): void {
  assert.throws(command, (error) => {
    assert.ok(error instanceof CommandRefusedError);
    assert.equal(error.field, field);
    assert.equal(error.osError, 0);
    assert.ok(error.message.startsWith(`${field}: `));
    return true;
  });
}

/** The command was well-formed, and the system refused it. */
export function assertRefusedBySystem(command: () => unknown, osError?: number): void {
  assert.throws(command, (error) => {
    assert.ok(error instanceof CommandRefusedError);
    assert.equal(error.field, '');
    if (osError === undefined) assert.ok(error.osError > 0);
    else assert.equal(error.osError, osError);
    return true;
  });
}

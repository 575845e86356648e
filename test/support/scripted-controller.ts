// A controller that does what a test tells it, over real sockets: Destination, InboundServerPolicies,
// OutboundPolicies and Identity on one loopback port, also in the wrong order, with nonsense, or not at all.
//
//   const controller = await ScriptedController.start(t);            // a port of the kernel's choice
//   const call = await controller.next('Get');                      // the next Get that nobody took yet
//   call.request.path; call.authority; call.cancelled;               // what was asked, and whether it still is
//   call.send({ update: … });                                        // a message; also sendBytes(garbage)
//   call.end(); call.fail(grpc.status.NOT_FOUND, 'no such port');    // the end of its stream
//   controller.on('WatchPort', (call) => { call.send(…); });         // answers all of them, present and future
//   controller.calls('Get');                                         // all that ever came, in order
//   controller.accepted; controller.open;                            // connections ever, connections now
//   controller.resetConnections(); controller.sendGarbage();         // RST on, or nonsense into, all of them
//   controller.mute(true);                                           // accepts connections and stays silent on new ones
//   await controller.stop(); await controller.restart();             // the port refuses; then serves again
//
// A call that is not answered stays open. Everything ends with the test.
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

import { create, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import { Destination } from '../../src/api/gen/destination_pb.js';
import { Identity } from '../../src/api/gen/identity_pb.js';
import { InboundServerPolicies } from '../../src/api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../src/api/gen/outbound_pb.js';
import { bytesMethod } from './grpc-ends.js';

const METHODS = {
  Get: Destination.method.get,
  GetProfile: Destination.method.getProfile,
  WatchPort: InboundServerPolicies.method.watchPort,
  Watch: OutboundPolicies.method.watch,
  Certify: Identity.method.certify,
} as const;

export type ScriptedMethod = keyof typeof METHODS;
type Input<M extends ScriptedMethod> = (typeof METHODS)[M]['input'];
type Output<M extends ScriptedMethod> = (typeof METHODS)[M]['output'];

type StreamCall = grpc.ServerWritableStream<Buffer, Buffer>;

export class ScriptedCall<M extends ScriptedMethod> {
  readonly method: M;
  readonly request: MessageShape<Input<M>>;
  readonly authority: string;
  readonly metadata: Readonly<Record<string, grpc.MetadataValue>>;
  readonly #call: StreamCall;

  constructor(method: M, call: StreamCall) {
    this.method = method;
    this.#call = call;
    this.request = fromBinary<Input<M>>(METHODS[method].input, call.request);
    this.authority = call.getHost();
    this.metadata = call.metadata.getMap();
  }

  /** Whether the client has given it up, or is gone. */
  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  send(message: MessageInitShape<Output<M>>): void {
    const output: Output<M> = METHODS[this.method].output;
    this.sendBytes(toBinary<Output<M>>(output, create<Output<M>>(output, message)));
  }

  /** Whatever they are, as one message of gRPC. */
  sendBytes(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes));
  }

  end(): void {
    this.#call.end();
  }

  fail(code: grpc.status, details: string): void {
    this.#call.emit('error', { code, details });
  }
}

type AnyCall = { [M in ScriptedMethod]: ScriptedCall<M> }[ScriptedMethod];

interface ScriptedControllerOptions {
  readonly host?: string;
  readonly port?: number;
}

export class ScriptedController {
  readonly host: string;
  readonly #calls: AnyCall[] = [];
  readonly #taken = new Set<AnyCall>();
  readonly #handlers = new Map<ScriptedMethod, (call: AnyCall) => void>();
  readonly #waiting = new Set<() => void>();
  readonly #sockets = new Set<net.Socket>();
  #port: number;
  #accepted = 0;
  #muted = false;
  #listener: net.Server | undefined;
  #server: grpc.Server | undefined;

  private constructor(host: string, port: number) {
    this.host = host;
    this.#port = port;
  }

  static async start(
    t: TestContext,
    { host = '127.0.0.1', port = 0 }: ScriptedControllerOptions = {},
  ): Promise<ScriptedController> {
    const controller = new ScriptedController(host, port);
    t.after(() => controller.stop());
    await controller.restart();
    return controller;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections ever accepted, also those that were muted. */
  get accepted(): number {
    return this.#accepted;
  }

  get open(): number {
    return this.#sockets.size;
  }

  calls<M extends ScriptedMethod>(method: M): readonly ScriptedCall<M>[] {
    return this.#calls.filter((call): call is AnyCall & ScriptedCall<M> => call.method === method);
  }

  /** The oldest call of the method that was not taken yet, present or future; the test's limit bounds it. */
  async next<M extends ScriptedMethod>(method: M): Promise<ScriptedCall<M>> {
    for (;;) {
      const found = this.calls(method).find((call) => !this.#taken.has(call as AnyCall));
      if (found !== undefined) {
        this.#taken.add(found as AnyCall);
        return found;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  on<M extends ScriptedMethod>(method: M, handler: (call: ScriptedCall<M>) => void): void {
    this.#handlers.set(method, handler as (call: AnyCall) => void);
    for (const call of this.calls(method)) handler(call);
  }

  resetConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** No frame of HTTP/2 that a client could take. */
  sendGarbage(): void {
    for (const socket of this.#sockets) socket.write(Buffer.alloc(64, 0xff));
  }

  mute(muted: boolean): void {
    this.#muted = muted;
  }

  /** Refuses connections and resets those that are open. Safe to repeat. */
  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.resetConnections();
    this.#server?.forceShutdown();
    this.#server = undefined;
    if (listener === undefined) return;
    listener.close();
    await once(listener, 'close');
  }

  /** Serves, on the same port as before. */
  async restart(): Promise<void> {
    const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
    for (const method of Object.keys(METHODS) as ScriptedMethod[]) this.#serve(server, method);
    const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
    const listener = net.createServer((socket) => {
      this.#accepted += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.#muted) socket.resume();
      else injector.injectConnection(socket);
    });
    listener.listen(this.#port, this.host);
    await once(listener, 'listening');
    this.#port = (listener.address() as net.AddressInfo).port;
    this.#listener = listener;
    this.#server = server;
  }

  #serve(server: grpc.Server, method: ScriptedMethod): void {
    const { parent, name } = METHODS[method];
    // Certify is unary; on the wire that is a stream of one message.
    const definition = bytesMethod(`/${parent.typeName}/${name}`, { responseStream: true });
    const handle = (call: StreamCall): void => {
      const scripted = new ScriptedCall(method, call) as AnyCall;
      this.#calls.push(scripted);
      this.#handlers.get(method)?.(scripted);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    };
    server.addService({ [name]: definition }, { [name]: handle });
  }
}

// The connection to one endpoint of a controller, kept up for as long as the endpoint is wanted
// (reference, proxy behaviour §5): a failed dial is repeated after growing waits; after the loss of a
// connection that stood the waits begin anew, so one is always waited. Closing ends dial and waits at
// once; RPCs that are under way go on until they end.
import * as grpc from '@grpc/grpc-js';

import { Backoff } from '../core/backoff.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import type { ControlCounters } from './control-counters.js';
import { type ControllerSettings, controllerAuthority, controllerText } from './controller-address.js';
import type { OpenRpc, RpcListener, RpcQuestion } from './controller-transport.js';
import { dialClient } from './endpoint-dial.js';

/** For HTTP/2 to begin once TCP stands; the peer is there, it may only be busy. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

const { connectivityState: STATE } = grpc;

export interface EndpointConnectionOptions {
  readonly endpoint: HostPort;
  readonly settings: ControllerSettings;
  readonly counters: ControlCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
  /** It can be used now. */
  readonly onReady: () => void;
}

/** One dial and what came of it. */
interface Dial {
  readonly client: grpc.Client;
  readonly abort: AbortController;
  /** Why it was given up, when it was not the peer. */
  timedOut: string | undefined;
  stood: boolean;
}

const asIs = (bytes: Buffer): Buffer => bytes;

export class EndpointConnection {
  readonly #options: EndpointConnectionOptions;
  readonly #backoff: Backoff;
  #dial: Dial | undefined;
  #cancelTimer: CancelTimer | undefined;
  #closed = false;
  #outstanding = 0;
  #silent = false;

  /** Nothing is dialled before `start`. */
  constructor(options: EndpointConnectionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.settings.connect.backoff, options.random);
  }

  get ready(): boolean {
    return this.#dial?.client.getChannel().getConnectivityState(false) === STATE.READY;
  }

  /** RPCs under way. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** The latest RPC that was given up had no answer for too long, and none has had one since. */
  get silent(): boolean {
    return this.#silent;
  }

  start(): void {
    const { endpoint, settings } = this.#options;
    const abort = new AbortController();
    const client = dialClient({
      endpoint,
      authority: controllerAuthority(settings.address),
      keepaliveMs: settings.connect.keepaliveMs,
      signal: abort.signal,
      onEstablished: () => {
        if (this.#dial !== dial) return;
        this.#cancelTimer?.();
        this.#giveUpAfter(dial, HANDSHAKE_TIMEOUT_MS, 'HTTP/2 did not begin');
      },
    });
    const dial: Dial = { client, abort, timedOut: undefined, stood: false };
    this.#dial = dial;
    this.#giveUpAfter(dial, settings.connect.timeoutMs, 'not connected');
    client.getChannel().getConnectivityState(true);
    this.#follow(dial);
  }

  /** Nothing is dialled after this, and no RPC begun. */
  close(): void {
    this.#closed = true;
    this.#end();
  }

  /** Only while it is ready. */
  ask(question: RpcQuestion, listener: RpcListener): OpenRpc {
    const client = this.#dial?.client;
    if (client === undefined) throw new Error('asked on a connection that does not stand');
    const { counters, clock } = this.#options;
    const sentMs = clock.now();
    let firstMs: number | undefined;
    let responded = false;
    let live = true;
    counters.requests += 1;
    this.#outstanding += 1;
    const finish = (code: number | undefined): void => {
      live = false;
      this.#outstanding -= 1;
      counters.ended({ responded, code, latencyMs: (firstMs ?? clock.now()) - sentMs });
    };
    const call = client.makeServerStreamRequest(question.path, asIs, asIs, Buffer.from(question.request));
    call.on('metadata', () => {
      responded = true;
    });
    call.on('data', (bytes: Buffer) => {
      if (!live) return;
      responded = true;
      this.#silent = false;
      firstMs ??= clock.now();
      listener.message(bytes);
    });
    // Told with the status too, which alone is listened to.
    call.on('error', () => undefined);
    call.on('status', ({ code, details, metadata }) => {
      if (!live) return;
      // A response of nothing but its end has no head of its own; what the library makes up has no fields.
      responded ||= Object.keys(metadata.getMap()).length > 0;
      finish(code);
      listener.end({ code, message: details });
    });
    process.nextTick(() => {
      if (live) listener.sent();
    });
    return {
      cancel: (reason) => {
        if (!live) return;
        if (reason === 'silent') this.#silent = true;
        finish(undefined);
        call.cancel();
      },
    };
  }

  #giveUpAfter(dial: Dial, timeoutMs: number, what: string): void {
    this.#cancelTimer = this.#options.clock.after(timeoutMs, () => {
      dial.timedOut = `${what} within ${String(timeoutMs)} ms`;
      this.#lose(dial, dial.timedOut);
    });
  }

  /** Looks at the state now, and again with each change. */
  #follow(dial: Dial): void {
    if (this.#dial !== dial) return;
    const channel = dial.client.getChannel();
    const state = channel.getConnectivityState(false);
    if (state === STATE.READY) {
      this.#stand(dial);
      // Whoever was told may have closed it.
      if (this.#dial !== dial) return;
    } else if (dial.stood) {
      this.#lose(dial, 'connection lost');
      return;
    } else if (state === STATE.TRANSIENT_FAILURE) {
      this.#askWhy(dial);
      return;
    }
    channel.watchConnectivityState(state, Infinity, () => {
      // The library is in the middle of the change, and must not be closed there.
      process.nextTick(() => {
        this.#follow(dial);
      });
    });
  }

  #stand(dial: Dial): void {
    dial.stood = true;
    this.#silent = false;
    this.#cancelTimer?.();
    this.#backoff.reset();
    this.#options.onReady();
  }

  /** The library tells why a dial failed only to an RPC, which then goes nowhere. */
  #askWhy(dial: Dial): void {
    dial.client.makeUnaryRequest('/', asIs, asIs, Buffer.alloc(0), (error) => {
      this.#lose(dial, error?.details ?? 'connecting failed');
    });
  }

  /** Takes the dial down and waits for the next one. */
  #lose(dial: Dial, reason: string): void {
    if (this.#closed || this.#dial !== dial) return;
    const { settings, endpoint, logger, clock } = this.#options;
    this.#end();
    this.#cancelTimer = clock.after(this.#backoff.next(), () => {
      this.start();
    });
    logger.warn(
      { controller: controllerText(settings.address), addr: formatHostPort(endpoint), error: reason },
      dial.stood ? 'Service failed' : 'Failed to connect',
    );
  }

  #end(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const dial = this.#dial;
    this.#dial = undefined;
    if (dial === undefined) return;
    dial.client.close();
    // What stood is left to the RPCs that are under way; what did not must not go on dialling.
    if (!dial.stood) dial.abort.abort(new Error('not wanted any more'));
  }
}

// The way to one controller: connections to all of its endpoints, and for each RPC the better of two
// ready ones taken at random, by the RPCs under way on them. While none is ready RPCs wait, though not
// for ever and not too many (reference, proxy behaviour §1.9, §12.1). Endpoints that the name system no
// longer names are not dialled any more (§5).
import type { CancelTimer, Clock } from '../core/clock.js';
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import type { BalancerUpdate, ChannelPicture, ControlCounters } from './control-counters.js';
import { type ControllerSettings, controllerText } from './controller-address.js';
import { ControllerEndpoints } from './controller-endpoints.js';
import type { ControllerNames } from './controller-names.js';
import type { ControllerTransport, OpenRpc, RpcListener, RpcQuestion } from './controller-transport.js';
import { EndpointConnection } from './endpoint-connection.js';
import { RPC_CODE } from './rpc-status.js';

const QUEUE_CAPACITY = 1000;
const FAIL_FAST_MS = 30_000;

export interface ControllerChannelOptions {
  readonly settings: ControllerSettings;
  readonly names: ControllerNames;
  readonly counters: ControlCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

/** An RPC that no connection was ready for. */
interface WaitingRpc {
  readonly question: RpcQuestion;
  readonly listener: RpcListener;
  cancelTimer: CancelTimer;
  /** Once it was sent. */
  rpc: OpenRpc | undefined;
}

export class ControllerChannel implements ControllerTransport {
  readonly #options: ControllerChannelOptions;
  readonly #random: () => number;
  readonly #endpoints: ControllerEndpoints;
  readonly #connections = new Map<string, EndpointConnection>();
  readonly #waiting = new Set<WaitingRpc>();
  #closed = false;

  /** Nothing is asked or dialled before `start`. */
  constructor(options: ControllerChannelOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#endpoints = new ControllerEndpoints({ ...options, counts: options.counters.names });
  }

  get picture(): ChannelPicture {
    const ready = this.#ready().length;
    return { ready, pending: this.#connections.size - ready, waiting: this.#waiting.size };
  }

  start(): void {
    this.#endpoints.endpoints.subscribe((endpoints) => {
      if (endpoints !== undefined) this.#reset(endpoints);
    });
    this.#endpoints.start();
  }

  /** RPCs that wait fail; those under way go on until they end or are cancelled. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endpoints.stop();
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
    for (const waiting of this.#waiting) this.#fail(waiting, 'the client is closed');
  }

  ask(question: RpcQuestion, listener: RpcListener): OpenRpc {
    this.#options.counters.queued += 1;
    const connection = this.#pick();
    return connection === undefined ? this.#enqueue(question, listener) : connection.ask(question, listener);
  }

  #reset(endpoints: readonly HostPort[]): void {
    const { logger, settings } = this.#options;
    const wanted = new Map(endpoints.map((endpoint) => [formatHostPort(endpoint), endpoint]));
    const controller = controllerText(settings.address);
    let changed = false;
    for (const [addr, connection] of this.#connections) {
      if (wanted.has(addr)) continue;
      logger.info({ controller, addr }, 'Removing endpoint');
      this.#connections.delete(addr);
      connection.close();
      changed = true;
    }
    for (const [addr, endpoint] of wanted) {
      if (this.#connections.has(addr)) continue;
      logger.info({ controller, addr }, 'Adding endpoint');
      this.#connect(addr, endpoint);
      changed = true;
    }
    if (changed) this.#count('Reset');
  }

  #count(update: BalancerUpdate): void {
    this.#options.counters.updates[update] += 1;
  }

  #connect(addr: string, endpoint: HostPort): void {
    const connection = new EndpointConnection({
      ...this.#options,
      endpoint,
      onReady: () => {
        this.#flush();
      },
    });
    this.#connections.set(addr, connection);
    connection.start();
  }

  #ready(): readonly EndpointConnection[] {
    return [...this.#connections.values()].filter(({ ready }) => ready);
  }

  #pick(): EndpointConnection | undefined {
    const ready = this.#ready();
    const answering = ready.filter(({ silent }) => !silent);
    const candidates = answering.length > 0 ? answering : ready;
    if (candidates.length < 2) return candidates[0];
    const first = Math.floor(this.#random() * candidates.length);
    const step = 1 + Math.floor(this.#random() * (candidates.length - 1));
    const one = candidates[first];
    const other = candidates[(first + step) % candidates.length];
    if (one === undefined || other === undefined) return one ?? other;
    return other.outstanding < one.outstanding ? other : one;
  }

  #enqueue(question: RpcQuestion, listener: RpcListener): OpenRpc {
    const full = this.#waiting.size >= QUEUE_CAPACITY || this.#closed;
    const waiting: WaitingRpc = { question, listener, cancelTimer: () => undefined, rpc: undefined };
    this.#waiting.add(waiting);
    waiting.cancelTimer = this.#options.clock.after(full ? 0 : FAIL_FAST_MS, () => {
      this.#fail(waiting, full ? 'too many requests wait for an endpoint' : 'no endpoint is ready');
    });
    return {
      cancel: (reason) => {
        waiting.rpc?.cancel(reason);
        waiting.cancelTimer();
        this.#waiting.delete(waiting);
      },
    };
  }

  #fail(waiting: WaitingRpc, reason: string): void {
    waiting.cancelTimer();
    this.#waiting.delete(waiting);
    const message = `controller ${controllerText(this.#options.settings.address)}: ${reason}`;
    waiting.listener.end({ code: RPC_CODE.unavailable, message });
  }

  #flush(): void {
    for (const waiting of [...this.#waiting]) {
      const connection = this.#pick();
      if (connection === undefined) return;
      waiting.cancelTimer();
      // A listener may have cancelled others in the meantime.
      if (this.#waiting.delete(waiting)) waiting.rpc = connection.ask(waiting.question, waiting.listener);
    }
  }
}

// One question kept open (reference, proxy behaviour §12.3): asked at once, asked again whenever its
// stream ends, unless it ended with a status that is final. After a stream that answered, most are asked
// again at once, and with back-off when that brings nothing; endpoints always after a wait. What was
// answered last stays meanwhile. Bytes that are no message never do harm; they are told of once.
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';

import { Backoff, type BackoffSettings } from '../core/backoff.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import type { StreamHealth, StreamState, StreamWatch } from './control-plane.js';
import type { StreamLimits } from '../config/proxy-config.js';
import type { ControllerTransport, OpenRpc, RpcQuestion } from './controller-transport.js';
import { RPC_CODE, rpcCodeName, type RpcStatus, type TerminalCodes } from './rpc-status.js';

/** What differs between the streams of the API. */
export interface StreamKind {
  /** Short, for logs: `Destination/Get`. */
  readonly name: string;
  readonly terminal: TerminalCodes;
  /** Whether a final status takes away what was answered before. */
  readonly terminalForgets: boolean;
  /** Whether it is asked again at once after a stream that answered. */
  readonly resumesAtOnce: boolean;
  /** Whether messages build on each other, so that one that is lost needs the stream anew. */
  readonly incremental: boolean;
}

/** Makes a value of the messages of a stream. */
export interface Fold<Message, T> {
  /** A stream begins. */
  opened(): void;
  /** Undefined: it says nothing new. */
  message(message: Message): T | undefined;
}

export interface WatchStreamOptions<Output extends DescMessage, T> {
  readonly kind: StreamKind;
  readonly question: RpcQuestion;
  /** What is asked about, for logs. */
  readonly subject: string;
  readonly output: Output;
  readonly fold: Fold<MessageShape<Output>, T>;
  readonly transport: ControllerTransport;
  readonly limits: StreamLimits;
  readonly backoff: BackoffSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

/** One try: a stream, or the wish for one. */
interface Try {
  readonly beganMs: number;
  rpc: OpenRpc | undefined;
  answered: boolean;
  cancelSilence: CancelTimer;
  cancelLifetime: CancelTimer;
}

const ENDED_BY_US: RpcStatus = { code: RPC_CODE.ok, message: '' };
const NO_TIMER: CancelTimer = () => undefined;

export class WatchStream<Output extends DescMessage, T> implements StreamWatch<T> {
  readonly #options: WatchStreamOptions<Output, T>;
  readonly #state = new Watch<StreamState<T>>({ kind: 'pending' });
  readonly #backoff: Backoff;
  #try: Try | undefined;
  #cancelRetry: CancelTimer = NO_TIMER;
  #over = false;
  #toldOfGarbage = false;
  #health: StreamHealth;

  /** Asks at once. */
  constructor(options: WatchStreamOptions<Output, T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff, options.random);
    this.#health = {
      open: false,
      sinceMs: options.clock.now(),
      lastMessageMs: undefined,
      lastFailure: undefined,
    };
    this.#ask();
  }

  get state(): ReadonlyWatch<StreamState<T>> {
    return this.#state;
  }

  get health(): StreamHealth {
    return this.#health;
  }

  close(): void {
    this.#over = true;
    this.#cancelRetry();
    this.#endTry('unwanted');
  }

  #ask(): void {
    const { clock, limits, transport, question, fold } = this.#options;
    const current: Try = {
      beganMs: clock.now(),
      rpc: undefined,
      answered: false,
      cancelSilence: NO_TIMER,
      cancelLifetime: NO_TIMER,
    };
    this.#try = current;
    fold.opened();
    const firstMs = limits.initialMs ?? limits.idleMs;
    if (firstMs !== undefined) {
      current.cancelSilence = clock.after(firstMs, () => {
        const message = `no answer within ${String(firstMs)} ms`;
        this.#finish('silent', { code: RPC_CODE.deadlineExceeded, message });
      });
    }
    if (limits.lifetimeMs !== undefined) {
      current.cancelLifetime = clock.after(limits.lifetimeMs, () => {
        this.#finish('unwanted', ENDED_BY_US);
      });
    }
    current.rpc = transport.ask(question, {
      sent: () => {
        this.#setOpen(true);
      },
      message: (bytes) => {
        this.#accept(current, bytes);
      },
      end: (status) => {
        if (this.#try === current) this.#finish('unwanted', status);
      },
    });
  }

  #accept(current: Try, bytes: Uint8Array): void {
    if (this.#try !== current) return;
    this.#heard(current);
    const message = this.#decode(bytes);
    if (message === undefined) {
      const status = { code: RPC_CODE.internal, message: 'a message cannot be decoded' };
      if (this.#options.kind.incremental) this.#finish('unwanted', status);
      return;
    }
    current.answered = true;
    this.#health = { ...this.#health, lastMessageMs: this.#options.clock.now() };
    const value = this.#options.fold.message(message);
    if (value !== undefined) this.#state.set({ kind: 'known', value });
  }

  /** The stream is alive: the wait for the next message begins. */
  #heard(current: Try): void {
    const { clock, limits } = this.#options;
    current.cancelSilence();
    current.cancelSilence = NO_TIMER;
    if (limits.idleMs === undefined) return;
    current.cancelSilence = clock.after(limits.idleMs, () => {
      this.#finish('unwanted', ENDED_BY_US);
    });
  }

  #decode(bytes: Uint8Array): MessageShape<Output> | undefined {
    const { output, logger, kind, subject } = this.#options;
    try {
      return fromBinary(output, bytes);
    } catch (error) {
      if (!this.#toldOfGarbage) {
        this.#toldOfGarbage = true;
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn({ stream: kind.name, subject, error: reason }, 'Undecodable message from the controller');
      }
      return undefined;
    }
  }

  /** The present try is over. */
  #finish(reason: 'unwanted' | 'silent', status: RpcStatus): void {
    const finished = this.#try;
    if (finished === undefined) return;
    this.#endTry(reason);
    const { kind, clock, logger, subject } = this.#options;
    const fields = {
      stream: kind.name,
      subject,
      'grpc.status': rpcCodeName(status.code),
      'grpc.message': status.message,
    };
    if (status.code !== RPC_CODE.ok) {
      this.#health = { ...this.#health, lastFailure: { ...status, atMs: clock.now() } };
    }
    if (kind.terminal.has(status.code)) {
      logger.debug(fields, 'The controller has no answer; it is not asked again');
      this.#refuse(status);
      return;
    }
    if (status.code === RPC_CODE.ok) logger.debug(fields, 'Stream ended');
    else logger.warn(fields, 'Unexpected policy controller response; retrying with a backoff');
    this.#cancelRetry = clock.after(this.#waitAfter(finished), () => {
      this.#ask();
    });
  }

  #endTry(reason: 'unwanted' | 'silent'): void {
    const ended = this.#try;
    this.#try = undefined;
    if (ended === undefined) return;
    ended.cancelSilence();
    ended.cancelLifetime();
    ended.rpc?.cancel(reason);
    this.#setOpen(false);
  }

  #refuse({ code, message }: RpcStatus): void {
    this.#over = true;
    if (this.#state.value.kind === 'known' && !this.#options.kind.terminalForgets) return;
    this.#state.set({ kind: 'refused', code, message });
  }

  /**
   * A stream that ends as soon as it has answered is not asked again at once, or a controller in such a
   * state would be asked without a pause.
   */
  #waitAfter({ answered, beganMs }: Try): number {
    const { clock, backoff, kind } = this.#options;
    if (!answered || clock.now() - beganMs < backoff.minMs) return this.#backoff.next();
    this.#backoff.reset();
    return kind.resumesAtOnce ? 0 : this.#backoff.next();
  }

  #setOpen(open: boolean): void {
    if (this.#health.open === open || (open && this.#over)) return;
    this.#health = { ...this.#health, open, sinceMs: this.#options.clock.now() };
  }
}

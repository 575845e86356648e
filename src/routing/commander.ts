// Sends commands to the data plane on behalf of the tables of this folder. A refusal is logged and
// answered as a value, never thrown: nothing here has a caller that could do better. What the system
// refused (out of descriptors, address in use) may work later, so all tables are asked to send again
// what is missing, with back-off.
import { Backoff, type BackoffSettings } from '../core/backoff.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import type { LogFields, Logger } from '../core/logger.js';
import { CommandRefusedError, type DataPlane } from '../dataplane/dataplane.js';
import { guard } from './guard.js';

const RETRY_BACKOFF: BackoffSettings = { minMs: 100, maxMs: 10_000, jitter: 0.1 };

export interface CommanderOptions {
  readonly dataPlane: DataPlane;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

export class Commander {
  readonly #dataPlane: DataPlane;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backoff: Backoff;
  #cancelRetry: CancelTimer | undefined;
  #onRetry: () => void = () => undefined;
  #stopped = false;

  constructor(options: CommanderOptions) {
    this.#dataPlane = options.dataPlane;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#backoff = new Backoff(RETRY_BACKOFF, options.random);
  }

  /** `onRetry` sends everything again that was refused; it is called when that may succeed. */
  retryWith(onRetry: () => void): void {
    this.#onRetry = onRetry;
  }

  /** A retry is going to happen. */
  get retrying(): boolean {
    return this.#cancelRetry !== undefined;
  }

  /** Whether the command was applied. */
  attempt(command: string, fields: LogFields, run: (dataPlane: DataPlane) => void): boolean {
    if (this.#stopped) return false;
    try {
      run(this.#dataPlane);
      return true;
    } catch (error) {
      this.#refused(command, fields, error);
      return false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #refused(command: string, fields: LogFields, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const bySystem = error instanceof CommandRefusedError && error.field === '';
    this.#logger.error(
      { ...fields, command, error: message, again: bySystem },
      'the data plane refused a command',
    );
    // A malformed command stays malformed: sending it again would only repeat the message.
    if (!bySystem || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#clock.after(this.#backoff.next(), () => {
      this.#cancelRetry = undefined;
      guard(this.#logger, this.#onRetry);
      if (!this.retrying) this.#backoff.reset();
    });
  }
}

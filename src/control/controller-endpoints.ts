// Follows the endpoints of a controller. An address, or a name of this host, is known at once and never
// changes. Any other name is asked for again when its records are over, though not sooner than after
// five seconds; after failures with the wait they name or with back-off, while the endpoints that are
// known stay (reference, proxy behaviour §11).
import { Backoff } from '../core/backoff.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import { canonicalIp, type HostPort } from '../core/ip.js';
import type { Logger } from '../core/logger.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import { type ControllerSettings, controllerText } from './controller-address.js';
import {
  type ControllerNames,
  lookUpController,
  type NameAnswer,
  type NameCounts,
} from './controller-names.js';

const MINIMUM_REFRESH_MS = 5000;

export interface ControllerEndpointsOptions {
  readonly settings: ControllerSettings;
  readonly names: ControllerNames;
  readonly counts: NameCounts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

export class ControllerEndpoints {
  readonly #options: ControllerEndpointsOptions;
  readonly #backoff: Backoff;
  readonly #endpoints = new Watch<readonly HostPort[] | undefined>(undefined);
  readonly #abort = new AbortController();
  #cancelTimer: CancelTimer | undefined;

  /** Nothing is asked before `start`. */
  constructor(options: ControllerEndpointsOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.settings.connect.backoff, options.random);
  }

  /** Undefined: not known yet. */
  get endpoints(): ReadonlyWatch<readonly HostPort[] | undefined> {
    return this.#endpoints;
  }

  start(): void {
    const { address } = this.#options.settings;
    const ip = canonicalIp(address.host) ?? (address.loopback ? '127.0.0.1' : undefined);
    if (ip === undefined) this.#ask();
    else this.#endpoints.set([{ ip, port: address.port }]);
  }

  /** Nothing is asked or told after this. */
  stop(): void {
    this.#abort.abort(new Error('nobody wants the endpoints of this controller any more'));
    this.#cancelTimer?.();
  }

  #ask(): void {
    const { names, settings, counts } = this.#options;
    lookUpController(names, settings.address, counts, this.#abort.signal).then(
      (answer) => {
        this.#accept(answer);
      },
      (error: unknown) => {
        // Only when aborted, by contract; anything else must not end the asking.
        const detail = error instanceof Error ? error.message : String(error);
        this.#accept({ kind: 'failed', detail, retryMs: undefined });
      },
    );
  }

  #accept(answer: NameAnswer<HostPort>): void {
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.clock.after(this.#waitAfter(answer), () => {
      this.#ask();
    });
    if (answer.kind === 'found') {
      this.#endpoints.set(answer.records);
      return;
    }
    const { settings, logger } = this.#options;
    logger.warn(
      { controller: controllerText(settings.address), error: answer.detail },
      'Failed to resolve control-plane component',
    );
  }

  #waitAfter(answer: NameAnswer<HostPort>): number {
    if (answer.kind === 'found') {
      this.#backoff.reset();
      return Math.max(answer.ttlMs ?? 0, MINIMUM_REFRESH_MS);
    }
    return answer.retryMs === undefined ? this.#backoff.next() : Math.max(answer.retryMs, MINIMUM_REFRESH_MS);
  }
}

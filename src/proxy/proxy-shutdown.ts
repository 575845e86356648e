// The end of a proxy: SIGTERM, SIGINT or a POST to /shutdown begin it, once; connections that are under
// way finish within the grace, and what is left is cut (reference, proxy behaviour §13).
import { type Clock } from '../core/clock.js';
import { type Logger } from '../core/logger.js';
import { type DataPlane } from '../dataplane/dataplane.js';
import { type SignalSource } from '../run/signal-relay.js';
import { untilDrained } from '../run/until-drained.js';

const ENDING_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export class ProxyShutdown {
  readonly #logger: Logger;
  readonly #asked = new AbortController();
  readonly #unlisten: readonly (() => void)[];

  constructor(signals: SignalSource, logger: Logger) {
    this.#logger = logger;
    this.#unlisten = ENDING_SIGNALS.map((signal) =>
      signals(signal, () => {
        if (this.asked.aborted) return;
        logger.info({}, `received ${signal}, starting shutdown`);
        this.#begin('Received shutdown signal');
      }),
    );
  }

  /** Aborted when the end has begun. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  /** False when it has begun already. */
  askToEnd(): boolean {
    if (this.asked.aborted) return false;
    this.#begin('Received shutdown via admin interface');
    return true;
  }

  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
  }

  #begin(message: string): void {
    this.#logger.info({}, message);
    this.#asked.abort();
  }
}

/** Resolves when the signal is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}

/** Resolves when the last connection has ended, or the grace is over. */
export async function drainProxy(
  dataPlane: Pick<DataPlane, 'drain' | 'subscribe'>,
  clock: Clock,
  logger: Logger,
  graceMs: number,
): Promise<void> {
  const startedMs = clock.now();
  await untilDrained(dataPlane, clock, graceMs);
  if (clock.now() - startedMs >= graceMs) {
    logger.warn({}, `Graceful shutdown did not complete in ${String(graceMs)}ms, terminating now`);
  }
}

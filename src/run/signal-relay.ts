// What signals to sluice do to the command it runs.
//
// Each is passed on, so that `kill` of sluice is `kill` of the command. A signal that the terminal sent
// reaches the command by itself (it is in the same foreground group) and is not sent twice: the command
// alone decides what Ctrl-C means. A second SIGTERM or SIGINT that was not the terminal's, or a
// SIGTERM that the command has not followed within the grace, ends it hard.
import { type CancelTimer, type Clock } from '../core/clock.js';
import { type Logger } from '../core/logger.js';

export const RELAYED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

export type RelayedSignal = (typeof RELAYED_SIGNALS)[number];

/** Listens for a signal to this process; answers how to stop. */
export type SignalSource = (signal: RelayedSignal, listener: () => void) => () => void;

export interface SignalRelayOptions {
  readonly signals: SignalSource;
  /** True when a signal of the terminal reaches the command without us. */
  readonly sharesTerminal: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly graceMs: number;
  /** The present command; false when there is none (any more). */
  readonly kill: (signal: NodeJS.Signals) => boolean;
}

const FROM_TERMINAL: ReadonlySet<RelayedSignal> = new Set(['SIGINT', 'SIGQUIT']);
const ENDING: ReadonlySet<RelayedSignal> = new Set(['SIGINT', 'SIGTERM']);

export class SignalRelay {
  readonly #options: SignalRelayOptions;
  readonly #unlisten: (() => void)[];
  readonly #hard = new AbortController();
  #first: RelayedSignal | undefined;
  #asked = false;
  #cancelGrace: CancelTimer | undefined;

  constructor(options: SignalRelayOptions) {
    this.#options = options;
    this.#unlisten = RELAYED_SIGNALS.map((signal) =>
      options.signals(signal, () => {
        this.#take(signal);
      }),
    );
  }

  /** Aborted when everything is to end at once. */
  get hardEnd(): AbortSignal {
    return this.#hard.signal;
  }

  /** The first ending signal that came; undefined when none did. */
  get endingSignal(): RelayedSignal | undefined {
    return this.#first;
  }

  /** The same as a SIGTERM to this process, but asking again changes nothing. */
  askToEnd(): void {
    if (!this.#asked) this.#take('SIGTERM');
  }

  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#cancelGrace?.();
  }

  #take(signal: RelayedSignal): void {
    const { logger, kill, sharesTerminal, clock, graceMs } = this.#options;
    if (ENDING.has(signal)) this.#first ??= signal;
    if (FROM_TERMINAL.has(signal) && sharesTerminal()) return;
    if (!ENDING.has(signal)) {
      kill(signal);
      return;
    }
    if (this.#asked) {
      this.#endHard('a second signal came');
      return;
    }
    this.#asked = true;
    logger.info({ signal }, 'received a signal, shutting down');
    kill(signal);
    if (signal === 'SIGTERM') {
      this.#cancelGrace = clock.after(graceMs, () => {
        this.#endHard('the command did not end in time');
      });
    }
  }

  #endHard(why: string): void {
    if (this.#hard.signal.aborted) return;
    this.#options.logger.warn({ why }, 'ending at once');
    this.#hard.abort(new Error(why));
    this.#options.kill('SIGKILL');
  }
}

/** From /proc/self/stat: is our process group the one the terminal's signals go to? */
export function isForegroundGroup(stat: string): boolean {
  // The command name may have spaces and parentheses; the numbers begin after the last one.
  const [, , group, , , foreground] = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  return group !== undefined && group === foreground;
}

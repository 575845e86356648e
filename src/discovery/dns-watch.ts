// Follows the endpoints of one name for as long as somebody wants them. Each record type is asked for
// on its own: again when its time to live is over (within bounds), after a failure with back-off. A
// failure keeps the last good answer of its type; an answer that the name or its records do not exist
// is believed and takes the endpoints away.
import { Backoff, type BackoffSettings } from '../core/backoff.js';
import type { CancelTimer, Clock } from '../core/clock.js';
import { formatHostPort } from '../core/ip.js';
import { Watch, type ReadonlyWatch } from '../core/watch.js';
import type { DnsEndpoint, DnsOutcome, DnsRecordType, DnsResolver } from './dns-resolver.js';

const FAILURE_BACKOFF: BackoffSettings = { minMs: 1000, maxMs: 60_000, jitter: 0.1 };

export type NameState =
  /** Nothing to use yet, and not every record type has been answered. */
  | { readonly kind: 'pending' }
  /** `failure`: why the latest question of some type had no answer, while older answers are used. */
  | {
      readonly kind: 'known';
      readonly endpoints: readonly DnsEndpoint[];
      readonly failure: string | undefined;
    }
  /** Nothing to use, and some record type could not be asked. It is tried again. */
  | { readonly kind: 'failed'; readonly failure: string };

export interface DnsWatchOptions {
  readonly name: string;
  readonly types: readonly DnsRecordType[];
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly resolver: DnsResolver;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
}

export class DnsWatch {
  readonly #options: DnsWatchOptions;
  readonly #state = new Watch<NameState>({ kind: 'pending' });
  readonly #questions: readonly RecordQuestion[];

  /** Nothing is asked before `start`. */
  constructor(options: DnsWatchOptions) {
    this.#options = options;
    this.#questions = options.types.map(
      (type) =>
        new RecordQuestion(type, options, () => {
          this.#update();
        }),
    );
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): ReadonlyWatch<NameState> {
    return this.#state;
  }

  start(): void {
    for (const question of this.#questions) question.ask();
  }

  /** Nothing is asked or told after this. */
  stop(): void {
    for (const question of this.#questions) question.stop();
  }

  #update(): void {
    const next = this.#merge();
    if (!sameState(next, this.#state.value)) this.#state.set(next);
  }

  #merge(): NameState {
    const questions = this.#questions;
    const failure = questions.find((question) => question.failure !== undefined)?.failure;
    const endpoints = questions.flatMap((question) => question.endpoints ?? []);
    if (endpoints.length > 0) return { kind: 'known', endpoints, failure };
    if (questions.some((question) => !question.answered)) return { kind: 'pending' };
    return failure === undefined ? { kind: 'known', endpoints, failure } : { kind: 'failed', failure };
  }
}

/** One record type of the name: asking, waiting, asking again. */
class RecordQuestion {
  /** The last good answer; undefined when there was none. */
  endpoints: readonly DnsEndpoint[] | undefined;
  /** Why the latest question failed; undefined when it did not. */
  failure: string | undefined;
  /** Some outcome is there, good or bad. */
  answered = false;
  readonly #type: DnsRecordType;
  readonly #options: DnsWatchOptions;
  readonly #onOutcome: () => void;
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  #cancelTimer: CancelTimer | undefined;

  constructor(type: DnsRecordType, options: DnsWatchOptions, onOutcome: () => void) {
    this.#type = type;
    this.#options = options;
    this.#onOutcome = onOutcome;
    this.#backoff = new Backoff(FAILURE_BACKOFF, options.random);
  }

  ask(): void {
    const { resolver, name } = this.#options;
    resolver.resolve(name, this.#type, this.#abort.signal).then(
      (outcome) => {
        this.#accept(outcome);
      },
      (error: unknown) => {
        // Only when aborted, by contract; anything else must not stop the watch.
        this.#accept({ kind: 'failed', detail: error instanceof Error ? error.message : String(error) });
      },
    );
  }

  stop(): void {
    this.#abort.abort(new Error(`nobody wants ${this.#options.name} any more`));
    this.#cancelTimer?.();
  }

  #accept(outcome: DnsOutcome): void {
    if (this.#abort.signal.aborted) return;
    this.answered = true;
    const delayMs = this.#take(outcome);
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.ask();
    });
    this.#onOutcome();
  }

  /** Answers how long the outcome is good for. */
  #take(outcome: DnsOutcome): number {
    if (outcome.kind === 'failed') {
      this.failure = outcome.detail;
      return this.#backoff.next();
    }
    this.failure = undefined;
    this.#backoff.reset();
    this.endpoints = outcome.kind === 'answer' ? outcome.endpoints : [];
    const ttlMs = outcome.kind === 'answer' ? outcome.ttlMs : 0;
    return Math.min(Math.max(ttlMs, this.#options.minTtlMs), this.#options.maxTtlMs);
  }
}

function sameState(one: NameState, other: NameState): boolean {
  return stateKey(one) === stateKey(other);
}

/** Order does not matter: name servers rotate their answers. */
function stateKey(state: NameState): string {
  const failure = state.kind === 'pending' ? '' : (state.failure ?? '');
  const endpoints = state.kind === 'known' ? state.endpoints : [];
  const texts = endpoints.map(({ address, weight }) => `${formatHostPort(address)}=${String(weight)}`);
  return [state.kind, failure, ...texts.toSorted()].join(' ');
}

// The latest failures, bounded: the oldest go, and how many went is known. One that happens again
// within a minute is the same record with a higher count, and becomes the newest.
import { type FailureRecord, keyOf } from './failure-record.js';

const FOLD_WINDOW_MS = 60_000;

export class FailureRing {
  readonly #capacity: number;
  /** By key, oldest first. A record that is no longer folded into has a key of its own. */
  readonly #records = new Map<string, FailureRecord>();
  #closed = 0;
  #forgotten = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many records there are. */
  get size(): number {
    return this.#records.size;
  }

  /** Failures whose records had to go. */
  get forgotten(): number {
    return this.#forgotten;
  }

  add(record: FailureRecord): void {
    const key = keyOf(record);
    const known = this.#records.get(key);
    if (known === undefined) {
      this.#records.set(key, record);
      this.#makePlace();
    } else if (record.lastMs - known.lastMs <= FOLD_WINDOW_MS) {
      this.#records.delete(key);
      this.#records.set(key, fold(known, record));
    } else {
      this.#close(key, known);
      this.#records.set(key, record);
      this.#makePlace();
    }
  }

  newestFirst(): readonly FailureRecord[] {
    return [...this.#records.values()].reverse();
  }

  /** Keeps the place in the order, under a key that no failure has. */
  #close(key: string, record: FailureRecord): void {
    this.#closed += 1;
    const closedKey = `closed ${this.#closed}`;
    const entries = [...this.#records].map(([other, value]): [string, FailureRecord] =>
      other === key ? [closedKey, record] : [other, value],
    );
    this.#records.clear();
    for (const [other, value] of entries) this.#records.set(other, value);
  }

  #makePlace(): void {
    for (const [oldest, { count }] of this.#records) {
      if (this.#records.size <= this.#capacity) break;
      this.#records.delete(oldest);
      this.#forgotten += count;
    }
  }
}

function fold(known: FailureRecord, again: FailureRecord): FailureRecord {
  return {
    ...again,
    count: known.count + 1,
    firstMs: Math.min(known.firstMs, again.firstMs),
    // Workers tell of their failures at the same time, so an older one may come later.
    lastMs: Math.max(known.lastMs, again.lastMs),
    endpoints: again.endpoints ?? known.endpoints,
  };
}

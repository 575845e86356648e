// The latest failures, bounded: the oldest go, and how many went is known. One that happens again
// within a minute is the same record with a higher count, and becomes the newest.
import { type FailureRecord, keyOf } from './failure-record.js';

const FOLD_WINDOW_MS = 60_000;

export class FailureRing {
  readonly #capacity: number;
  /** By number, oldest first. */
  readonly #records = new Map<number, FailureRecord>();
  /** The record of a key that its next failure may be folded into. */
  readonly #latest = new Map<string, number>();
  #nextNumber = 0;
  #forgotten = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Failures whose records had to go. */
  get forgotten(): number {
    return this.#forgotten;
  }

  add(record: FailureRecord): void {
    const key = keyOf(record);
    const number = this.#latest.get(key);
    const known = number === undefined ? undefined : this.#records.get(number);
    if (number === undefined || known === undefined || record.lastMs - known.lastMs > FOLD_WINDOW_MS) {
      this.#append(key, record);
      this.#makePlace();
    } else {
      this.#records.delete(number);
      this.#append(key, fold(known, record));
    }
  }

  newestFirst(): readonly FailureRecord[] {
    return [...this.#records.values()].reverse();
  }

  #append(key: string, record: FailureRecord): void {
    this.#nextNumber += 1;
    this.#records.set(this.#nextNumber, record);
    this.#latest.set(key, this.#nextNumber);
  }

  #makePlace(): void {
    for (const [number, record] of this.#records) {
      if (this.#records.size <= this.#capacity) break;
      this.#records.delete(number);
      this.#forgotten += record.count;
      const key = keyOf(record);
      if (this.#latest.get(key) === number) this.#latest.delete(key);
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

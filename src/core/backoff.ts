// Growing waits between attempts: minimum × 2ⁿ up to the maximum, plus a random extra of at most
// `jitter` × that wait, the sum never above the maximum. The first wait is the minimum.

export interface BackoffSettings {
  readonly minMs: number;
  readonly maxMs: number;
  /** 0: no extra; 1: up to twice the wait. */
  readonly jitter: number;
}

export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #random: () => number;
  #attempts = 0;

  /** `random` answers numbers in [0, 1). */
  constructor(settings: BackoffSettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** The wait before the next attempt. */
  next(): number {
    const { minMs, maxMs, jitter } = this.#settings;
    const base = Math.min(minMs * 2 ** this.#attempts, maxMs);
    if (base < maxMs) this.#attempts += 1;
    return Math.min(base + base * jitter * this.#random(), maxMs);
  }

  /** The next wait is the minimum again: call after a success. */
  reset(): void {
    this.#attempts = 0;
  }
}

// A clock that stands still until a test moves it. Timers fire in the order of their times, those of
// equal times in the order they were set; a timer set by another fires in the same `advance` when due.
import type { CancelTimer, Clock } from '../../src/core/clock.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #epochMs: number;
  readonly #timers = new Set<Timer>();

  constructor(epochMs = Date.UTC(2000, 0, 1)) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallTime(): number {
    return this.#epochMs + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; undefined when none waits. */
  get untilNext(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.atMs - this.#nowMs;
  }

  /** Moves time and fires what becomes due. Promises settled by it run when the caller next awaits. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      this.#nowMs = next.atMs;
      this.#timers.delete(next);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  #next(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (earliest === undefined || timer.atMs < earliest.atMs) earliest = timer;
    }
    return earliest;
  }
}

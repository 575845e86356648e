// Time, as the control logic sees it: the only place with timers, so that everything above it can
// be tested with test/support/manual-clock.ts.
import { performance } from 'node:perf_hooks';

export type CancelTimer = () => void;

export interface Clock {
  /** Milliseconds that only go forward; the zero means nothing. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallTime(): number;
  /** Calls back once, never before `delayMs` are over and never from within this call. */
  after(delayMs: number, callback: () => void): CancelTimer;
}

/** Longest delay node's timers take; longer ones would fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), LONGEST_DELAY_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted before. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortReason(signal));
      return;
    }
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      reject(abortReason(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
}

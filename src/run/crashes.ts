// Errors that nobody handled: told with where they came from, and the end of whoever runs.
import { type Logger } from '../core/logger.js';
import { type CrashSource } from './process-effects.js';
import { type Teardown } from './teardown.js';

/** Aborted, with the error, by the first one. */
export function followCrashes(crashes: CrashSource, logger: Logger, teardown: Teardown): AbortSignal {
  const crash = new AbortController();
  const unfollow = crashes((error) => {
    logger.error({ stack: stackOf(error) }, 'an error was not handled');
    crash.abort(error);
  });
  teardown.add('crash handlers', unfollow);
  return crash.signal;
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

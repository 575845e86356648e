// Runs what an event or a timer has set off. A mistake in it is logged and goes no further: ending the
// process would cut connections that are well for a decision about others.
import type { Logger } from '../core/logger.js';

export function guard(logger: Logger, work: () => void): void {
  try {
    work();
  } catch (error) {
    logger.error({ error }, 'the router failed; its decisions so far stay');
  }
}

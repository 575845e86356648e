// The end of a run: what is under way may finish, within bounds.
import { type DataPlane } from '../dataplane/dataplane.js';
import { type RunContext } from './run-context.js';

/** The data plane cuts what is left after its grace; it has this much longer to say so. */
const ANSWER_MARGIN_MS = 1000;

/** Resolves when the last connection has ended, the grace is over, or `hardEnd` is aborted. */
export function drain(
  { effects, config, logger }: RunContext,
  dataPlane: Pick<DataPlane, 'drain' | 'subscribe'>,
  hardEnd: AbortSignal,
): Promise<void> {
  if (hardEnd.aborted) return Promise.resolve();
  const graceMs = config.value.timeouts.drainMs;
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      unsubscribe();
      hardEnd.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = effects.clock.after(graceMs + ANSWER_MARGIN_MS, () => {
      logger.warn({ graceMs }, 'connections did not end in time and are cut');
      finish();
    });
    const unsubscribe = dataPlane.subscribe((batch) => {
      if (batch.events.some((event) => event.kind.case === 'drained')) finish();
    });
    hardEnd.addEventListener('abort', finish, { once: true });
    dataPlane.drain(graceMs);
  });
}

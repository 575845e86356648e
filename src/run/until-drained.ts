// The graceful end: the data plane accepts nothing more, lets its connections finish, and cuts what is left
// after a grace; this is waiting for that, within bounds.
import { type Clock } from '../core/clock.js';
import { type DataPlane } from '../dataplane/dataplane.js';

/** The data plane cuts what is left after its grace; it has this much longer to say so. */
const ANSWER_MARGIN_MS = 1000;

/** How the waiting ended: the last connection has, nobody said so in time, or `hardEnd` was aborted. */
export type DrainEnd = 'drained' | 'overdue' | 'called off';

export function untilDrained(
  dataPlane: Pick<DataPlane, 'drain' | 'subscribe'>,
  clock: Clock,
  graceMs: number,
  hardEnd?: AbortSignal,
): Promise<DrainEnd> {
  if (hardEnd?.aborted === true) return Promise.resolve('called off');
  return new Promise((resolve) => {
    const finish = (how: DrainEnd): void => {
      cancel();
      unsubscribe();
      hardEnd?.removeEventListener('abort', onAbort);
      resolve(how);
    };
    const onAbort = (): void => {
      finish('called off');
    };
    const cancel = clock.after(graceMs + ANSWER_MARGIN_MS, () => {
      finish('overdue');
    });
    const unsubscribe = dataPlane.subscribe((batch) => {
      if (batch.events.some((event) => event.kind.case === 'drained')) finish('drained');
    });
    hardEnd?.addEventListener('abort', onAbort, { once: true });
    dataPlane.drain(graceMs);
  });
}

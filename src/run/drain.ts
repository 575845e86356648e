// The end of a run: what is under way may finish, within bounds.
import { type DataPlane } from '../dataplane/dataplane.js';
import { type RunContext } from './run-context.js';
import { untilDrained } from './until-drained.js';

/** Resolves when the last connection has ended, the grace is over, or `hardEnd` is aborted. */
export async function drain(
  { effects, config, logger }: RunContext,
  dataPlane: Pick<DataPlane, 'drain' | 'subscribe'>,
  hardEnd: AbortSignal,
): Promise<void> {
  const graceMs = config.value.timeouts.drainMs;
  if ((await untilDrained(dataPlane, effects.clock, graceMs, hardEnd)) !== 'overdue') return;
  logger.warn({ graceMs }, 'connections did not end in time and are cut');
}

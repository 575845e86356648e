// The wrapped command during a run: made, watched until it ends, and ended when the control side
// fails, so that it is never left with its connections going nowhere.
import { constants } from 'node:os';

import { type Variables } from '../config/environment.js';
import { type HostPort, formatHostPort } from '../core/ip.js';
import { WorkloadStartError } from '../launch/errors.js';
import { type ChildExit, type Workload } from '../launch/workload.js';
import { EX_OSERR, signalExitCode } from './exit-codes.js';
import { type RunContext } from './run-context.js';
import { StartError } from './start-error.js';

/** The command of a failed control side has this long to end before it is killed. */
const CRASH_GRACE_MS = 5000;

export interface WorkloadPlace {
  readonly rung: 1 | 2 | 3;
  readonly cgroupParent: string | undefined;
  /** Over those of this process. */
  readonly variables: Variables;
}

/** Rejects with StartError when the command cannot be run. Undone by the step `workload`. */
export async function makeWorkload(run: RunContext, place: WorkloadPlace): Promise<Workload> {
  const { options, effects, config, teardown, logger } = run;
  // Without capture, virtual addresses lead nowhere: there, names are the HTTP proxy's business.
  const named = place.rung === 3 ? [] : config.value.services;
  const preparation = await effects.prepareWorkload({
    command: options.command,
    environment: { ...effects.variables(), ...place.variables },
    cgroupParent: place.cgroupParent,
    hosts: named.flatMap(({ addresses, names }) => addresses.map((ip) => ({ ip, names }))),
  });
  if (preparation.kind === 'failed') throw new StartError(preparation.exitCode, preparation.message);
  const { workload } = preparation;
  teardown.add('workload', async () => {
    for (const left of await workload.cleanup()) logger.warn({ left }, 'something could not be removed');
  });
  for (const notice of workload.notices) logger.warn({}, notice);
  return workload;
}

/** On rung 3 the command is told of the proxy in the way that many programs understand. */
export function proxyVariables(rung: 1 | 2 | 3, httpProxy: HostPort | undefined): Variables {
  if (rung !== 3 || httpProxy === undefined) return {};
  const url = `http://${formatHostPort(httpProxy)}`;
  return { HTTP_PROXY: url, http_proxy: url };
}

/** Runs the command to its end. `crash` is aborted by an error that nobody handled. */
export async function untilEnded(
  run: RunContext,
  workload: Workload,
  crash: AbortSignal,
): Promise<ChildExit> {
  const { logger, effects, teardown } = run;
  const onCrash = (): void => {
    logger.error({}, 'sluice failed: capture is taken off and the command is stopped');
    teardown.add(
      'crash grace',
      effects.clock.after(CRASH_GRACE_MS, () => workload.kill('SIGKILL')),
    );
    void teardown.undo('capture').then(() => workload.kill('SIGTERM'));
  };
  const ended = workload.start();
  crash.addEventListener('abort', onCrash, { once: true });
  try {
    return await ended;
  } catch (error) {
    if (error instanceof WorkloadStartError) throw new StartError(EX_OSERR, error.message);
    throw error;
  } finally {
    crash.removeEventListener('abort', onCrash);
  }
}

/** The command's own code, or what a shell says of a signal. */
export function exitCodeOf(exit: ChildExit): number {
  return 'code' in exit ? exit.code : signalExitCode(constants.signals[exit.signal]);
}

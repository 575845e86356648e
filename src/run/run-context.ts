// What the steps of a run share, and what a run does to the world. The composition root (src/app.ts)
// fills it; a test can be the world.
import { type Variables } from '../config/environment.js';
import { type MeshConfig } from '../config/mesh-config.js';
import { type Clock } from '../core/clock.js';
import { type IdSequence } from '../core/ids.js';
import { type Logger } from '../core/logger.js';
import { type ReadonlyWatch } from '../core/watch.js';
import { type WorkloadOptions, type WorkloadPreparation } from '../launch/workload.js';
import { type ProcFiles } from './port-holder.js';
import { type RunOptions } from './run-options.js';
import { type Teardown } from './teardown.js';

export interface RunEffects {
  readonly clock: Clock;
  readonly variables: () => Variables;
  readonly prepareWorkload: (options: WorkloadOptions) => Promise<WorkloadPreparation>;
  readonly procFiles: ProcFiles;
}

export interface RunContext {
  readonly options: RunOptions;
  readonly effects: RunEffects;
  readonly logger: Logger;
  readonly teardown: Teardown;
  readonly config: ReadonlyWatch<MeshConfig>;
  readonly listenerIds: IdSequence;
}

// What a MeshRouter needs, and nothing more.
import type { MeshConfig } from '../config/mesh-config.js';
import type { Clock } from '../core/clock.js';
import type { IdSequence } from '../core/ids.js';
import type { Logger } from '../core/logger.js';
import type { ReadonlyWatch } from '../core/watch.js';
import type { DataPlane } from '../dataplane/dataplane.js';
import type { DnsResolver } from '../discovery/dns-resolver.js';

export interface RouterOptions {
  readonly dataPlane: DataPlane;
  readonly config: ReadonlyWatch<MeshConfig>;
  readonly resolver: DnsResolver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared with whoever else opens listeners, so that no id is used twice. */
  readonly listenerIds: IdSequence;
  /**
   * `configured`: the forward HTTP proxy listens only where the configuration says so.
   * `always` (rung 3): it listens in any case, on a loopback port of the kernel's choice when unsaid.
   */
  readonly httpProxy: 'configured' | 'always';
  /** In [0, 1), for the jitter of back-offs. */
  readonly random?: () => number;
}

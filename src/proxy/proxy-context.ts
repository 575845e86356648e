// What the parts of a running proxy share, and what a proxy does to the world. The composition root
// (proxy-app.ts) fills it; a test can be the world.
import { type Variables } from '../config/environment.js';
import { type ProxyConfig } from '../config/proxy-config.js';
import { type ControllerNames } from '../control/controller-names.js';
import { type Clock } from '../core/clock.js';
import { type LogOutput } from '../logs/logger.js';
import { type ProxyLogger } from '../logs/proxy-logger.js';
import { type CrashSource, type DataPlaneOpener } from '../run/process-effects.js';
import { type SignalSource } from '../run/signal-relay.js';
import { type Teardown } from '../run/teardown.js';
import { type ControllerCertificates } from './proxy-identity.js';
import { type ProxyShutdown } from './proxy-shutdown.js';

/** Everything a proxy does to the world, so that a test can be the world. */
export interface ProxyEffects {
  readonly clock: Clock;
  readonly variables: () => Variables;
  readonly logOutput: () => LogOutput;
  /** Standard error, for what cannot be logged. */
  readonly complain: (text: string) => void;
  readonly openDataPlane: DataPlaneOpener;
  readonly names: (dns: ProxyConfig['dns']) => ControllerNames;
  readonly signals: SignalSource;
  readonly crashes: CrashSource;
  readonly memoryBytes: () => number;
}

export interface Proxy {
  readonly config: ProxyConfig;
  readonly certificates: ControllerCertificates;
  readonly effects: ProxyEffects;
  readonly logger: ProxyLogger;
  readonly teardown: Teardown;
  readonly shutdown: ProxyShutdown;
  /** Aborted by an error that nobody handled. */
  readonly crash: AbortSignal;
}

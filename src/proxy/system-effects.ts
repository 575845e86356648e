// The real world of a proxy.
import { SystemControllerNames } from '../control/system-controller-names.js';
import { environmentVariables } from '../config/environment.js';
import { systemClock } from '../core/clock.js';
import { SystemDnsResolver } from '../discovery/system-dns-resolver.js';
import { standardOutput } from '../logs/logger.js';
import { availableMemoryBytes } from '../run/data-plane-settings.js';
import { openNativeDataPlane, processCrashes, processSignals } from '../run/process-effects.js';
import { type ProxyEffects } from './proxy-context.js';

export const systemProxyEffects: ProxyEffects = {
  clock: systemClock,
  variables: environmentVariables,
  logOutput: standardOutput,
  complain: (text) => {
    process.stderr.write(text);
  },
  openDataPlane: openNativeDataPlane,
  names: ({ servers, minTtlMs, maxTtlMs }) =>
    new SystemControllerNames({ servers, addresses: new SystemDnsResolver({ servers }), minTtlMs, maxTtlMs }),
  signals: processSignals,
  crashes: processCrashes,
  memoryBytes: availableMemoryBytes,
};

// Options of a run as a test wants them: no admin server, no eBPF, one worker.
import { type RunOptions } from '../../src/run/run-options.js';

export function aRunOptions(changes: Partial<RunOptions> = {}): RunOptions {
  return {
    command: ['true'],
    configFile: undefined,
    inboundPorts: [],
    admin: 'off',
    requireEbpf: false,
    allowEbpf: true,
    redirectedPort: undefined,
    workers: 1,
    poller: 'libuv',
    logLevel: 'debug',
    logFormat: 'plain',
    dnsServers: [],
    ...changes,
  };
}

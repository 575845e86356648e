// What a run is asked to do: the checked options of `sluice run`. Made by src/cli.
import { type LogFormat, type LogLevelName, type PollerName } from '../config/environment.js';
import { type HostPort } from '../core/ip.js';

/** Where `sluice metrics` and `sluice routes` look, and `sluice run` listens, when nothing is said. */
export const DEFAULT_ADMIN: HostPort = { ip: '127.0.0.1', port: 4191 };

export interface RunOptions {
  readonly command: readonly [string, ...string[]];
  readonly configFile: string | undefined;
  readonly inboundPorts: readonly number[];
  /** Undefined: where the mesh file says, else DEFAULT_ADMIN when it is free. */
  readonly admin: HostPort | 'off' | undefined;
  readonly requireEbpf: boolean;
  readonly allowEbpf: boolean;
  readonly redirectedPort: number | undefined;
  readonly workers: number;
  readonly poller: PollerName;
  readonly logLevel: LogLevelName;
  readonly logFormat: LogFormat;
  readonly dnsServers: readonly string[];
}

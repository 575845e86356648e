// What a controller is asked to do: the checked options of `sluice controller`. Made by src/cli.
import type { LogFormat, LogLevelName } from '../config/environment.js';
import type { HostPort } from '../core/ip.js';

/** Loopback: proxies speak to it without TLS there (reference, proxy behaviour §1.9). */
export const DEFAULT_CONTROLLER: HostPort = { ip: '127.0.0.1', port: 8086 };

export interface ControllerOptions {
  readonly configFile: string;
  readonly listen: HostPort;
  /** Folder of the certificate authority. */
  readonly authorityFolder: string;
  readonly logLevel: LogLevelName;
  readonly logFormat: LogFormat;
  readonly dnsServers: readonly string[];
}

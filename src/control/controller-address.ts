// Where a controller is, as it is configured, and what follows from that (reference, proxy behaviour
// §1.9): those on this host are spoken to in clear and their streams have no limits.
import type { StreamLimits } from '../config/proxy-config.js';
import type { BackoffSettings } from '../core/backoff.js';
import { canonicalIp, ipFamily, isLoopback } from '../core/ip.js';

export interface ControllerAddress {
  /** An IP address in canonical form, or a name in lower case; its last dot, if any, is kept. */
  readonly host: string;
  readonly port: number;
  readonly loopback: boolean;
}

/** How connections to its endpoints are made. */
export interface ConnectSettings {
  readonly timeoutMs: number;
  /** Between attempts; between questions to the name system and of streams too. */
  readonly backoff: BackoffSettings;
  /** Idle time before TCP probes; undefined: none are sent. */
  readonly keepaliveMs: number | undefined;
}

export interface ControllerSettings {
  readonly address: ControllerAddress;
  readonly connect: ConnectSettings;
  /** Not heeded for a controller on this host. */
  readonly limits: StreamLimits;
}

export const NO_LIMITS: StreamLimits = { initialMs: undefined, idleMs: undefined, lifetimeMs: undefined };

/** `host` is an IP address without brackets, or a name known to be valid. */
export function controllerAddress(host: string, port: number): ControllerAddress {
  const ip = canonicalIp(host);
  if (ip !== undefined) return { host: ip, port, loopback: isLoopback(ip) };
  const name = host.toLowerCase();
  return { host: name, port, loopback: name === 'localhost' || name === 'localhost.' };
}

/** `name:port`, for people and labels; names without their last dot. */
export function controllerText({ host, port }: ControllerAddress): string {
  return `${authorityHost(host)}:${String(port)}`;
}

/** What requests carry as `:authority`: port 80 is left out (reference, proxy behaviour §12.1). */
export function controllerAuthority(address: ControllerAddress): string {
  return address.port === 80 ? authorityHost(address.host) : controllerText(address);
}

export function streamLimits({ address, limits }: ControllerSettings): StreamLimits {
  return address.loopback ? NO_LIMITS : limits;
}

function authorityHost(host: string): string {
  if (canonicalIp(host) === undefined) return host.replace(/\.$/, '');
  return ipFamily(host) === 6 ? `[${host}]` : host;
}

// The process environment: the only reader of process.env. What sluice itself takes from it is read
// and checked here, every mistake at once; options of the command line win over it.
import { availableParallelism } from 'node:os';
import { platform } from 'node:process';

import { parseHostPort } from '../core/ip.js';
import { failure, success, type Result } from '../core/result.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevelName = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['plain', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const POLLERS = ['epoll', 'libuv'] as const;
export type PollerName = (typeof POLLERS)[number];

export const LARGEST_WORKER_COUNT = 64;
/** Without SLUICE_WORKERS: one worker per available processor, at most this many. */
const DEFAULT_WORKER_LIMIT = 4;

export interface Environment {
  /** SLUICE_LOG; default `info`. */
  readonly logLevel: LogLevelName;
  /** SLUICE_LOG_FORMAT; default `plain`. */
  readonly logFormat: LogFormat;
  /** SLUICE_WORKERS, 1..64. */
  readonly workers: number;
  /** SLUICE_POLLER; default `epoll` on Linux, `libuv` elsewhere. */
  readonly poller: PollerName;
  /** SLUICE_DNS_SERVERS, comma list of `address` or `address:port`; empty: those of the system. */
  readonly dnsServers: readonly string[];
}

export interface EnvironmentError {
  readonly variable: string;
  readonly message: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/** What this process was started with; also what CMD and `/env.json` get. */
export function environmentVariables(): Variables {
  return { ...process.env };
}

/** Reads the variables of sluice. An empty one counts as absent. */
export function readEnvironment(
  variables: Variables = process.env,
): Result<Environment, readonly EnvironmentError[]> {
  const errors: EnvironmentError[] = [];
  const valueOf = (variable: string): string | undefined => {
    const value = variables[variable]?.trim();
    return value === '' ? undefined : value;
  };
  const oneOf = <T extends string>(variable: string, allowed: readonly T[], fallback: T): T => {
    const value = valueOf(variable)?.toLowerCase();
    if (value === undefined) return fallback;
    const found = allowed.find((item) => item === value);
    if (found !== undefined) return found;
    errors.push({ variable, message: `must be one of ${allowed.join(', ')}, not "${value}"` });
    return fallback;
  };
  const workers = (): number => {
    const value = valueOf('SLUICE_WORKERS');
    const available = Math.min(availableParallelism(), DEFAULT_WORKER_LIMIT);
    if (value === undefined) return available;
    const count = /^\d+$/.test(value) ? Number(value) : 0;
    if (count >= 1 && count <= LARGEST_WORKER_COUNT) return count;
    const message = `must be a whole number from 1 to ${String(LARGEST_WORKER_COUNT)}, not "${value}"`;
    errors.push({ variable: 'SLUICE_WORKERS', message });
    return available;
  };
  const dnsServers = (): readonly string[] => {
    const items = valueOf('SLUICE_DNS_SERVERS')?.split(',') ?? [];
    const servers = items.map((item) => item.trim());
    for (const server of servers) {
      const withPort =
        parseHostPort(server) ?? parseHostPort(`${server}:53`) ?? parseHostPort(`[${server}]:53`);
      if (withPort !== undefined && withPort.port !== 0) continue;
      errors.push({
        variable: 'SLUICE_DNS_SERVERS',
        message: `"${server}" is neither an IP address nor address:port`,
      });
    }
    return servers;
  };

  const environment: Environment = {
    logLevel: oneOf('SLUICE_LOG', LOG_LEVELS, 'info'),
    logFormat: oneOf('SLUICE_LOG_FORMAT', LOG_FORMATS, 'plain'),
    workers: workers(),
    poller: oneOf('SLUICE_POLLER', POLLERS, platform === 'linux' ? 'epoll' : 'libuv'),
    dnsServers: dnsServers(),
  };
  return errors.length === 0 ? success(environment) : failure(errors);
}

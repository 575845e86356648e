// The options of `sluice run`, checked: every mistake is reported, each with the option it is in. What an
// option leaves open comes from the environment (SLUICE_*).
import {
  type Environment,
  LARGEST_WORKER_COUNT,
  LOG_FORMATS,
  LOG_LEVELS,
  POLLERS,
} from '../config/environment.js';
import { type HostPort, parseHostPort, parsePort } from '../core/ip.js';
import { type RunOptions } from '../run/run-options.js';
import { failure, type Result, success } from '../core/result.js';
import { oneOf, OptionReader } from './option-reader.js';

/** What the command line said, not checked. `true`: the option came without its value. */
export interface RawRunOptions {
  readonly config?: string | true;
  readonly inbound?: readonly string[] | true;
  readonly admin?: string | true;
  readonly requireEbpf?: boolean;
  /** False: `--no-ebpf`. */
  readonly ebpf?: boolean;
  readonly redirectedPort?: string | true;
  readonly workers?: string | true;
  readonly poller?: string | true;
  readonly logLevel?: string | true;
  readonly logFormat?: string | true;
}

function parseTcpPort(text: string): number | undefined {
  const port = parsePort(text);
  return port === 0 ? undefined : port;
}

function parseWorkers(text: string): number | undefined {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= LARGEST_WORKER_COUNT ? count : undefined;
}

const PORT_EXPECTED = 'a port from 1 to 65535';

/** `address:port`, or a port of 127.0.0.1. */
export function parseAdminAddress(text: string): HostPort | undefined {
  const port = parsePort(text);
  return port === undefined ? parseHostPort(text) : { ip: '127.0.0.1', port };
}

export const ADMIN_EXPECTED = 'address:port, such as 127.0.0.1:4191';

export function parseRunOptions(
  raw: RawRunOptions,
  command: readonly string[],
  environment: Environment,
): Result<RunOptions, readonly string[]> {
  const reader = new OptionReader();
  const inbound: readonly (string | true)[] =
    raw.inbound === true ? [true] : (raw.inbound ?? []).flatMap((item) => item.split(','));
  const inboundPorts = inbound.map((item) => reader.read('inbound', item, parseTcpPort, PORT_EXPECTED, 0));
  const options = {
    configFile: reader.read('config', raw.config, (text) => text, 'the path of a mesh file', undefined),
    inboundPorts: [...new Set(inboundPorts)],
    admin: reader.read(
      'admin',
      raw.admin,
      (text): HostPort | 'off' | undefined => (text === 'off' ? text : parseAdminAddress(text)),
      `${ADMIN_EXPECTED}, or off`,
      undefined,
    ),
    requireEbpf: raw.requireEbpf === true,
    allowEbpf: raw.ebpf !== false,
    redirectedPort: reader.read(
      'redirected-port',
      raw.redirectedPort,
      parseTcpPort,
      PORT_EXPECTED,
      undefined,
    ),
    workers: reader.read(
      'workers',
      raw.workers,
      parseWorkers,
      `a whole number from 1 to ${String(LARGEST_WORKER_COUNT)}`,
      environment.workers,
    ),
    poller: reader.read(
      'poller',
      raw.poller,
      oneOf(POLLERS),
      `one of ${POLLERS.join(', ')}`,
      environment.poller,
    ),
    logLevel: reader.read(
      'log-level',
      raw.logLevel,
      oneOf(LOG_LEVELS),
      `one of ${LOG_LEVELS.join(', ')}`,
      environment.logLevel,
    ),
    logFormat: reader.read(
      'log-format',
      raw.logFormat,
      oneOf(LOG_FORMATS),
      `one of ${LOG_FORMATS.join(', ')}`,
      environment.logFormat,
    ),
    dnsServers: environment.dnsServers,
  };
  if (options.requireEbpf && !options.allowEbpf) {
    reader.errors.push('--require-ebpf and --no-ebpf exclude each other');
  }
  const [program, ...args] = command;
  if (program === undefined || program === '') {
    reader.errors.push(
      'the command to run is missing: put it after --, as in `sluice run -- curl http://web/`',
    );
    return failure(reader.errors);
  }
  return reader.errors.length === 0
    ? success({ ...options, command: [program, ...args] })
    : failure(reader.errors);
}
